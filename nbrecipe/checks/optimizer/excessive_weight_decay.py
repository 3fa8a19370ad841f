"""The gradient moves the weights, and weight decay only leans against it.

Decay pulls every weight to 0 by a share of itself at each step. Where that is more than what the gradient does, the
weights shrink until the model answers the same for every input. Without a loop, the first step is worked out: it takes
the rate times the decay off each weight, all of it from 1 on; Adam moves no weight by more than the rate there (Kingma
and Ba 2015, section 2.1), SGD by the rate times the gradient.
"""

from __future__ import annotations

import math
import statistics
from typing import Any

import torch

from ... import toys
from ...batches.models import plain
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped
from ...probes.graph.reached import reached
from ...probes.passes.signal import is_fresh
from ...trace import Trace
from ...trace.record.course import ends, training_loss
from ...trace.record.data import OptimizerSeen, Update

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
def run(bench: Bench, trace: Trace | None = None) -> Finding:
    """Judge what was seen of a loop; without one, the first step that the optimizer would make."""
    return _watched(trace) if trace is not None else _standing(bench, bench.get("optimizer"))


def _standing(bench: Bench, optimizer: Any) -> Finding:
    name, kind = bench.name("optimizer"), type(optimizer).__name__
    groups = [g for g in getattr(optimizer, "param_groups", []) if float(g.get("weight_decay") or 0) > 0]
    if not groups:
        return skipped(f"`{name}` decays no weights")
    if kind not in (*COUPLED, *DECOUPLED):
        return skipped(f"how {kind} decays weights is not known here")
    decoupled = [kind in DECOUPLED or bool(g.get("decoupled_weight_decay")) for g in groups]
    shares = [float(g.get("lr") or 0) * float(g["weight_decay"]) for g in groups]
    # decay that is added to a gradient passes through what the optimizer divides by, but for SGD
    straight = [share for share, apart in zip(shares, decoupled, strict=True) if apart or kind == "SGD"]
    largest = max(float(g["weight_decay"]) for g in groups)
    seen: dict[str, Any] = {"share": max(straight, default=None), "weight_decay": largest}
    fix: dict[str, Any] = {
        "fix": "Lower the weight decay: 1e-4 to 1e-2 is usual.",
        "code": f'for group in {name}.param_groups:\n    group["weight_decay"] = 1e-4',
    }
    if straight and max(straight) >= 1:
        told = f"the rate of `{name}` times its weight decay is **{number(max(straight), 3)}**: from 1 on, "
        return bad(
            f"{told}one step takes all that a weight was off it",
            why=f"`weight_decay` is {number(largest)}",
            **fix,
            **seen,
        )
    times = max((t for g, apart in zip(groups, decoupled, strict=True) if (t := _times(bench, g, apart))), default=None)
    part = f"each step of `{name}` takes {number(100 * max(straight), 2)} % off the weights" if straight else ""
    if times is None or times < 1:
        beside = f"weight decay of `{name}` pulls {number(times, 2)} times as hard as the gradient" if times else part
        return ok(beside or f"`weight_decay` of `{name}` is {number(largest)}", **seen, times=times)
    return hint(
        f"weight decay of `{name}` pulls **{number(times, 2)}** times as hard as the gradient at the first step",
        why=part or f"`weight_decay` is {number(largest)}",
        **fix,
        **seen,
        times=times,
    )


def _times(bench: Bench, group: dict[str, Any], decoupled: bool) -> float | None:
    """Decay over gradient at the first step; None where it cannot be told, as of a net near its minimum."""
    weights = [p for p in group["params"] if p.requires_grad and p.numel()]
    if not weights:
        return None
    decay = float(group["weight_decay"]) * math.hypot(*(float(p.detach().norm()) for p in weights))
    if decoupled:  # of the rate, for each weight
        return decay / math.sqrt(sum(p.numel() for p in weights))
    model = bench.model
    if model is None or bench.find("batch") is None or not is_fresh(bench):
        return None
    known = {id(p) for p in plain(model).parameters()}
    gradients = [g for g in reached(bench, [p for p in weights if id(p) in known]) if g is not None]
    size = math.hypot(*(float(g.to_dense().norm() if g.is_sparse else g.norm()) for g in gradients))
    return decay / size if 0 < size < math.inf else None


def _watched(trace: Trace) -> Finding:
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


@check.breaks
def whole_weights_at_each_step() -> Bench:
    """A decay of 1000 at a rate of 1e-3, as where the rate was meant to be in it."""
    net = toys.mlp()
    return toys.classify(net).replace(optimizer=torch.optim.AdamW(net.parameters(), 1e-3, weight_decay=1000.0))


@check.holds
def usual_without_a_loop() -> Bench:
    """5e-4 for a net that has not been trained."""
    net = toys.mlp()
    return toys.classify(net).replace(optimizer=torch.optim.SGD(net.parameters(), 0.1, weight_decay=5e-4))
