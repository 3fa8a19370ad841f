"""The learning rate lets the loss fall.

Where a step changes the weights by a tenth of their size or more, the next gradient belongs to another function than
the last: the loss jumps above its start, or ends in NaN. About a thousandth is usual.
"""

from __future__ import annotations

import itertools
import math
import statistics
from typing import Any

import torch
from torch import nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped
from ...trace import Trace
from ...trace.record.course import ends, training_loss
from ...trace.record.data import OptimizerSeen, Update

check = Check(__name__, tip="training dynamics")

#: change of the weights in one step, as a share of their norm, that no usual run comes near
RATIO = 0.1
#: steps before the claim, and updates at the start that are judged: a run that has blown up may stand still later
STEPS, FIRST = 8, 8
#: the loss at the end over that at the start: above it, and no better in spite of a jump to `JUMP` times the start
ABOVE, SAME, JUMP = 1.2, 0.9, 3.0
#: ratio from which one step leads out of what numbers can hold
LEAP = 10.0


@check.run
def run(trace: Trace) -> Finding:
    stepped, loss = [o for o in trace.optimizers if o.steps and o.updates], training_loss(trace)
    if len(stepped) != 1 or loss is None:
        return skipped("needs a cell in which one optimizer lowers one loss")
    optimizer, values = stepped[0], loss.values.values
    if any(group.get("maximize") for group in optimizer.groups):
        return skipped(f"`{optimizer.name}` maximises")
    ratios = _ratios(optimizer)
    if not ratios:
        return skipped("no change of the weights was looked at")
    ratio, broken = statistics.median(ratios), not all(math.isfinite(value) for value in values)
    if broken and not (ratio > LEAP or max((v for v in values if math.isfinite(v)), default=0.0) > JUMP * values[0]):
        return skipped(f"`{loss.name}` came to values that are not finite, and not by growing")
    if not broken and (not trace.ended or len(values) < STEPS):
        return skipped(f"the cell is still running, or made fewer than {STEPS} steps")
    start, end = ends(values)
    share = f"**{number(100 * ratio, 2)} %** of" if ratio < 1 else f"**{number(ratio, 2)}** times"
    told = f"each step changed the weights by {share} their norm, where 0.1 % is usual"
    if ratio < RATIO or not (broken or _no_better(values, start, end)):
        return ok(told, ratio=ratio, start=start, end=end)
    worse = broken or _worse(values, start, end)
    if not worse and any(g.get("lr", 0.0) * (g.get("weight_decay") or 0.0) > RATIO / 2 for g in optimizer.groups):
        return ok(f"{told}, by weight decay", ratio=ratio, start=start, end=end)
    became = "came to values that are not finite" if broken else f"went from {number(start)} to {number(end)}"
    return (bad if worse else hint)(
        f"{told}, and `{loss.name}` {became}",
        fix="Lower the learning rate, by ten to begin with.",
        code=f'for group in {optimizer.name}.param_groups:\n    group["lr"] /= 10',
        where=str(optimizer.place),
        ratio=ratio,
        start=start if math.isfinite(start) else None,
        end=end if math.isfinite(end) else None,
        losses=[value for value in values[:: max(1, len(values) // 200)] if math.isfinite(value)],
    )


def _ratios(optimizer: OptimizerSeen) -> list[float]:
    """Change over weight of the first updates at a full rate, warm-up left out."""
    full = max((max(update.rates, default=0.0) for update in optimizer.updates), default=0.0)
    at_rate = [u for u in optimizer.updates if max(u.rates, default=0.0) >= full / 2]
    ratios = (ratio for update in at_rate if (ratio := _ratio(update)) is not None and math.isfinite(ratio))
    return list(itertools.islice(ratios, FIRST))


def _ratio(update: Update) -> float | None:
    """Of all layers that got a gradient together, so that biases and layers that begin at 0 weigh nothing."""
    layers = [(w, c) for w, c, g in zip(update.weights, update.changes, update.gradients, strict=True) if g]
    whole = math.hypot(*(w for w, _ in layers))
    return math.hypot(*(c for _, c in layers)) / whole if whole > 0 else None


def _no_better(values: list[float], start: float, end: float) -> bool:
    return start > 0 and not end < SAME * start


def _worse(values: list[float], start: float, end: float) -> bool:
    return end > ABOVE * start or max(values) > JUMP * start


@check.draw
def draw(axes: Any, seen: Any) -> None:
    """The loss over the steps."""
    losses = seen.get("losses") or [seen["start"], seen["end"]]
    axes.plot(losses, marker="o" if len(losses) < 10 else "")
    axes.axhline(losses[0], linewidth=0.8)
    axes.set_yscale("log" if min(losses) > 0 else "linear")
    axes.set_xlabel("step")
    axes.set_ylabel("loss")


def _train(net: nn.Module, opt: torch.optim.Optimizer, given: Bench, epochs: int = 5) -> Bench:
    loss_fn = given.loss_fn
    assert loss_fn is not None

    def program() -> None:
        for x, y in toys.batches(given, epochs):
            loss = loss_fn(net(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()

    return toys.watched(program, every=None, net=net, opt=opt)


@check.breaks
def momentum_at_ten() -> Bench:
    """SGD with momentum and a rate of 10."""
    net = toys.mlp()
    return _train(net, torch.optim.SGD(net.parameters(), 10.0, momentum=0.9), toys.classify(net))


@check.breaks
def to_infinity() -> Bench:
    """Least squares by steps of 10 diverge within a few of them."""
    net = toys.mlp((10, 32, 16, 1))
    return _train(net, torch.optim.SGD(net.parameters(), 10.0), toys.regress(net))


@check.holds
def usual() -> Bench:
    """Adam at 1e-3."""
    given = toys.classify()
    assert given.model is not None
    return _train(given.model, given.optimizer, given)


@check.holds
def sgd_at_a_tenth() -> Bench:
    """A large rate for plain gradients is a usual one."""
    net = toys.convnet()
    return _train(net, torch.optim.SGD(net.parameters(), 0.1, momentum=0.9), toys.images(net))


@check.holds
def weights_from_zero() -> Bench:
    """A linear model that starts at 0 changes by more than its size at first, and learns."""
    net = toys.mlp((20, 5))
    for parameter in net.parameters():
        nn.init.zeros_(parameter)
    return _train(net, torch.optim.SGD(net.parameters(), 0.5), toys.classify(net))


@check.holds
def labels_of_noise() -> Bench:
    """Nothing can be learned here, at a usual rate."""
    given = toys.classify()
    net, (x, _) = given.model, given.batch
    assert net is not None
    y = torch.randint(5, (len(x),), generator=toys.seeded(3))
    return _train(net, given.optimizer, toys.bench(net, x, y, given.loss_fn, size=16))
