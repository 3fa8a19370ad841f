# ruff: noqa: E501
"""`schedule-too-fast` before any loop: what the cells tell of the run, faults, and programs that look like them."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch

from nbrecipe import toys
from nbrecipe.bench import Bench, Cell
from nbrecipe.finding import Finding, Verdict
from nbrecipe.probes.loops.schedule import planned
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

S = torch.optim.lr_scheduler
SGD = "opt = torch.optim.SGD(net.parameters(), 0.1)\n"
STEP = "opt.zero_grad(); loss = criterion(net(x), y); loss.backward(); opt.step()"


def epochs(count: object = 10, batch: str = "", epoch: str = "pass", over: str = "x, y in train_dl") -> str:
    """A usual loop; `batch` stands after each step, `epoch` after each pass."""
    return f"for epoch in range({count}):\n    for {over}:\n        {STEP}\n        {batch}\n    {epoch}\n"


EACH = "sched.step()"
TRAIN = """
def train(model, loader, optimizer, scheduler=None, epochs=10):
    model.train()
    for epoch in range(epochs):
        for x, y in loader:
            optimizer.zero_grad(); criterion(model(x), y).backward(); optimizer.step()
            if scheduler is not None:
                scheduler.step()
"""
PARTS = f"""
def one_epoch(net, dl, opt, sched):
    for i, (x, y) in enumerate(dl, 1):
        {STEP}
        sched.step()
def evaluate(net, dl):
    for i, (x, y) in enumerate(dl):
        if i > 2:
            return i
"""
#: (verdict, name, the scheduler, the cells after it)
PROGRAMS: list[tuple[str, str, str, list[str]]] = [
    ("bad", "by batches", "S.StepLR(opt, 3)", [epochs(10, EACH)]),
    ("bad", "by batches, epochs named", "S.StepLR(opt, 3)", ["EPOCHS = 10", epochs("EPOCHS", EACH)]),
    ("bad", "by batches, in a dict", "S.StepLR(opt, 3)", ["cfg = {'epochs': 5 * 2}", epochs("cfg['epochs']", EACH)]),
    ("bad", "by batches, in a class", "S.StepLR(opt, 3)", ["class C:\n    epochs = 10\n", epochs("C.epochs", EACH)]),
    ("bad", "by batches, in an object", "S.StepLR(opt, 3)", ["class C:\n    epochs: int = 10\ncfg = C()", epochs("cfg.epochs", EACH)]),
    ("bad", "by batches, enumerated", "S.StepLR(opt, 3)", [epochs(10, EACH, over="i, (x, y) in enumerate(train_dl)")]),
    ("bad", "by batches, with a bar", "S.StepLR(opt, 3)", ["def tqdm(x, **k): return x\n", epochs(10, EACH, over="x, y in tqdm(train_dl, desc='')")]),
    ("bad", "a cosine as long as the epochs", "S.CosineAnnealingLR(opt, 10)", [epochs(10, EACH)]),
    ("bad", "a linear decay as long as the epochs", "S.LinearLR(opt, 1.0, 0.01, total_iters=10)", [epochs(10, EACH)]),
    ("bad", "exponential by batches", "S.ExponentialLR(opt, 0.5)", [epochs(10, EACH)]),
    ("bad", "a decay of its own by batches", "S.LambdaLR(opt, lambda e: 0.3 ** e)", [epochs(10, EACH)]),
    ("bad", "milestones by batches", "S.MultiStepLR(opt, [5, 8])", [epochs(10, EACH)]),
    ("bad", "in a function", "S.StepLR(opt, 3)", [TRAIN, "train(net, train_dl, opt, sched)"]),
    ("bad", "in a function with a keyword", "S.StepLR(opt, 3)", [TRAIN, "train(net, train_dl, opt, scheduler=sched, epochs=12)"]),
    ("bad", "in a function within a loop", "S.StepLR(opt, 3)", [PARTS, "for epoch in range(10):\n    one_epoch(net, train_dl, opt, sched)\n    evaluate(net, train_dl)"]),
    ("bad", "after each second batch", "S.StepLR(opt, 2)", [epochs(10, "if (i + 1) % 2 == 0: sched.step()", over="i, (x, y) in enumerate(train_dl)")]),
    ("bad", "by a count of steps", "S.StepLR(opt, 2)", ["step = 0", f"for epoch in range(10):\n    for x, y in train_dl:\n        {STEP}\n        step += 1\n        if step % 2 == 0:\n            sched.step()"]),
    ("bad", "steps of the whole data", "S.ExponentialLR(opt, 0.3)", [f"x, y = next(iter(train_dl))\nfor step in range(100):\n    {STEP}; sched.step()"]),
    ("bad", "after another loop", "S.StepLR(opt, 3)", [epochs(2), epochs(10, EACH)]),
    ("bad", "with a scaler", "S.StepLR(opt, 3)", ["scaler = torch.amp.GradScaler('cpu', enabled=False)\nfor epoch in range(10):\n    for x, y in train_dl:\n        opt.zero_grad(); scaler.scale(criterion(net(x), y)).backward(); scaler.step(opt); scaler.update(); sched.step()"]),
    ("bad", "one phase of two", "S.StepLR(opt, 3)", [f"for epoch in range(10):\n    for phase in ['train', 'val']:\n        for x, y in train_dl:\n            if phase == 'train':\n                {STEP}\n                sched.step()"]),
    ("bad", "another name", "S.StepLR(opt, 3)", ["schedule = sched", epochs(10, "schedule.step()")]),
    ("bad", "a while loop", "S.StepLR(opt, 3)", [f"epoch = 0\nwhile epoch < 10:\n    for x, y in train_dl:\n        {STEP}\n        sched.step()\n    epoch += 1"]),
    ("hint", "that may end early", "S.StepLR(opt, 3)", [epochs(10, EACH, "if loss < 0: break")]),
    ("hint", "that leaves batches out", "S.StepLR(opt, 3)", [f"for epoch in range(10):\n    for x, y in train_dl:\n        if y.sum() < 0: continue\n        {STEP}\n        sched.step()"]),
    ("ok", "by epochs", "S.StepLR(opt, 3)", [epochs(10, epoch=EACH)]),
    ("ok", "a cosine by epochs", "S.CosineAnnealingLR(opt, 10)", [epochs(10, epoch=EACH)]),
    ("ok", "a cosine by batches", "S.CosineAnnealingLR(opt, 10 * len(train_dl))", [epochs(10, EACH)]),
    ("ok", "a cosine a few calls too long", "S.CosineAnnealingLR(opt, 45)", [epochs(10, EACH)]),
    ("ok", "one cycle", "S.OneCycleLR(opt, 0.1, total_steps=10 * len(train_dl))", [epochs(10, EACH)]),
    ("ok", "one cycle of epochs and batches", "S.OneCycleLR(opt, 0.1, epochs=10, steps_per_epoch=len(train_dl))", [epochs(10, EACH)]),
    ("ok", "warm restarts", "S.CosineAnnealingWarmRestarts(opt, 5)", [epochs(10, EACH)]),
    ("ok", "cycles", "S.CyclicLR(opt, 0.01, 0.1, step_size_up=4)", [epochs(10, EACH)]),
    ("ok", "a warm-up by batches, then constant", "S.LambdaLR(opt, lambda s: min(1.0, (s + 1) / 8))", [epochs(10, EACH)]),
    ("ok", "a warm-up, then a cosine", "S.SequentialLR(opt, [S.LinearLR(opt, 0.1, total_iters=5), S.CosineAnnealingLR(opt, 35)], [5])", [epochs(10, EACH)]),
    ("ok", "inverse square root", "S.LambdaLR(opt, lambda s: min((s + 1) / 5, (5 / (s + 1)) ** 0.5))", [epochs(10, EACH)]),
    ("ok", "1/t", "S.LambdaLR(opt, lambda s: 1 / (1 + 20 * s))", [epochs(10, EACH)]),
    ("ok", "early stopping", "S.CosineAnnealingLR(opt, 10)", [epochs(10, epoch="sched.step()\n    if loss < 0: break")]),
    ("ok", "accumulation", "S.CosineAnnealingLR(opt, 20)", ["for epoch in range(10):\n    for i, (x, y) in enumerate(train_dl):\n        criterion(net(x), y).backward()\n        if (i + 1) % 2 == 0 or i + 1 == len(train_dl):\n            opt.step(); opt.zero_grad(); sched.step()"]),
    ("ok", "late drops in a function", "S.MultiStepLR(opt, [30, 36])", [TRAIN, "train(net, train_dl, opt, sched)"]),
    ("ok", "two loops, the second with a schedule of its own", "S.StepLR(opt, 3)", [epochs(10, EACH), SGD + "sched = S.StepLR(opt, 30)", epochs(10, EACH)]),
    ("ok", "a later loop of the same schedule", "S.StepLR(opt, 30)", [epochs(5, EACH), epochs(5, EACH)]),
    ("ok", "a break after five batches", "S.CosineAnnealingLR(opt, 20)", [epochs(10, EACH, over="i, (x, y) in enumerate(train_dl)").replace(STEP, f"if i == 2: break\n        {STEP}")]),
    ("skipped", "defined and not called", "S.StepLR(opt, 3)", [TRAIN]),
    ("skipped", "no loop", "S.StepLR(opt, 3)", ["print(net)"]),
    ("skipped", "a few steps", "S.StepLR(opt, 3)", [epochs(2, EACH)]),
    ("skipped", "follows a metric", "S.ReduceLROnPlateau(opt)", [epochs(10, epoch="sched.step(loss.item())")]),
    ("skipped", "a picture of the schedule", "S.StepLR(opt, 3)", ["rates = []\nfor i in range(1000):\n    rates.append(sched.get_last_lr()); sched.step()"]),
    ("skipped", "unknown epochs", "S.StepLR(opt, 3)", ["import os\nN = int(os.environ.get('N', 10))", epochs("N", EACH)]),
    ("skipped", "unknown batches", "S.StepLR(opt, 3)", ["def batches():\n    yield from train_dl\n", epochs(10, EACH, over="x, y in batches()")]),
    ("skipped", "while the loss is high", "S.StepLR(opt, 3)", [f"x, y = next(iter(train_dl)); n = 0\nwhile n < 100:\n    {STEP}\n    sched.step(); n = n + int(y.numel() > 0)"]),
    ("skipped", "stepped by a test", "S.StepLR(opt, 3)", [epochs(10, "if loss > 0: sched.step()")]),
    ("skipped", "a pass may end early", "S.StepLR(opt, 3)", [epochs(10, EACH).replace(STEP, f"if y.sum() < 0: break\n        {STEP}")]),
    ("skipped", "given to a trainer", "S.StepLR(opt, 3)", ["class Trainer:\n    def __init__(self, *parts): self.parts = parts\n", "trainer = Trainer(net, opt, sched)"]),
    ("skipped", "kept by an object", "S.StepLR(opt, 3)", ["class State: pass\nstate = State()\nstate.sched = sched", epochs(10, "state.sched.step()")]),
    ("skipped", "kept in a list", "S.StepLR(opt, 3)", ["all = [sched]", epochs(10, "for s in all: s.step()")]),
    ("skipped", "one of two", "S.StepLR(opt, 3)", ["swa = torch.optim.swa_utils.SWALR(opt, 0.05)", epochs(10, epoch="(swa if epoch > 5 else sched).step()")]),
    ("skipped", "says itself which step", "S.StepLR(opt, 3)", [epochs(10, "sched.step(epoch)")]),
    ("skipped", "a function that counts its calls", "S.LambdaLR(opt, lambda e: calls.append(e) or 0.3 ** e)", [epochs(10, EACH)]),
    ("skipped", "another rate by hand", "S.StepLR(opt, 3)", ["opt.param_groups[0]['lr'] = 0.5", epochs(10, EACH)]),
    ("skipped", "a warm-up by hand", "S.StepLR(opt, 3)", [epochs(10, "opt.param_groups[0]['lr'] *= 2; sched.step()")]),
    ("skipped", "two schedules", "S.StepLR(opt, 3)", ["warm = S.LinearLR(opt, 0.1, total_iters=5)", epochs(10, "warm.step(); sched.step()")]),
    ("skipped", "a comprehension", "S.StepLR(opt, 3)", [epochs(10, "[sched.step() for _ in range(2)]")]),
    ("skipped", "an attribute of a module", "S.StepLR(opt, 3)", [epochs(10, "net.sched_step = sched.step")]),
    ("bad", "one step in a cell before", "S.StepLR(opt, 3)", ["sched.step(); opt.step()", epochs(10, EACH)]),
    ("skipped", "made anew in a sweep", "S.StepLR(opt, 3)", ["for lr in [0.1, 0.2]:\n    opt = torch.optim.SGD(net.parameters(), lr); sched = S.StepLR(opt, 3)\n    for x, y in train_dl:\n        opt.step(); sched.step()"]),
]  # fmt: skip


class Notebook:
    """Cells that run, and the bench that they leave."""

    def __init__(self, scheduler: str, cells: list[str]) -> None:
        given = toys.classify()
        net, criterion, _ = toys.parts(given)
        loader = given.train_loader
        self.space: dict[str, Any] = {
            "torch": torch, "S": S, "net": net, "criterion": criterion, "train_dl": loader, "calls": [],
        }  # fmt: skip
        self.cells = ["train_dl = DataLoader(data, 64)", SGD + f"sched = {scheduler}", *cells]
        self.ran = 1

    def run(self, upto: int) -> Notebook:
        """Run the cells up to a number."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for source in self.cells[self.ran : upto]:
                exec(source, self.space)
        self.ran = upto
        return self

    def bench(self) -> Bench:
        """What a check sees as the last cell is at hand."""
        cells = tuple(Cell(number, source) for number, source in enumerate(self.cells, 1))
        names = {"model": "net", "optimizer": "opt", "scheduler": "sched", "train_loader": "train_dl"}
        space = self.space
        given = Bench(model=space["net"], loss_fn=space["criterion"], train_loader=space["train_dl"], names=names)
        return given.replace(optimizer=space["opt"], scheduler=space["sched"], cells=cells)


def judged(given: Bench) -> Finding:
    return run(all_checks()["schedule-too-fast"], given).finding


@pytest.mark.parametrize(("verdict", "name", "scheduler", "cells"), PROGRAMS, ids=[p[1] for p in PROGRAMS])
def test_a_schedule_is_judged_before_its_loop(verdict, name, scheduler, cells):
    notebook = Notebook(scheduler, cells).run(1 + len(cells))
    before = _state(notebook)
    found = judged(notebook.bench())
    assert found.verdict is Verdict(verdict), found
    assert _state(notebook) == before


def _state(notebook: Notebook) -> str:
    parts = [notebook.space[name] for name in ("net", "sched", "opt")]
    return repr([*(part.state_dict() for part in parts), notebook.space["calls"], torch.get_rng_state().tolist()])


COUNTED = [p for p in PROGRAMS if p[0] != "skipped"]


@pytest.mark.parametrize(("verdict", "name", "scheduler", "cells"), COUNTED, ids=[p[1] for p in COUNTED])
def test_what_was_counted_is_what_happens(verdict, name, scheduler, cells):
    notebook = Notebook(scheduler, cells).run(1 + len(cells))
    course = planned(notebook.bench())
    sched, opt = notebook.space["sched"], notebook.space["opt"]
    rates, counted = [], [0]

    def stepped(step: Any) -> Any:
        rates.append(opt.param_groups[0]["lr"])
        counted[0] += 1
        return step()

    inner = sched.step
    sched.step = lambda: stepped(inner)
    before = sched.last_epoch
    notebook.run(2 + len(cells))
    assert course.by.calls == before + counted[0] == sched.last_epoch
    assert course.rates[before:] == pytest.approx(rates, rel=1e-6, abs=1e-12)
    del sched.step
    if verdict != "ok" or not hasattr(sched, "_schedulers"):
        after = judged(notebook.bench())
        restart = type(sched).__name__ in ("CosineAnnealingWarmRestarts", "CyclicLR")
        assert after.verdict is (Verdict.SKIPPED if restart else Verdict(verdict)), after
