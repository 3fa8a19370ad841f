"""Batch norm takes its statistics over enough values.

A mean over n values is off by std/√n, a variance by a factor of √(2/(n-1)): with n = 2 each value becomes +1 or -1
whatever it was, with n = 4 the scale is off by 80 %. What the layer learns in training is not what it does in eval
mode, which uses the running average. Without a loop, the values of one batch are counted, where it is as large as the
loader's batches are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sized
from typing import Any

import torch
from torch import nn

from ... import toys
from ...batches.models import plain
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, ok, skipped
from ...probes.passes.signal import forward, training
from ...task.refusal import refuse_lazy
from ...trace import Trace
from ...trace.record.data import ModelSeen

check = Check(__name__, tip="decrease the batch size")

#: values up to which the scale is off by 80 %, and by 60 %
FEWEST, FEW = 4, 6
#: code that keeps batch norms in eval mode
RESTS = re.compile(r"(batch_?norm|\bbn\b)[\s\S]{0,200}\.eval\(|freeze_bn|bn_eval", re.I)
#: passes with gradients from which on it is a training and no trial
PASSES = 3
LARGER = "Use larger batches, or a norm that does not look at the batch."
OTHER = "nn.GroupNorm(8, channels)  # or nn.LayerNorm(features)"
#: what torch says of one value
ONE = "Expected more than 1 value per channel"


@check.run
def run(bench: Bench, trace: Trace | None = None) -> Finding:
    """Judge what was seen of a loop; without one, a pass over the bench's batch in train mode."""
    return _watched(trace) if trace is not None else _of_batch(bench, bench.once(_counted))


def _counted(bench: Bench) -> dict[str, int]:
    """Most values that each batch norm takes a mean over, of those that are not left in eval mode on purpose."""
    model, fed = plain(bench.get("model")), bench.get("feed")
    refuse_lazy(model)
    found: dict[str, int] = {}

    def counting(path: str) -> Any:
        def count(module: nn.Module, args: Any, out: Any) -> None:
            if isinstance(out, torch.Tensor) and out.ndim > 1 and (module.training or fed.size < 2):
                found[path] = max(found.get(path, 0), out.numel() // max(out.shape[1], 1))

        return count

    norms = [(path, m) for path, m in model.named_modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    norms = [(path, m) for path, m in norms if (m.training or not model.training) and not _across(m)]
    handles = [module.register_forward_hook(counting(path)) for path, module in norms if not _scripted(module)]
    try:
        with training(model, fed.size), torch.no_grad():
            if norms:
                forward(bench, model, fed)
    finally:
        for handle in handles:
            handle.remove()
    return found


def _of_batch(bench: Bench, found: dict[str, int]) -> Finding:
    if not found:
        return skipped(f"no batch norm of `{bench.name('model')}` runs in train mode")
    path = min(found, key=lambda key: found[key])
    values, rows = found[path], bench.get("feed").size
    seen: dict[str, Any] = {"values": values, "layer": path, "layers": sum(n <= FEW for n in found.values())}
    loader = bench.train_loader
    size, data = getattr(loader, "batch_size", None), getattr(loader, "dataset", None)
    total = len(data) if isinstance(data, Sized) else None
    if values > FEW or total == rows:
        whole = "; this batch is the whole data set" if values <= FEW else ""
        return ok(f"batch norm takes its statistics over {values} values or more{whole}", **seen)
    # a batch handed over alone may be a sample to try the model on
    usual = size == rows and total is not None and total > rows and not _may_rest(bench)
    told = f"`{bench.name('model')}.{path}`"
    if values == 1:
        return (bad if usual else hint)(
            f"{told} cannot take a variance over **1** value", fix=LARGER, code=OTHER, **seen
        )
    return (bad if usual and values <= FEWEST else hint)(_off(told, values), fix=LARGER, code=OTHER, **seen)


def _may_rest(bench: Bench) -> bool:
    """Whether batch norms may be put in eval mode while the model trains: by its own `train`, or by a cell."""
    own = any(type(m).train is not nn.Module.train for m in bench.get("model").modules())
    return own or any(RESTS.search(cell.source) for cell in bench.cells)


def _across(module: nn.Module) -> bool:
    """Whether statistics are those of all processes together."""
    return isinstance(module, nn.SyncBatchNorm)


def _scripted(module: nn.Module) -> bool:
    return isinstance(module, torch.jit.ScriptModule)


def _off(layer: str, values: int) -> str:
    noise = math.sqrt(2 / max(values - 1, 1))
    return f"{layer} takes mean and variance over **{values}** values: the variance is off by {100 * noise:.0f} %"


def _watched(trace: Trace) -> Finding:
    if ONE in trace.error:
        return _single(trace)
    norms = [(m, n) for m in trace.models for n in m.norms if n.values]
    if not norms:
        return skipped("no batch norm layer ran in train mode with gradients")
    model, worst = min(norms, key=lambda pair: pair[1].most)
    seen: dict[str, Any] = {"values": worst.most, "layer": worst.name, "layers": sum(n.most <= FEW for _, n in norms)}
    if worst.most > FEW or _always_the_same(model):
        ragged = f"; {worst.values} in the smallest batch" if worst.values < worst.most else ""
        return ok(f"batch norm takes its statistics over {worst.most} values or more{ragged}", **seen)
    certain = worst.most <= FEWEST and sum(p.grad for p in model.passes) >= PASSES
    return (bad if certain else hint)(_off(f"`{model.name}.{worst.name}`", worst.most), fix=LARGER, code=OTHER, **seen)


def _single(trace: Trace) -> Finding:
    loader = next((one for one in trace.loaders if one.trained and one.rows and one.batch_size), None)
    left = loader.rows % loader.batch_size if loader and loader.rows and loader.batch_size else 1
    which = f"the last batch of `{loader.name}` has {left} row" if loader and left == 1 else "a batch has one row"
    return bad(
        f"{which}, and batch norm cannot take a variance over **1** value",
        fix="Leave the last batch out, or choose a size that goes up in the rows.",
        code="DataLoader(..., drop_last=True)",
        values=1,
    )


def _always_the_same(model: ModelSeen) -> bool:
    """Whether every pass saw one and the same batch: its statistics are exact, however few rows it has."""
    batches = {p.batch for p in model.passes if p.grad and p.training}
    return len(batches) == 1 and sum(p.grad for p in model.passes) > 1


def _loop(rows: int, size: int, epochs: int = 1, every: int = 1) -> Bench:
    given = toys.classify(rows=rows)
    net = nn.Sequential(nn.Linear(20, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 5))
    opt = torch.optim.Adam(net.parameters(), 1e-3)
    loader = torch.utils.data.DataLoader(given.train_data, batch_size=size)

    def program() -> None:
        for _ in range(epochs):
            for step, (x, y) in enumerate(loader, start=1):
                loss = nn.functional.cross_entropy(net(x), y) / every
                loss.backward()  # type: ignore[no-untyped-call]
                if step % every == 0:
                    opt.step()
                    opt.zero_grad()

    return toys.watched(program, net=net, opt=opt, loader=loader)


@check.breaks
def two_rows() -> Bench:
    """Batches of two: every hidden unit sees +1 and -1."""
    return _loop(rows=40, size=2)


@check.breaks
def accumulated_in_pairs() -> Bench:
    """Eight batches of four make a step; batch norm sees four rows all the same."""
    return _loop(rows=64, size=4, every=8)


@check.holds
def sixteen_rows() -> Bench:
    """Batches of sixteen."""
    return _loop(rows=128, size=16)


@check.holds
def ragged_last_batch() -> Bench:
    """The last batch has two rows, the others sixteen."""
    return _loop(rows=130, size=16)


@check.holds
def four_rows_are_all() -> Bench:
    """Four rows are the whole data set, as in XOR: their statistics are exact."""
    return _loop(rows=4, size=4, epochs=20)


@check.holds
def maps_of_many_pixels() -> Bench:
    """Two images of 64 pixels each."""
    given = toys.images(rows=16)
    net, _, opt = toys.parts(given)
    x_all, y_all = given.train_data.tensors

    def program() -> None:
        for i in range(0, 16, 2):
            loss = nn.functional.cross_entropy(net(x_all[i : i + 2]), y_all[i : i + 2])
            opt.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            opt.step()

    return toys.watched(program, net=net, opt=opt)


def _normed() -> nn.Sequential:
    return nn.Sequential(nn.Linear(20, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 5))


@check.breaks
def pairs_without_a_loop() -> Bench:
    """The loader gives two rows at a time."""
    return toys.classify(_normed(), rows=40, size=2)


@check.holds
def sixteen_rows_without_a_loop() -> Bench:
    """The loader gives sixteen."""
    return toys.classify(_normed(), size=16)


@check.holds
def a_few_rows_to_try_it() -> Bench:
    """Two rows by hand tell nothing of the batches to come: a hint."""
    given = toys.classify(_normed(), size=16)
    return given.replace(batch=(given.batch[0][:2], given.batch[1][:2]))
