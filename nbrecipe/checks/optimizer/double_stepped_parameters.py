"""A parameter is stepped by one optimizer.

Where two optimizers hold the same parameter and both step after the same backward, it moves twice for one gradient: by
two learning rates, two momenta, and decay twice. One that stands twice in a list of parameters is stepped twice, too.
"""

from __future__ import annotations

import warnings
from collections import Counter
from typing import Any

import torch
from torch import nn

from ... import toys
from ...batches.models import plain
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, ok, skipped
from ...probes.graph.hidden import held_by, optimizers
from ...trace import Trace
from ...trace.record.data import OptimizerSeen

check = Check(__name__, tip="training dynamics")

#: steps without a backward of their own before the claim
STEPS = 3


@check.run
def run(bench: Bench, trace: Trace | None = None) -> Finding:
    """Judge what was seen of a loop; without one, the optimizers as they stand."""
    return _watched(trace) if trace is not None else _standing(bench, bench.get("optimizer"))


def _standing(bench: Bench, optimizer: Any) -> Finding:
    name, model = bench.name("optimizer"), bench.model
    groups = getattr(optimizer, "param_groups", [])
    called = {id(p): n for n, p in plain(model).named_parameters()} if model is not None else {}
    times = Counter(id(p) for group in groups for p in group["params"])
    twice = [key for key, count in times.items() if count > 1]
    if twice:
        names = [called.get(key, "a tensor of no name") for key in twice]
        named = ", ".join(f"`{bench.name('model')}.{n}`" if n in called.values() else n for n in names[:3])
        return bad(
            f"`{name}` holds **{len(twice)}** of its {len(times)} parameters more than once, and steps them as often: "
            f"{named}{', …' if names[3:] else ''}",
            fix="Hand each parameter to the optimizer once.",
            code="list({id(p): p for p in parameters}.values())",
            why="layers that share a weight both give it" if model is not None else "",
            twice=names,
        )
    for other in optimizers(bench):
        both, more = times.keys() & held_by(other), held_by(other) - times.keys()
        if other is optimizer or not both or not (more or times.keys() - both):
            continue  # the same parameters are most often those of one after the other
        return hint(
            f"**{len(both)}** of the {len(times)} parameters of `{name}` are in another optimizer as well, "
            f"a {type(other).__name__} of {len(held_by(other))}",
            fix="Look whether both step after the same backward.",
            why="each step after the same backward moves them once more",
            shared=len(both),
        )
    return ok(f"each of the {len(times)} parameters of `{name}` is held once")


def _watched(trace: Trace) -> Finding:
    stepped = [optimizer for optimizer in trace.optimizers if optimizer.steps]
    if len(stepped) < 2:
        return skipped("fewer than two optimizers stepped in this cell")
    if not trace.ended:
        return skipped("the cell is still running")
    pairs = [(one, other) for i, one in enumerate(stepped) for other in stepped[i + 1 :]]
    common = {i: sorted({*one.shared} & {*other.shared}) for i, (one, other) in enumerate(pairs)}
    for i, (one, other) in enumerate(pairs):
        again = other if _again(trace, other) >= _again(trace, one) else one
        if common[i] and _together(one, other) and _again(trace, again) > 0.5:
            return _found(one, other, again, common[i])
    shared = sum(len(names) for names in common.values())
    if shared:
        return ok(f"{shared} parameters are in two optimizers, which step after gradients of their own")
    return ok(f"the {len(stepped)} optimizers hold different parameters")


def _again(trace: Trace, optimizer: OptimizerSeen) -> float:
    """Share of the steps of an optimizer that followed another step without a backward between."""
    own = [order for order in trace.orders.values() if order.text.endswith(f"step:{optimizer.name}")]
    without = sum(order.count for order in own if "backward" not in order.text)
    return without / sum(order.count for order in own) if without >= STEPS else 0.0


def _together(one: OptimizerSeen, other: OptimizerSeen) -> bool:
    """Whether their steps lie in one stretch of the cell: one after the other is pretraining and fine-tuning."""
    first, second = ([update.step for update in o.updates] or o.rate.steps for o in (one, other))
    return bool(first and second) and max(first[0], second[0]) < min(first[-1], second[-1])


def _found(one: OptimizerSeen, other: OptimizerSeen, again: OptimizerSeen, names: list[str]) -> Finding:
    named = ", ".join(f"`{name}`" for name in names[:3]) + (", …" if names[3:] else "")
    first = one if again is other else other
    return bad(
        f"**{len(names)}** parameters are stepped by `{first.name}` and again by `{again.name}` after the same "
        f"backward: {named}",
        fix=f"Leave them to `{first.name}` alone.",
        code=f"held = {{id(p) for group in {first.name}.param_groups for p in group['params']}}\n"
        f"for group in {again.name}.param_groups:\n"
        '    group["params"] = [p for p in group["params"] if id(p) not in held]',
        where=str(again.place),
        shared=names,
    )


def _body_and(net: nn.Sequential, opt_head: torch.optim.Optimizer) -> Bench:
    given = toys.classify(net)
    loss_fn = given.loss_fn
    assert loss_fn is not None
    opt = torch.optim.SGD(net[:4].parameters(), 0.1)

    def program() -> None:
        for x, y in toys.batches(given, 2):
            opt.zero_grad()
            opt_head.zero_grad()
            loss_fn(net(x), y).backward()
            opt.step()
            opt_head.step()

    return toys.watched(program, net=net, opt=opt, opt_head=opt_head)


@check.breaks
def body_and_all() -> Bench:
    """The second optimizer was meant for the head, and holds the whole net."""
    net = toys.mlp()
    return _body_and(net, torch.optim.Adam(net.parameters(), 1e-3))


@check.holds
def body_and_head() -> Bench:
    """Each optimizer has its own part."""
    net = toys.mlp()
    return _body_and(net, torch.optim.Adam(net[4].parameters(), 1e-3))


@check.holds
def one_after_the_other() -> Bench:
    """Adam for a while, then SGD on the same net."""
    net = toys.mlp()
    given = toys.classify(net)
    loss_fn = given.loss_fn
    assert loss_fn is not None
    adam, sgd = torch.optim.Adam(net.parameters(), 1e-3), torch.optim.SGD(net.parameters(), 0.01)

    def program() -> None:
        for opt in (adam, sgd):
            for x, y in toys.batches(given, 2):
                opt.zero_grad()
                loss_fn(net(x), y).backward()
                opt.step()

    return toys.watched(program, net=net, adam=adam, sgd=sgd)


@check.holds
def two_tasks_in_turn() -> Bench:
    """Two heads on one trunk, each with an optimizer over trunk and head, and a loss of its own."""
    given, trunk = toys.classify(), toys.mlp((20, 16))
    loss_fn = given.loss_fn
    assert loss_fn is not None
    heads = [nn.Linear(16, 5), nn.Linear(16, 5)]
    first = torch.optim.Adam([*trunk.parameters(), *heads[0].parameters()], 1e-3)
    second = torch.optim.Adam([*trunk.parameters(), *heads[1].parameters()], 1e-3)

    def program() -> None:
        for x, y in toys.batches(given, 2):
            for head, opt in zip(heads, (first, second), strict=True):
                opt.zero_grad()
                loss_fn(head(trunk(x).relu()), y).backward()
                opt.step()

    return toys.watched(program, trunk=trunk, first=first, second=second)


def _tied() -> nn.Sequential:
    net = toys.mlp((20, 20, 20, 5))
    assert isinstance(net[0], nn.Linear)
    assert isinstance(net[2], nn.Linear)
    net[2].weight = net[0].weight
    return net


@check.breaks
def tied_weight_in_one_list() -> Bench:
    """Encoder and decoder share a matrix, and both give it; torch warns of this, once."""
    net = _tied()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opt = torch.optim.SGD([p for layer in net for p in layer.parameters()], 0.1)
    return toys.classify(net).replace(optimizer=opt)


@check.holds
def tied_weight_given_once() -> Bench:
    """`parameters()` of the whole net gives what is shared once."""
    return toys.classify(_tied())
