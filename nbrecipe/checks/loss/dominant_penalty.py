"""The penalty on the weights leaves room for the data.

A penalty many times larger than the loss of the data makes a gradient that does nothing but shrink the weights. The
total loss falls fast, and the net ends up saying the same to every input.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped
from ...trace import Trace
from ...trace.data import BackwardSeen, LossSeen, OptimizerSeen

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


@check.run
def run(trace: Trace) -> Finding:
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
