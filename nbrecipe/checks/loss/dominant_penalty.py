"""The penalty on the weights leaves room for the data.

A penalty many times larger than the loss of the data makes a gradient that does nothing but shrink the weights. The
total loss falls fast, and the net ends up saying the same to every input. Without a loop, the gradient of one batch is
taken apart where a loss of torch is in it: a hint at most, since a run may yet shrink the weights to where they fit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ... import toys
from ...batches import Step
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped
from ...probes.passes.one_step import OneStep
from ...task import catch_loss
from ...trace import Trace
from ...trace.record.data import BackwardSeen, LossSeen, OptimizerSeen

check = Check(__name__, tip="weight decay")

#: what backward is called on, over the loss of the data
TIMES = 10.0
#: cosine between gradient and weights: 1 for the sum of squares, about 0.8 for absolute values of normal weights; the
#: gradient of data is nearly at right angles to the weights
ALONG = 0.6
#: looks at the start of training that all agree
LOOKS = 3
#: steps after which a loss of the data that has not fallen says something
STEPS = 20
#: share of its first value below which the loss of the data has fallen
FALLEN = 0.9
#: cosine between the two parts of a gradient from which on they are one loss, multiplied
SAME = 0.9
#: share of the loss, and of its gradient, up to which what is added is rounding
EQUAL, ROUNDING = 1e-6, 1e-4


@dataclass(frozen=True)
class _Parts:
    """The gradient of a loss in two: that of the data, and that of what is added."""

    times: float
    #: cosines of what is added with the weights and with the gradient of the data
    along: float
    same: float


@check.run
def run(bench: Bench, trace: Trace | None = None) -> Finding:
    """Judge what was seen of a loop; without one, the gradient of the bench's batch."""
    return _watched(trace) if trace is not None else _of_batch(bench, bench.once(OneStep(_parts)))


def _of_batch(bench: Bench, parts: _Parts | str) -> Finding:
    if isinstance(parts, str):
        return skipped(parts)
    seen: dict[str, Any] = {"times": parts.times, "along": parts.along}
    size = number(parts.times, 3)
    if not parts.times:
        return ok("nothing is added to the loss of the data", **seen)
    if abs(parts.same) > SAME:
        return ok("the loss of the data is multiplied, and next to nothing is added to it", **seen)
    if parts.times < TIMES or parts.along < ALONG:
        return ok(f"what is added to the loss of the data has a gradient {size} times as large", **seen)
    return hint(
        f"what is added to the loss of the data has a gradient **{size}** times as large on this batch, and it points "
        f"along the weights (cosine **{number(parts.along, 3)}**): it does little but shrink them",
        fix="Make the penalty smaller until its gradient is a small part of the whole.",
        **seen,
    )


def _parts(compute: Callable[[], Step], model: nn.Module, names: tuple[str, str]) -> _Parts | str:
    """Take the gradient of the one loss of torch out of that of the whole; a sentence where that cannot be."""
    with torch.enable_grad():
        step, calls = catch_loss(compute)
        weights = [p for p in model.parameters() if p.requires_grad and p.is_floating_point()]
        graph = step.loss is not None and step.loss.requires_grad
        if step.loss is None or not graph or len(calls) != 1 or not calls[0].input.requires_grad or not weights:
            return "the loss of this batch is not one loss function of torch and what is added to it"
        roots = step.loss.mean(), calls[0].again(calls[0].input).mean()
        if math.isclose(*(float(root.detach()) for root in roots), rel_tol=EQUAL):
            return _Parts(0.0, 0.0, 0.0)
        whole, data = (torch.autograd.grad(r, weights, allow_unused=True, retain_graph=True) for r in roots)
    sums = [0.0] * 5
    for weight, one, other in zip(weights, whole, data, strict=True):
        zero = torch.zeros_like(weight)
        total, own = (zero if g is None else g.to_dense() if g.is_sparse else g for g in (one, other))
        added, w = (total - own).flatten().double(), weight.detach().flatten().double()
        own = own.flatten().double()
        for i, (x, y) in enumerate(((added, added), (own, own), (w, w), (added, w), (added, own))):
            sums[i] += float(x @ y)
    extra, base, size = (math.sqrt(value) for value in sums[:3])
    if not base or not size or not math.isfinite(extra):
        return "the loss of the data has no finite gradient on this batch"
    if extra < ROUNDING * base:
        return _Parts(0.0, 0.0, 0.0)
    return _Parts(extra / base, sums[3] / (extra * size), sums[4] / (extra * base))


def _watched(trace: Trace) -> Finding:
    found = _together(trace)
    if found is None:
        return skipped("the cell has no steps of one optimizer on one loss function and what is added to it")
    backward, optimizer, loss = found
    times = backward.scales[: LOOKS + 1]
    along = [update.along for update in optimizer.updates[: LOOKS + 1] if update.along is not None]
    if len(times) < LOOKS or len(along) < LOOKS:
        return skipped(f"fewer than {LOOKS} steps were looked at")
    values = [call.value for call in loss.calls if call.grad and call.value is not None]
    third = max(1, len(values) // 3)
    first, last = sum(values[:third]) / third, sum(values[-third:]) / third
    seen: dict[str, Any] = {"times": times[0], "along": along[0], "first": first, "last": last}
    if min(times) < TIMES or min(along) < ALONG:
        return ok(f"what is added to the loss of the data makes it {number(times[0], 3)} times as large", **seen)
    told = (
        f"`{backward.name}` is **{number(times[0], 3)}** times the loss of the data, and its gradient points along the "
        f"weights (cosine **{number(along[0], 3)}**): it does little but shrink them"
    )
    fix = "Make the penalty smaller until its gradient is a small part of the whole."
    if not trace.ended:
        return hint(told, fix=fix, where=str(backward.place), **seen)
    told += f"; the loss of the data went from {number(first, 3)} to {number(last, 3)}"
    return (hint if last < FALLEN * first or trace.steps < STEPS else bad)(
        told, fix=fix, where=str(backward.place), **seen
    )


def _together(trace: Trace) -> tuple[BackwardSeen, OptimizerSeen, LossSeen] | None:
    """One backward, one optimizer, one loss function with gradients."""
    backward = [seen for seen in trace.backward if seen.scales]
    optimizers = [seen for seen in trace.optimizers if seen.updates]
    losses = [loss for loss in trace.losses if loss.grad]
    if len(trace.backward) != 1 or len(backward) != 1 or len(optimizers) != 1 or len(losses) != 1:
        return None
    return backward[0], optimizers[0], losses[0]


def _loop(penalty: float, power: int = 2, times: float = 1.0) -> Bench:
    given = toys.classify()
    net, loss_fn, _ = toys.parts(given)
    opt = torch.optim.Adam(net.parameters(), 1e-2)

    def program() -> None:
        for x, y in toys.batches(given, 8):
            size = torch.stack([w.abs().pow(power).sum() for w in net.parameters()]).sum()
            loss: Tensor = times * loss_fn(net(x), y) + penalty * size
            opt.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            opt.step()

    return toys.watched(program, net=net, opt=opt)


@check.breaks
def squares_at_ten() -> Bench:
    """The sum of all squares counts ten times."""
    return _loop(10.0)


@check.breaks
def absolute_values_at_one() -> Bench:
    """The sum of all absolute values counts in full."""
    return _loop(1.0, power=1)


@check.holds
def small_penalty() -> Bench:
    """The usual size of a penalty."""
    return _loop(1e-4)


@check.holds
def no_penalty() -> Bench:
    """Nothing is added."""
    return _loop(0.0)


@check.holds
def scaled_loss() -> Bench:
    """A loss multiplied by 100 is larger, and its gradient is still that of the data."""
    return _loop(0.0, times=100.0)


@check.holds
def confident_start() -> Bench:
    """Scores far too large at the start: the data itself wants smaller weights."""
    given = toys.classify()
    net, loss_fn, opt = toys.parts(given)
    head = list(net.children())[-1]
    assert isinstance(head, nn.Linear)
    with torch.no_grad():
        head.weight.mul_(100)

    def program() -> None:
        for x, y in toys.batches(given):
            opt.zero_grad()
            (50 * loss_fn(net(x), y)).backward()
            opt.step()

    return toys.watched(program, net=net, opt=opt)


def _penalised(penalty: float) -> Bench:
    def loss_fn(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        size = torch.stack([w.square().sum() for w in model.parameters()]).sum()
        return nn.functional.cross_entropy(model(batch[0]), batch[1]) + penalty * size

    return toys.classify(loss_fn=loss_fn)


@check.breaks
def squares_at_ten_without_a_loop() -> Bench:
    """The sum of squares counts ten times in a loss that runs the model: a hint before any training."""
    return _penalised(10.0)


@check.holds
def small_penalty_without_a_loop() -> Bench:
    """The usual size of a penalty."""
    return _penalised(1e-4)


@check.holds
def scaled_without_a_loop() -> Bench:
    """A hundred times the loss is that of the data all the same."""
    return toys.classify(loss_fn=lambda out, y: 100 * nn.functional.cross_entropy(out, y))
