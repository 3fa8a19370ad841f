"""The steps are large enough to get somewhere in this run.

Where all steps together move the weights by less than a hundredth of their size, the run ends where it began: a flat
curve that looks like a model that cannot learn. This is a hint unless the loss is still that of guessing.
"""

from __future__ import annotations

import math
import statistics

import torch
from torch import nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped
from ...trace import Trace
from ...trace.record.course import ends, training_loss
from ...trace.record.data import LossCall, OptimizerSeen

check = Check(__name__, tip="training dynamics")

#: steps before the claim
STEPS = 20
#: way of all steps together, over the weights' norm, that may be too short; and that is
WAY, NOWHERE_NEAR = 1e-2, 1e-3
#: share of its start that the loss keeps where nothing was learned
FLAT = 0.98
#: share of the loss of guessing from which a model still guesses
GUESSING = 0.95
#: gradient over weight above which the rate, and not a vanished gradient, makes the steps small
GRADIENT = 1e-3
ADAPTIVE = ("Adam", "AdamW", "NAdam", "RAdam", "Adamax", "RMSprop", "Adagrad")


@check.run
def run(trace: Trace) -> Finding:
    stepped, loss = [o for o in trace.optimizers if o.steps and o.updates], training_loss(trace)
    if len(stepped) != 1 or loss is None:
        return skipped("needs a cell in which one optimizer lowers one loss")
    optimizer = stepped[0]
    if not trace.ended or optimizer.steps < STEPS:
        return skipped(f"the cell is still running, or made fewer than {STEPS} steps")
    ratios = [r for u in optimizer.updates if any(u.rates) and (r := u.ratio) is not None and math.isfinite(r)]
    if not ratios:
        return skipped("the learning rate was 0, or no change of the weights was looked at")
    ratio, values = statistics.fmean(ratios), loss.values.values
    way = ratio * optimizer.steps  # by the triangle inequality, wherever the steps lead
    start, end = statistics.median(values[: max(1, len(values) // 4)]), ends(values)[1]
    told = f"a step changed the weights by {number(ratio, 2)} of their norm, all {optimizer.steps} by {_at_most(way)}"
    if way > WAY or not end > FLAT * start or start <= 0 or not _pulled(optimizer):
        return ok(told, ratio=ratio, start=start, end=end)
    certain = way < NOWHERE_NEAR and _guesses(trace, end)
    return (bad if certain else hint)(
        f"{told}, and `{loss.name}` went from {number(start)} to **{number(end)}**",
        fix="Raise the learning rate, by ten to begin with, and watch the loss.",
        code=f'for group in {optimizer.name}.param_groups:\n    group["lr"] *= 10',
        where=str(optimizer.place),
        ratio=ratio,
        start=start,
        end=end,
    )


def _at_most(way: float) -> str:
    return f"at most **{number(100 * way, 2)} %**"


def _guesses(trace: Trace, end: float) -> bool:
    """Whether the loss is what the frequencies of the labels, or the mean of the targets, give without any input."""
    calls = [call for loss in trace.losses if loss.grad for call in loss.calls if call.from_model]
    levels = [
        level
        for loss in trace.losses
        if loss.grad
        for call in loss.calls
        if (level := _guess(loss.name, call)) is not None
    ]
    return bool(calls) and len(levels) == len(calls) and end >= GUESSING * statistics.median(levels)


def _guess(name: str, call: LossCall) -> float | None:
    if name == "cross_entropy" and call.counts and call.options.get("weight") is None:
        whole = sum(call.counts.values())
        return -sum(n / whole * math.log(n / whole) for n in call.counts.values())
    if name == "mse_loss" and call.target is not None:
        return call.target.std**2
    return None


def _pulled(optimizer: OptimizerSeen) -> bool:
    """Whether there were gradients to follow, beside those that balance weight decay.

    Adam's steps are as large as the rate says, whatever the gradients are.
    """
    if optimizer.kind in ADAPTIVE:
        return any(update.gradient > 0 for update in optimizer.updates)
    decay = max((group.get("weight_decay") or 0.0 for group in optimizer.groups), default=0.0)
    sizes = [u.gradient / w - decay for u in optimizer.updates if (w := math.hypot(*u.weights)) > 0]
    return bool(sizes) and statistics.median(sizes) > GRADIENT


def _train(net: nn.Module, opt: torch.optim.Optimizer, given: Bench, epochs: int = 8) -> Bench:
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
def a_millionth() -> Bench:
    """Adam at 1e-7: after all batches the loss is still that of guessing."""
    net = toys.mlp()
    return _train(net, torch.optim.Adam(net.parameters(), 1e-7), toys.classify(net))


@check.breaks
def trained_before() -> Bench:
    """A trained model, whose loss has no way to go: a hint, since the rate may be chosen for that."""
    given = toys.trained(toys.classify())
    assert given.model is not None
    return _train(given.model, torch.optim.Adam(given.model.parameters(), 1e-7), given)


@check.holds
def usual() -> Bench:
    """Adam at 1e-3."""
    given = toys.classify()
    assert given.model is not None
    return _train(given.model, given.optimizer, given)


@check.holds
def near_its_minimum() -> Bench:
    """A trained model goes on at a usual rate; the loss is flat by now."""
    given = toys.trained(toys.classify(), steps=100)
    assert given.model is not None
    return _train(given.model, torch.optim.SGD(given.model.parameters(), 0.05), given)


@check.holds
def fine_tuned() -> Bench:
    """A low rate that lowers the loss all the same."""
    net = toys.mlp()
    return _train(net, torch.optim.Adam(net.parameters(), 1e-4), toys.classify(net))
