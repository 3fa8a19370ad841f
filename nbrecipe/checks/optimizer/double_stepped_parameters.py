"""A parameter is stepped by one optimizer.

Where two optimizers hold the same parameter and both step after the same backward, it moves twice for one gradient: by
two learning rates, two momenta, and decay twice.
"""

from __future__ import annotations

import torch
from torch import nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, ok, skipped
from ...trace import Trace
from ...trace.data import OptimizerSeen

check = Check(__name__, tip="training dynamics")

#: steps without a backward of their own before the claim
STEPS = 3


@check.run
def run(trace: Trace) -> Finding:
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


def _net() -> tuple[Bench, nn.Sequential]:
    net = toys.mlp()
    return toys.classify(net), net


@check.breaks
def body_and_all() -> Bench:
    """The second optimizer was meant for the head, and holds the whole net."""
    given, net = _net()
    loss_fn = given.loss_fn
    assert loss_fn is not None
    opt, opt_head = torch.optim.SGD(net[:4].parameters(), 0.1), torch.optim.Adam(net.parameters(), 1e-3)

    def program() -> None:
        for x, y in toys.batches(given, 2):
            opt.zero_grad()
            opt_head.zero_grad()
            loss_fn(net(x), y).backward()
            opt.step()
            opt_head.step()

    return toys.watched(program, net=net, opt=opt, opt_head=opt_head)


@check.holds
def body_and_head() -> Bench:
    """Each optimizer has its own part."""
    given, net = _net()
    loss_fn = given.loss_fn
    assert loss_fn is not None
    opt, opt_head = torch.optim.SGD(net[:4].parameters(), 0.1), torch.optim.Adam(net[4].parameters(), 1e-3)

    def program() -> None:
        for x, y in toys.batches(given, 2):
            opt.zero_grad()
            opt_head.zero_grad()
            loss_fn(net(x), y).backward()
            opt.step()
            opt_head.step()

    return toys.watched(program, net=net, opt=opt, opt_head=opt_head)


@check.holds
def one_after_the_other() -> Bench:
    """Adam for a while, then SGD on the same net."""
    given, net = _net()
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
