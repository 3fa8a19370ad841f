"""Every trainable parameter is in an optimizer.

A layer that no optimizer holds keeps its first values: the loss goes down all the same, by what the rest can do, and
the gradients of that layer are computed in vain. Where the layers left out may be left out on purpose (a pretrained
backbone under a new head), this is a hint; and so it is before the first step, when an optimizer may yet be made. All
optimizers that are alive count together.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ... import toys
from ...batches.models import plain
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, ok, skipped
from ...probes.graph.holding import Holding, holding, is_stepped
from ...probes.graph.reached import reached
from ...probes.init.untrained import is_as_drawn
from ...trace import Trace
from ...trace.record.data import ModelSeen, OptimizerSeen, ParameterSeen
from ...trace.record.forgotten import forgotten, layer_of, layers_of

check = Check(__name__, tip="unused parameters")

#: steps before the claim
STEPS = 3


@check.run
def run(bench: Bench, trace: Trace | None = None) -> Finding:
    """Judge what was seen of a loop; without one, the model and the optimizer as they stand."""
    return _watched(trace) if trace is not None else _standing(bench, bench.once(holding))


def _standing(bench: Bench, seen: Holding) -> Finding:
    name, opt = bench.name("model"), bench.name("optimizer")
    if not seen.own:
        return skipped(f"`{opt}` holds no parameter of `{name}`")
    model = _as_seen(bench, seen)
    waiting = [p for p in model.parameters if p.name in seen.missing and p.gradient]
    if not waiting:
        unused = f"; the loss depends on none of the {len(seen.missing)} others" if seen.missing else ""
        return ok(f"{seen.trainable - len(seen.missing)} trainable parameters are in an optimizer{unused}")
    named = ", ".join(f"`{name}.{p.name}`" for p in waiting[:3]) + (", …" if waiting[3:] else "")
    certain, stepped = forgotten(model, waiting, Trace()), is_stepped(bench)
    drawn = {p.fresh for p in waiting if len(p.shape) > 1}
    sure = certain and stepped and not seen.orphans and drawn == {True}
    why = "" if stepped else "another optimizer may yet be made for them"
    return (bad if sure else hint)(
        f"**{len(waiting)}** trainable parameters of `{name}` are in no optimizer"
        + (f", and still as they were drawn after `{opt}` has stepped: {named}" if sure else f": {named}"),
        fix="Hand every parameter to the optimizer." if certain else "Freeze what is not to be trained.",
        code=_line(model, waiting, opt, certain),
        why=_why(certain, bool(seen.orphans), opt) or why,
        untrained=[f"{name}.{p.name}" for p in waiting],
    )


def _as_seen(bench: Bench, seen: Holding) -> ModelSeen:
    """The parameters as a trace would have them; every one has a gradient where no batch is there to ask."""
    model = plain(bench.get("model"))
    named = dict(model.named_parameters())
    asked = [named[name] for name in seen.missing] if bench.find("batch") is not None else []
    grads = dict(zip(seen.missing, reached(bench, asked) if asked else [True] * len(seen.missing), strict=True))
    found = ModelSeen(bench.name("model"), type(model).__name__)
    for name, p in named.items():
        one = ParameterSeen(name, tuple(p.shape), str(p.dtype), p.requires_grad, gradient=grads.get(name) is not None)
        one.optimizers = [] if name in seen.missing or not p.requires_grad else [bench.name("optimizer")]
        one.fresh = name in seen.missing and bool(is_as_drawn(model.get_submodule(layer_of(one))))
        found.parameters.append(one)
    return found


def _watched(trace: Trace) -> Finding:
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
    model, waiting = min(left, key=lambda pair: (not forgotten(pair[0], pair[1], trace), len(pair[1])))
    named = ", ".join(f"`{model.name}.{p.name}`" for p in waiting[:3]) + (", …" if waiting[3:] else "")
    optimizer = next(o for o in trace.optimizers if o.strangers < o.parameters)
    certain, older = forgotten(model, waiting, trace), _holds_orphans(optimizer)
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


def _line(model: ModelSeen, waiting: list[ParameterSeen], optimizer: str, certain: bool) -> str:
    path = layer_of(waiting[0]) if len(layers_of(waiting)) == 1 else ""
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


@check.breaks
def head_forgotten_without_a_loop() -> Bench:
    """The optimizer of the hidden layers has made its first steps, and the head has made none."""
    given = toys.classify(toys.mlp((20, 32, 32, 8)), classes=8)
    net, loss_fn, _ = toys.parts(given)
    assert isinstance(net, nn.Sequential)
    opt = torch.optim.Adam(net[:4].parameters(), 1e-3)
    loss_fn(net(given.batch[0]), given.batch[1]).backward()
    opt.step()
    return given.replace(optimizer=opt)


@check.holds
def frozen_backbone_without_a_loop() -> Bench:
    """What is frozen need not be in the optimizer."""
    given = toys.classify()
    net = given.model
    assert isinstance(net, nn.Sequential)
    net[:4].requires_grad_(False)
    return given.replace(optimizer=torch.optim.Adam(net[4].parameters(), 1e-3))
