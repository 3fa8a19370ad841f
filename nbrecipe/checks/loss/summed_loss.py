"""The learning rate goes with a loss that is a mean, or is small enough for a sum.

The gradient of a sum over a batch is as many times larger as the batch has targets. With plain SGD the step grows with
it, and changes when the batch size does. A sum with a rate to match is as good as a mean: this check hints at most.
Without a loop, a batch is cut in two: the losses of the halves add up to that of the whole, or average to it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ... import toys
from ...batches import Step
from ...bench import Bench
from ...check import Check
from ...finding import Finding, hint, number, ok, skipped
from ...probes.passes.one_step import OneStep
from ...trace import Trace
from ...trace.record.data import LossCall, OptimizerSeen

check = Check(__name__, tip="learning rate values")

#: the rate of a mean above which SGD hardly ever works; a sum at this rate or more is not one on purpose
RATE = 1.0
#: optimizers whose step is as large as the gradient
PLAIN = ("SGD", "ASGD", "LBFGS")
#: how far root and loss may be apart
SAME = 0.5
#: how far a sum of two halves may be off for rounding, and the least share that each of them has in it
ROUNDING, APART = 1e-3, 0.1
BY_HAND = ("PowBackward", "AbsBackward", "SquareBackward", "MulBackward")


@check.run
def run(bench: Bench, trace: Trace | None = None) -> Finding:
    """Judge what was seen of a loop; without one, the loss of the bench's batch and of its halves."""
    return _watched(trace) if trace is not None else _of_batch(bench, bench.get("optimizer"))


def _of_batch(bench: Bench, optimizer: Any) -> Finding:
    rows = bench.once(_added)
    kind, name = type(optimizer).__name__, bench.name("optimizer")
    if rows is None:
        return skipped("the loss cannot be asked for one half of the batch")
    if not rows:
        return ok("the losses of two halves of the batch do not add up to that of the whole: it is no sum over rows")
    if kind not in PLAIN:
        return ok(f"the loss is a sum over {rows} rows; {kind} divides the gradient by its own size")
    rate = max((float(group.get("lr") or 0) for group in optimizer.param_groups), default=0.0)
    if rate * rows < RATE:
        return ok(f"the loss is a sum over {rows} rows, and the rate {number(rate, 3)} is small enough for that")
    return hint(
        f"the losses of two halves of the batch add up to that of the whole: it is a sum over **{rows}** rows, and "
        f"`{name}` is to step at {number(rate, 3)}, a rate of **{number(rate * rows, 3)}** for their mean",
        fix="Take the mean over the batch, or divide the learning rate by the number of rows.",
        why="unless your loop divides it",
        rows=rows,
        rate=rate,
    )


def _taken(compute: Callable[[], Step], model: nn.Module, names: tuple[str, str]) -> Step:
    with torch.no_grad():
        return compute()


def _added(bench: Bench) -> int | None:
    """Over how many rows the loss is a sum; 0 where it is none, None where the halves cannot be asked."""
    step, target, loss_fn = OneStep(_taken)(bench), bench.get("feed").target, bench.loss_fn
    if loss_fn is None:
        return None
    given = step.raw if isinstance(step.raw, Tensor) else step.output
    if given is None or step.loss is None or step.loss.ndim or not isinstance(target, Tensor) or not target.ndim:
        return None
    rows = given.shape[0] if given.ndim else 0
    if rows < 2 or rows % 2 or target.shape[0] != rows:
        return None
    half = rows // 2
    try:
        with torch.no_grad():
            parts = [loss_fn(given[i : i + half], target[i : i + half]) for i in (0, half)]
        both, whole = sum(float(part) for part in parts), float(step.loss)
    except (RuntimeError, ValueError, TypeError, IndexError):
        return None
    if not math.isfinite(both) or abs(whole) < 1e-6:
        return None
    apart = all(APART < float(part) / whole < 1 - APART for part in parts)
    return rows if abs(both / whole - 1) < ROUNDING and apart else 0


def _watched(trace: Trace) -> Finding:
    optimizers = [seen for seen in trace.optimizers if seen.steps]
    if not trace.backward or not optimizers:
        return skipped("the cell called no backward, or stepped no optimizer")
    targets, where, how = _summed(trace)
    if not targets:
        return ok("the losses that were looked at are means, or are divided")
    plain = [seen for seen in optimizers if seen.kind in PLAIN and len(seen.rate)]
    if not plain:
        return ok(
            f"the loss is a sum over {targets} targets; {optimizers[0].kind} divides the gradient by its own size"
        )
    optimizer = max(plain, key=_rate)
    rate = _rate(optimizer)
    if rate * targets < RATE:
        return ok(f"the loss is a sum over {targets} targets, and the rate {number(rate, 3)} is small enough for that")
    return hint(
        f"the loss is a sum over **{targets}** targets, and `{optimizer.name}` steps at {number(rate, 3)}: that is a "
        f"rate of **{number(rate * targets, 3)}** for their mean",
        fix="Take the mean over the batch, or divide the learning rate by the number of targets.",
        code=how,
        where=where,
        targets=targets,
        rate=rate,
    )


def _rate(optimizer: OptimizerSeen) -> float:
    return max((rate for _, rate in optimizer.rate.finite()), default=0.0)


def _summed(trace: Trace) -> tuple[int, str, str]:
    """Over how many targets a loss is a sum that nobody divides; where, and what to write instead."""
    undivided = [seen for seen in trace.backward if seen.scale is not None and abs(seen.scale - 1) < SAME]
    for loss in trace.losses:
        calls = [call for call in loss.calls if call.grad and call.options.get("reduction") == "sum"]
        if calls and undivided:
            return max(_targets(call) for call in calls), str(loss.place), 'reduction="mean"'
    for seen in trace.backward:
        bare = seen.scale is None and len(seen.chain) > 1
        if bare and seen.chain[0].startswith("SumBackward") and seen.chain[1].startswith(BY_HAND):
            shapes = [p.output.shape for model in trace.models for p in model.passes if p.grad and p.output is not None]
            return max((math.prod(shape) for shape in shapes), default=0), str(seen.place), ""
    return 0, "", ""


def _targets(call: LossCall) -> int:
    shape = call.target.shape if call.target is not None else call.output.shape[:1]
    return math.prod(shape)


def _loop(loss_fn: Callable[[Tensor, Tensor], Tensor], rate: float, adam: bool = False) -> Bench:
    given = toys.regress()
    net = given.get("model")
    opt = torch.optim.Adam(net.parameters(), rate) if adam else torch.optim.SGD(net.parameters(), rate)

    def program() -> None:
        for x, y in toys.batches(given):
            opt.zero_grad()
            loss: Any = loss_fn(net(x), y)
            loss.backward()
            opt.step()

    return toys.watched(program, net=net, opt=opt)


@check.breaks
def sum_at_the_rate_of_a_mean() -> Bench:
    """A sum over 64 targets, and the rate of 0.05 that a mean would take."""
    return _loop(lambda out, y: functional.mse_loss(out, y, reduction="sum"), 0.05)


@check.breaks
def sum_by_hand() -> Bench:
    """The same, written out."""
    return _loop(lambda out, y: ((out - y) ** 2).sum(), 0.05)


@check.holds
def mean() -> Bench:
    """The mean at the same rate."""
    return _loop(lambda out, y: functional.mse_loss(out, y), 0.05)


@check.holds
def sum_divided() -> Bench:
    """A sum that is divided by the batch size."""
    return _loop(lambda out, y: functional.mse_loss(out, y, reduction="sum") / len(y), 0.05)


@check.holds
def sum_at_a_small_rate() -> Bench:
    """The rate goes with the sum."""
    return _loop(lambda out, y: ((out - y) ** 2).sum(), 1e-4)


@check.holds
def sum_with_adam() -> Bench:
    """Adam's step does not know how large the gradient is."""
    return _loop(lambda out, y: functional.mse_loss(out, y, reduction="sum"), 0.05, adam=True)


def _plain(loss_fn: Callable[[Tensor, Tensor], Tensor], rate: float) -> Bench:
    given = toys.regress(loss_fn=loss_fn)
    return given.replace(optimizer=torch.optim.SGD(given.get("model").parameters(), rate))


@check.breaks
def sum_without_a_loop() -> Bench:
    """A sum over 64 rows, and a rate of 0.05 before the first step."""
    return _plain(nn.MSELoss(reduction="sum"), 0.05)


@check.holds
def mean_without_a_loop() -> Bench:
    """The mean at the same rate."""
    return _plain(nn.MSELoss(), 0.05)


@check.holds
def small_rate_without_a_loop() -> Bench:
    """The sum, at a rate that goes with it."""
    return _plain(nn.MSELoss(reduction="sum"), 1e-4)
