"""A watched loop, panel on, against the same loop bare; beside it what others take to look at the same loop.

The others are measured where they are installed: `pip install wandb torch-audit skorch lightning`.
"""

from __future__ import annotations

import contextlib
import cProfile
import importlib.util
import io
import json
import logging
import os
import pstats
import resource
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nbrecipe.render.runs import watching as drawn
from nbrecipe.trace import Trace, watch

from .nets import Transformer, token_loss
from .paired import keep_freed_memory, ratio

ROUNDS = 5


@dataclass
class Loop:
    """A net, one batch of a loader, and how many steps a measured run takes."""

    what: str
    net: nn.Module
    x: Tensor
    y: Tensor
    loss_fn: Callable[[Tensor, Tensor], Tensor]
    steps: int
    limit: float

    def optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.net.parameters(), 1e-3, momentum=0.9)

    def run(self, each: Callable[[Tensor], None] | None = None, optimizer: Any = None) -> None:
        """The loop as anybody writes it."""
        opt = optimizer or self.optimizer()
        for _ in range(self.steps):
            opt.zero_grad()
            loss = self.loss_fn(self.net(self.x), self.y)
            loss.backward()
            opt.step()
            if each is not None:
                each(loss)


def loops() -> list[Loop]:
    g = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    mlp = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    cnn = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(512, 10),
    )  # fmt: skip
    labels, cross = torch.randint(10, (64,), generator=g), nn.CrossEntropyLoss()
    ids = torch.randint(200, (4, 33), generator=g)
    return [
        Loop("MLP", mlp, torch.randn(64, 64, generator=g), labels, cross, 20_000, 1.10),
        Loop("convnet", cnn, torch.randn(64, 3, 32, 32, generator=g), labels, cross, 400, 1.03),
        Loop("transformer", Transformer(200, 192, 5), ids[:, :-1], ids[:, 1:], token_loss, 500, 1.03),
    ]


def rows() -> list[tuple[str, str, str]]:
    torch.set_num_threads(1)
    keep_freed_memory()
    found = []
    for loop in loops():
        found.append(_row(loop, "%%watch", lambda loop=loop: watched(loop), f"{loop.limit:g}"))
        for name, work in peers(loop):
            found.append(_row(loop, name, work, "-", rounds=3))
        found += [(f"  {what}", figure, "") for what, figure in remaining(loop)]
    found.append(memory())
    return found


def memory(steps: int = 1_000_000) -> tuple[str, str, str]:
    """What a long run leaves in memory, seen by the process's peak; a step of one weight, or this would take hours."""
    net, x = nn.Linear(1, 1, bias=False), torch.ones(1, 1)
    opt = torch.optim.SGD(net.parameters(), 1e-9)

    def run(count: int) -> Trace:
        with watch({"net": net, "opt": opt}, on_tick=shown) as watcher:
            for _ in range(count):
                opt.zero_grad()
                net(x).mean().backward()
                opt.step()
        return watcher.trace

    run(2000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    trace = run(steps)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    text = len(json.dumps(trace.to_dict())) / 1e6
    return f"memory of a trace, {steps:,} steps", f"{grown:.0f} MB, {text:.2f} MB as JSON", "50 MB"


def _row(loop: Loop, name: str, work: Callable[[], object], limit: str, rounds: int = ROUNDS) -> tuple[str, str, str]:
    value, ours, bare = ratio(work, loop.run, rounds)
    each = f"{1e3 * bare / loop.steps:.2f} ms a step bare, {1e3 * ours / loop.steps:.2f}; {loop.steps} steps"
    return f"{name}, {loop.what}", f"{value:.3f} x bare ({each})", limit


def watched(loop: Loop) -> None:
    """As a cell in JupyterLab: what the panel shows is made and packed as often as there."""
    with watch({"net": loop.net}, on_tick=shown):
        loop.run()


def shown(trace: Trace) -> None:
    """As much as the panel does on this side."""
    json.dumps(drawn.board(trace, found="", pace=""))


def remaining(loop: Loop) -> Iterator[tuple[str, str]]:
    """Where the time of watching goes: the functions of nbrecipe that take most, as shares of the run."""
    profile = cProfile.Profile()
    profile.runcall(watched, loop)
    table: Any = pstats.Stats(profile, stream=io.StringIO())
    ours = {key: row[2] for key, row in table.stats.items() if f"{os.sep}nbrecipe{os.sep}" in key[0] and row[2] > 0}
    for key in sorted(ours, key=ours.__getitem__, reverse=True)[:4]:
        where = f"{Path(key[0]).name}:{key[2]}"
        yield where, f"{ours[key] / table.total_tt:.1%} of a profiled run, {table.stats[key][0]} calls"


def peers(loop: Loop) -> Iterator[tuple[str, Callable[[], object]]]:
    """What others take for looking at the same loop."""
    if importlib.util.find_spec("wandb"):
        yield "wandb.watch(log='all'), offline", lambda: wandb_watch(loop)
    if importlib.util.find_spec("torch_audit"):
        yield "torch-audit autopatch, every step", lambda: torch_audit(loop)
    if importlib.util.find_spec("skorch"):
        yield "skorch SkorchDoctor", lambda: skorch_doctor(loop)
    if importlib.util.find_spec("lightning"):
        yield "Lightning, the loss and the rate logged", lambda: lightning_logs(loop)
    yield "one .item() of loss, gradient and weight norm a step", lambda: by_hand(loop)


def by_hand(loop: Loop) -> None:
    """What a careful person writes into the loop."""
    kept: list[tuple[float, float, float]] = []

    def each(loss: Tensor) -> None:
        grads = [p.grad for p in loop.net.parameters() if p.grad is not None]
        norm = torch.stack(torch._foreach_norm(grads)).norm()
        weights = torch.stack(torch._foreach_norm(list(loop.net.parameters()))).norm()
        kept.append((loss.item(), norm.item(), weights.item()))

    loop.run(each)


def wandb_watch(loop: Loop) -> None:
    import wandb

    os.environ["WANDB_SILENT"] = "true"
    with tempfile.TemporaryDirectory() as folder, wandb.init(mode="offline", dir=folder) as run:
        run.watch(loop.net, log="all", log_freq=100)
        loop.run(lambda loss: run.log({"loss": loss.item()}))
        run.unwatch(loop.net)


def torch_audit(loop: Loop) -> None:
    import torch_audit

    optimizer = loop.optimizer()
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        auditor = torch_audit.autopatch(loop.net, optimizer=optimizer, every_n_steps=1, reporters=[])
        try:
            loop.run(optimizer=optimizer)
        finally:
            auditor.unpatch()


def skorch_doctor(loop: Loop) -> None:
    from skorch import NeuralNet
    from skorch.helper import SkorchDoctor

    class Fed(NeuralNet):
        def get_loss(self, y_pred: Any, y_true: Any, *args: Any, **kwargs: Any) -> Any:
            return loop.loss_fn(y_pred, y_true)

    data = torch.utils.data.TensorDataset(loop.x, loop.y)
    net = Fed(
        loop.net, criterion=nn.MSELoss, optimizer=torch.optim.SGD, lr=1e-3, max_epochs=loop.steps, verbose=0,
        batch_size=len(loop.x), train_split=None, optimizer__momentum=0.9, callbacks=None,
    )  # fmt: skip
    SkorchDoctor(net).fit(data, None)


def lightning_logs(loop: Loop) -> None:
    import lightning

    class Lit(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = loop.net

        def training_step(self, batch: Any, index: int) -> Tensor:
            loss = loop.loss_fn(self.net(loop.x), loop.y)
            self.log("loss", loss, prog_bar=False)
            self.log("rate", 1e-3)
            return loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return loop.optimizer()

    for name in ("lightning", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = lightning.Trainer(
            max_steps=loop.steps, max_epochs=-1, accelerator="cpu", enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False, default_root_dir=folder, logger=False,
        )  # fmt: skip
        trainer.fit(Lit(), torch.utils.data.DataLoader(range(loop.steps), batch_size=1))
