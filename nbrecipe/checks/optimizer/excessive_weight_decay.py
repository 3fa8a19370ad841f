"""The gradient moves the weights, and weight decay only leans against it.

Decay pulls every weight to 0 by a share of itself at each step. Where that is more than what the gradient does, the
weights shrink until the model answers the same for every input.
"""

from __future__ import annotations

import math
import statistics
from typing import Any

import torch

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped
from ...trace import Trace
from ...trace.course import ends, training_loss
from ...trace.data import OptimizerSeen, Update

check = Check(__name__, tip="weight decay")

#: decay is added to the gradient, or taken off the weights beside it
COUPLED = ("SGD", "Adam", "NAdam", "RAdam", "Adamax", "RMSprop", "Adagrad", "Adadelta", "ASGD")
DECOUPLED = ("AdamW",)
#: steps before the claim, and updates at the start that are judged: weights stay where they have shrunk to
STEPS, FIRST = 16, 16
#: what is left of the weights' norm
SHRUNK = 0.5
#: share of its start that the loss keeps where next to nothing was learned
FLAT = 0.9


@check.run
def run(trace: Trace) -> Finding:
    stepped = [o for o in trace.optimizers if o.updates and any(g.get("weight_decay") for g in o.groups)]
    if not stepped:
        return skipped("no optimizer with weight decay stepped in this cell")
    judged = [(o, pairs) for o in stepped if (pairs := _pulls(o))]
    if not judged:
        return skipped(f"how {stepped[0].kind} decays weights is not known here")
    if not trace.ended or max(o.steps for o, _ in judged) < STEPS:
        return skipped(f"the cell is still running, or made fewer than {STEPS} steps")
    optimizer, pairs = max(judged, key=lambda item: _share(item[1]))
    share, left = _share(pairs), _left(trace, optimizer)
    times = statistics.median(decay / max(gradient, 1e-30) for decay, gradient in pairs)
    told = f"weight decay of `{optimizer.name}` pulls **{number(times, 2)}** times as hard as the gradient"
    seen: dict[str, Any] = {"times": times, "share": share, "left": left}
    if share < 0.5 or left > SHRUNK:
        return ok(told, **seen)
    loss = training_loss(trace)
    start, end = ends(loss.values.values) if loss is not None else (math.nan, math.nan)
    flat = start > 0 and end > FLAT * start
    largest = max(group.get("weight_decay") or 0.0 for group in optimizer.groups)
    became = f" and the loss went from {number(start)} to {number(end)}" if loss is not None else ""
    return (bad if flat else hint)(
        f"{told}: the weights shrank to **{number(100 * left, 2)} %** of their norm{became}",
        fix="Lower the weight decay: 1e-4 to 1e-2 is usual.",
        code=f'for group in {optimizer.name}.param_groups:\n    group["weight_decay"] = 1e-4',
        why=f"`weight_decay` is {number(largest)}",
        where=str(optimizer.place),
        **seen,
        weight_decay=largest,
    )


def _share(pairs: list[tuple[float, float]]) -> float:
    """Share of the first updates in which decay is the larger part."""
    return statistics.fmean(decay > gradient for decay, gradient in pairs)


def _left(trace: Trace, optimizer: OptimizerSeen) -> float:
    """Norm of the decayed weights at the end over that at the start."""
    first = optimizer.updates[0]
    left = {f"{model.name}.{p.name}": p.left for model in trace.models for p in model.parameters}
    decayed = [
        (weight, weight * left.get(layer, 1.0))
        for layer, weight, decay in zip(first.layers, first.weights, _decays(optimizer, first), strict=True)
        if decay
    ]
    whole = math.hypot(*(weight for weight, _ in decayed))
    return math.hypot(*(weight for _, weight in decayed)) / whole if whole > 0 else 1.0


def _decays(optimizer: OptimizerSeen, update: Update) -> list[float]:
    """The weight decay of each layer of an update."""
    each = [group.get("weight_decay") or 0.0 for group in optimizer.groups for _ in range(group["tensors"])]
    return each if len(each) == len(update.layers) else [0.0] * len(update.layers)


def _pulls(optimizer: OptimizerSeen) -> list[tuple[float, float]]:
    """What decay and what the gradient do to the decayed weights, in the same unit, at the first looks."""
    decays = _decays(optimizer, optimizer.updates[0])
    decoupled = optimizer.kind in DECOUPLED or any(g.get("decoupled_weight_decay") for g in optimizer.groups)
    if not decoupled and optimizer.kind not in COUPLED:
        return []
    found = []
    for update in optimizer.updates[:FIRST]:
        rates = [
            rate for group, rate in zip(optimizer.groups, update.rates, strict=False) for _ in range(group["tensors"])
        ]
        layers = zip(decays, rates, update.weights, update.changes, update.gradients, strict=False)
        pulls = [_pull(decoupled, *layer) for layer in layers if layer[0] > 0 and layer[1] > 0 and layer[4]]
        if pulls and all(math.isfinite(x) for pull in pulls for x in pull):
            found.append((math.hypot(*(d for d, _ in pulls)), math.hypot(*(g for _, g in pulls))))
    return found


def _pull(
    decoupled: bool, decay: float, rate: float, weight: float, change: float, gradient: float | None
) -> tuple[float, float]:
    if not decoupled:
        return decay * weight, gradient or 0.0
    part = rate * decay * weight
    # a gradient at right angles to the weights leaves this; one that works against the decay, where they balance, less
    return part, math.sqrt(max(change * change - part * part, 0.0))


def _train(opt: torch.optim.Optimizer, given: Bench, epochs: int = 8) -> Bench:
    net, loss_fn, _ = toys.parts(given)

    def program() -> None:
        for x, y in toys.batches(given, epochs):
            loss = loss_fn(net(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()

    return toys.watched(program, net=net, opt=opt)


@check.breaks
def one_for_sgd() -> Bench:
    """A decay of 1, a thousand times the usual."""
    net = toys.mlp()
    return _train(torch.optim.SGD(net.parameters(), 0.1, weight_decay=1.0), toys.classify(net))


@check.breaks
def a_hundred_for_adamw() -> Bench:
    """AdamW takes a tenth off the weights at each step."""
    net = toys.mlp()
    return _train(torch.optim.AdamW(net.parameters(), 1e-3, weight_decay=100.0), toys.classify(net))


@check.breaks
def one_for_adam() -> Bench:
    """Adam divides gradient and decay by the size of both: the decay is all that is left."""
    net = toys.mlp()
    return _train(torch.optim.Adam(net.parameters(), 1e-2, weight_decay=1.0), toys.classify(net), epochs=16)


@check.holds
def usual_sgd() -> Bench:
    """5e-4, as image models have it."""
    net = toys.mlp()
    return _train(torch.optim.SGD(net.parameters(), 0.1, momentum=0.9, weight_decay=5e-4), toys.classify(net))


@check.holds
def usual_adamw() -> Bench:
    """0.1, as language models have it, without decay on the biases."""
    net = toys.mlp()
    groups = [
        {"params": [p for p in net.parameters() if p.ndim > 1], "weight_decay": 0.1},
        {"params": [p for p in net.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    return _train(torch.optim.AdamW(groups, 1e-3), toys.classify(net))


@check.holds
def ridge_regression() -> Bench:
    """A linear model at the minimum of its penalised loss, where decay and gradient are equal by definition."""
    net = toys.mlp((10, 1))
    given = toys.regress(net, rows=64)
    x, y = given.train_data.tensors
    opt = torch.optim.SGD(net.parameters(), 0.1, weight_decay=0.1)
    for _ in range(200):
        opt.zero_grad()
        loss = torch.nn.functional.mse_loss(net(x), y)
        loss.backward()  # type: ignore[no-untyped-call]
        opt.step()
    return _train(opt, given, epochs=20)
