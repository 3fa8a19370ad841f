"""Every trainable parameter is in an optimizer.

A layer that no optimizer holds keeps its first values: the loss goes down all the same, by what the rest can do, and
the gradients of that layer are computed in vain. Where the layers left out may be left out on purpose (a pretrained
backbone under a new head), this is a hint.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, ok, skipped
from ...trace import Trace
from ...trace.data import ModelSeen, OptimizerSeen, ParameterSeen

check = Check(__name__, tip="unused parameters")

#: steps before the claim
STEPS = 3
#: share of the weights up to which those left out are the smaller part
MINOR = 0.5


@check.run
def run(trace: Trace) -> Finding:
    if not trace.ended:
        return skipped("the cell is still running: an optimizer may yet take the rest")
    if trace.steps < STEPS:
        return skipped(f"the cell made fewer than {STEPS} optimizer steps")
    if all(o.strangers == o.parameters for o in trace.optimizers):
        return skipped("no optimizer of this cell holds a parameter of a model called here")
    left = [(model, waiting) for model in trace.models if (waiting := [p for p in model.parameters if _waits(p)])]
    if not left:
        count = sum(bool(p.optimizers) for model in trace.models for p in model.parameters)
        return ok(f"{count} parameters are in an optimizer, and no other got a gradient")
    model, waiting = min(left, key=lambda pair: (not _certain(pair[0], pair[1], trace), len(pair[1])))
    named = ", ".join(f"`{model.name}.{p.name}`" for p in waiting[:3]) + (", …" if waiting[3:] else "")
    optimizer = next(o for o in trace.optimizers if o.strangers < o.parameters)
    certain, older = _certain(model, waiting, trace), _holds_orphans(optimizer)
    return (bad if certain and not older else hint)(
        f"**{len(waiting)}** trainable parameters of `{model.name}` are in no optimizer: {named} got gradients and did "
        f"not change in {trace.steps} steps",
        fix="Hand every parameter to the optimizer." if certain else "Freeze what is not to be trained.",
        code=_line(model, waiting, optimizer.name, certain),
        why=_why(certain, older, optimizer.name),
        where=str(optimizer.place),
        untrained=[f"{model.name}.{p.name}" for p in waiting],
    )


def _why(certain: bool, older: bool, optimizer: str) -> str:
    if older:
        return f"`{optimizer}` may be older than they are: it holds tensors of no model called here"
    return "" if certain else "their gradients are computed in vain"


def _holds_orphans(optimizer: OptimizerSeen) -> bool:
    """Whether it holds tensors of no called model that never got a gradient: those of a layer that went."""
    layers = optimizer.updates[-1].layers if optimizer.updates else []
    without = (i for i, name in enumerate(layers) if name.startswith("("))
    return any(all(update.gradients[i] is None for update in optimizer.updates) for i in without)


def _waits(p: ParameterSeen) -> bool:
    return p.trainable and p.trainable_after and p.gradient and not p.changed and not p.optimizers and not p.replaced


def _certain(model: ModelSeen, waiting: list[ParameterSeen], trace: Trace) -> bool:
    """Whether the layers left out were forgotten, not kept back on purpose."""
    held = [p for p in model.parameters if p.optimizers]
    if not held:  # an encoder in front of a trained decoder; or a net that only judges, which is pretrained
        trained = [other for other in trace.models if any(p.optimizers for p in other.parameters)]
        held = [p for other in trained for p in other.parameters if p.optimizers]
        return _fresh(waiting) and len(_layers(held)) > 1 and not any(_beside(model, other) for other in trained)
    left, kept = _layers(waiting), _layers(held)
    order = [_layer(p) for p in model.parameters]
    first, last = order.index(next(iter(kept))), max(order.index(layer) for layer in kept)
    if all(order.index(layer) < first for layer in left):  # all in front, as a backbone is
        return _fresh(waiting) and len(kept) > 1
    minor = sum(_size(p) for p in waiting) < MINOR * sum(_size(p) for p in (*waiting, *held))
    if all(order.index(layer) > last for layer in left):  # the head
        return len(left) < len(kept) or (len(left) == len(kept) and minor)
    # between trained ones: biases or norms of a group that was forgotten, or a layer; not the base under adapters
    return minor or (len(left) < len(kept) and _fresh(waiting))


def _beside(model: ModelSeen, other: ModelSeen) -> bool:
    """Whether two models get the same input, as a fixed random target and its imitator do."""
    given = {(p.step, p.batch) for p in other.passes if p.batch}
    return any((p.step, p.batch) in given for p in model.passes)


def _layer(p: ParameterSeen) -> str:
    return p.name.rpartition(".")[0]


def _layers(parameters: list[ParameterSeen]) -> dict[str, None]:
    return {_layer(p): None for p in parameters}


def _size(p: ParameterSeen) -> int:
    return math.prod(p.shape)


def _fresh(waiting: list[ParameterSeen]) -> bool:
    """Whether most weights that were left out are as torch draws them: nobody keeps such a layer on purpose."""
    weights = [p for p in waiting if len(p.shape) > 1]
    return sum(p.fresh for p in weights) > len(weights) / 2


def _line(model: ModelSeen, waiting: list[ParameterSeen], optimizer: str, certain: bool) -> str:
    path = _layer(waiting[0]) if len(_layers(waiting)) == 1 else ""
    owner = f'{model.name}.get_submodule("{path}")' if path else model.name
    if certain:
        return (
            f'{optimizer}.add_param_group({{"params": {owner}.parameters()}})'
            if path or _whole(model)
            else (
                f'{optimizer}.add_param_group({{"params": [p for n, p in {model.name}.named_parameters() '
                f"if n in {[p.name for p in waiting]}]}})"
            )
        )
    return (
        f"{owner}.requires_grad_(False)"
        if path or _whole(model)
        else (
            f"for name, p in {model.name}.named_parameters():\n"
            f'    if not any(p is held for group in {optimizer}.param_groups for held in group["params"]):\n'
            "        p.requires_grad_(False)"
        )
    )


def _whole(model: ModelSeen) -> bool:
    return not any(p.optimizers for p in model.parameters)


def _train(given: Bench, net: nn.Module, opt: torch.optim.Optimizer, **named: Any) -> Bench:
    loss_fn = given.loss_fn
    assert loss_fn is not None

    def program() -> None:
        for x, y in toys.batches(given):
            opt.zero_grad()
            loss_fn(net(x), y).backward()
            opt.step()

    return toys.watched(program, net=net, opt=opt, **named)


@check.breaks
def head_forgotten() -> Bench:
    """The optimizer got the hidden layers alone."""
    net = toys.mlp()
    return _train(toys.classify(net), net, torch.optim.Adam(net[:4].parameters(), 1e-3))


@check.breaks
def middle_forgotten() -> Bench:
    """A layer between trained ones is in no optimizer."""
    net = toys.mlp()
    return _train(toys.classify(net), net, torch.optim.SGD([*net[0].parameters(), *net[4].parameters()], 0.1))


@check.breaks
def encoder_forgotten() -> Bench:
    """Two nets in a row, of which the optimizer got the second."""
    given = toys.classify()
    loss_fn = given.loss_fn
    assert loss_fn is not None
    encoder, decoder = toys.mlp((20, 16, 16)), toys.mlp((16, 16, 5), seed=1)
    opt = torch.optim.Adam(decoder.parameters(), 1e-3)

    def program() -> None:
        for x, y in toys.batches(given):
            opt.zero_grad()
            loss_fn(decoder(encoder(x)), y).backward()
            opt.step()

    return toys.watched(program, encoder=encoder, decoder=decoder, opt=opt)


@check.breaks
def probe_on_an_open_backbone() -> Bench:
    """A new head is trained on a pretrained backbone that was not frozen: a hint, since it may be meant."""
    given = toys.trained(toys.classify())
    net = given.model
    assert isinstance(net, nn.Sequential)
    net[4] = nn.Linear(32, 5)
    return _train(given, net, torch.optim.Adam(net[4].parameters(), 1e-3))


@check.holds
def all_of_them() -> Bench:
    """Every parameter is in the optimizer."""
    given = toys.images()
    assert given.model is not None
    return _train(given, given.model, given.optimizer)


@check.holds
def frozen_backbone() -> Bench:
    """The backbone is frozen, and the optimizer holds the head."""
    given = toys.classify()
    net = given.model
    assert isinstance(net, nn.Sequential)
    net[:4].requires_grad_(False)
    return _train(given, net, torch.optim.Adam(net[4].parameters(), 1e-3))


@check.holds
def one_optimizer_each() -> Bench:
    """Head and body have optimizers of their own, and that of the body does not step in this cell."""
    net = toys.mlp()
    body = torch.optim.SGD(net[:4].parameters(), 1e-2)
    return _train(toys.classify(net), net, torch.optim.Adam(net[4].parameters(), 1e-3), body=body)


@check.holds
def two_players() -> Bench:
    """The generator's loss leaves gradients in the discriminator, which has an optimizer of its own."""
    made, judge = toys.mlp((4, 8, 10)), toys.mlp((10, 8, 1), seed=1)
    opt_g, opt_d = torch.optim.Adam(made.parameters(), 1e-3), torch.optim.Adam(judge.parameters(), 1e-3)
    bce = nn.BCEWithLogitsLoss()

    def program() -> None:
        for x, y in toys.batches(toys.regress()):
            yes, no = torch.ones_like(y), torch.zeros_like(y)
            opt_d.zero_grad()
            (bce(judge(x), yes) + bce(judge(made(torch.randn(len(x), 4)).detach()), no)).backward()
            opt_d.step()
            opt_g.zero_grad()
            bce(judge(made(torch.randn(len(x), 4))), yes).backward()
            opt_g.step()

    return toys.watched(program, made=made, judge=judge, opt_g=opt_g, opt_d=opt_d)


@check.holds
def updated_by_hand() -> Bench:
    """The head is in no optimizer; a line of the loop moves it."""
    net = toys.mlp()
    given, opt = toys.classify(net), torch.optim.SGD(net[:4].parameters(), 0.1)
    loss_fn = given.loss_fn
    assert loss_fn is not None

    def program() -> None:
        for x, y in toys.batches(given):
            net.zero_grad()
            loss_fn(net(x), y).backward()
            opt.step()
            with torch.no_grad():
                for p in net[4].parameters():
                    assert p.grad is not None
                    p.sub_(0.1 * p.grad)

    return toys.watched(program, net=net, opt=opt)
