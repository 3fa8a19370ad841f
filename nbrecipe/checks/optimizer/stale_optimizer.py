"""The optimizer steps the parameters of the model that is trained.

An optimizer keeps the tensors that it was given. Where the model is made anew, or one of its layers replaced, it goes
on stepping the old ones: the loop runs without an error, and nothing, or not the new layer, learns. Without a loop,
tensors that nobody but the optimizer has any more tell as much.
"""

from __future__ import annotations

import ast
from typing import Any

import torch
from torch import nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, ok, skipped, spelled
from ...probes.graph.holding import Holding, holding
from ...trace import Trace
from ...trace.record.data import OptimizerSeen, ParameterSeen

check = Check(__name__, tip="training dynamics")

#: steps in a row without a gradient before the claim
STEPS = 2


@check.run
def run(bench: Bench, trace: Trace | None = None) -> Finding:
    """Judge what was seen of a loop; without one, the model and the optimizer as they stand."""
    return _watched(trace) if trace is not None else _standing(bench, bench.once(holding))


def _standing(bench: Bench, seen: Holding) -> Finding:
    name, held = bench.name("optimizer"), seen.held
    if not seen.orphans or not seen.missing:
        if seen.own or not seen.missing:
            beside = f", and {len(seen.own) - seen.training} frozen ones" if len(seen.own) > seen.training else ""
            told = f"`{name}` holds {seen.training} of {seen.trainable} trainable parameters{beside}"
            return ok(told, own=len(seen.own))
        return hint(
            f"**none** of the {held} tensors of `{name}` belongs to `{bench.name('model')}`, whose {len(seen.missing)} "
            "trainable parameters are in no optimizer",
            fix="Look whether this is the optimizer of this model.",
            why="they belong to something else that is alive: it may be the optimizer of that",
            own=0,
        )
    shapes = [*seen.missing.values()]
    paths = ", ".join(f"`{spelled(bench.name('model'), path)}`" for path in [*seen.missing][:3])
    # a model made anew has the old one's shapes; a layer put in the place of another one has as many axes
    anew = _axes(seen.orphans) == _axes(shapes) if seen.own else sorted(seen.orphans) == sorted(shapes)
    count = f"**{len(seen.orphans)}** of the" if seen.own else "**none** of the"
    what = "are in use nowhere else" if seen.own else f"is a parameter of `{bench.name('model')}`"
    same = " of the same shapes" if anew and not seen.own else ""
    return (bad if anew and not seen.cast else hint)(
        f"{count} {held} tensors of `{name}` {what}, while {len(shapes)} trainable parameters{same} are in no "
        f"optimizer: {paths}{', …' if len(shapes) > 3 else ''}",
        fix="Make the optimizer anew, after the last change of the model.",
        code=_again(bench.optimizer, name, bench.name("model")),
        why="nothing but the optimizer has the old tensors: no forward pass can use them",
        orphans=len(seen.orphans),
        missing=len(shapes),
    )


def _axes(shapes: Any) -> list[int]:
    return sorted(len(shape) for shape in shapes)


def _again(optimizer: Any, name: str, model: str) -> str:
    rate = optimizer.param_groups[0].get("lr")
    seen = OptimizerSeen(name, type(optimizer).__name__, groups=[{"lr": float(rate)}] if rate is not None else [])
    return _new(seen, model)


def _watched(trace: Trace) -> Finding:
    stepped = [optimizer for optimizer in trace.optimizers if optimizer.steps and optimizer.parameters]
    if not stepped or not trace.models:
        return skipped("no optimizer step was made, or no model called, in this cell")
    waiting = [(model.name, p) for model in trace.models for p in model.parameters if _waits(p)]
    for optimizer in stepped:
        if waiting and optimizer.strangers == optimizer.parameters and _idles(optimizer):
            return _all_stale(optimizer, waiting)
    for optimizer in stepped:
        if waiting and 0 < optimizer.strangers < optimizer.parameters and trace.ended:
            orphans = _orphans(optimizer)
            if orphans:
                return _some_stale(optimizer, waiting, orphans)
    if not trace.ended:
        return skipped("the cell is still running")
    named = ", ".join(f"`{optimizer.name}`" for optimizer in stepped)
    held = sum(optimizer.parameters - optimizer.strangers for optimizer in stepped)
    if not held:
        return ok(f"{named} steps tensors of its own, which belong to no model")
    return ok(f"{held} tensors that {named} stepped belong to the models called here")


def _waits(p: ParameterSeen) -> bool:
    """Whether a parameter got gradients that nobody followed."""
    return p.trainable and p.gradient and not p.changed and not p.optimizers


def _idles(optimizer: OptimizerSeen) -> bool:
    """Whether no gradient ever came: tensors that are optimised by hand get some."""
    sparse = any(
        gradient is None and change > 0
        for update in optimizer.updates[:4]
        for gradient, change in zip(update.gradients, update.changes, strict=True)
    )
    return optimizer.followed >= STEPS and optimizer.idle >= optimizer.followed and not sparse


def _orphans(optimizer: OptimizerSeen) -> list[tuple[int, ...]]:
    """Shapes of the tensors of no called model that got no gradient at any close look."""
    if not optimizer.updates:
        return []
    graded = {i for update in optimizer.updates for i, gradient in enumerate(update.gradients) if gradient is not None}
    last = optimizer.updates[-1].layers
    return [ast.literal_eval(name) for i, name in enumerate(last) if name.startswith("(") and i not in graded]


def _new(optimizer: OptimizerSeen, model: str) -> str:
    """The line that makes the optimizer anew."""
    kind = f"torch.optim.{optimizer.kind}" if hasattr(torch.optim, optimizer.kind) else optimizer.kind
    rate = optimizer.groups[0].get("lr") if optimizer.groups else None
    return f"{optimizer.name} = {kind}({model}.parameters()" + (f", lr={rate:g})" if rate is not None else ")")


def _all_stale(optimizer: OptimizerSeen, waiting: list[tuple[str, ParameterSeen]]) -> Finding:
    model = waiting[0][0]
    return bad(
        f"**none** of the {optimizer.parameters} tensors of `{optimizer.name}` belongs to a model called here: in "
        f"{optimizer.steps} steps no gradient came to them, while {len(waiting)} parameters of `{model}` got "
        "gradients and did not move",
        fix="Make the optimizer anew, after the model.",
        code=_new(optimizer, model),
        where=str(optimizer.place),
        parameters=optimizer.parameters,
        strangers=optimizer.strangers,
        waiting=len(waiting),
    )


def _some_stale(
    optimizer: OptimizerSeen, waiting: list[tuple[str, ParameterSeen]], orphans: list[tuple[int, ...]]
) -> Finding:
    model = waiting[0][0]
    # tensors of as many axes came in the place of those that went
    same = sorted(len(shape) for shape in orphans) == sorted(len(p.shape) for _, p in waiting)
    named = ", ".join(f"`{name}.{p.name}`" for name, p in waiting[:3]) + (", …" if waiting[3:] else "")
    return (bad if same else hint)(
        f"**{len(orphans)}** of the {optimizer.parameters} tensors of `{optimizer.name}` belong to no model called "
        f"here, while {named} got gradients and {'is' if len(waiting) == 1 else 'are'} in no optimizer",
        fix="Make the optimizer after the last change of the model.",
        code=_new(optimizer, model),
        where=str(optimizer.place),
        parameters=optimizer.parameters,
        strangers=optimizer.strangers,
        waiting=len(waiting),
    )


def _train(net: nn.Module, opt: torch.optim.Optimizer, given: Bench, epochs: int = 2) -> Bench:
    loss_fn = given.loss_fn
    assert loss_fn is not None

    def program() -> None:
        for x, y in toys.batches(given, epochs):
            opt.zero_grad()
            loss_fn(net(x), y).backward()
            opt.step()

    return toys.watched(program, net=net, opt=opt)


@check.breaks
def model_made_anew() -> Bench:
    """The cell of the model was run again, that of the optimizer was not."""
    given = toys.classify()
    return _train(toys.mlp((20, 32, 32, 5), seed=1), given.optimizer, given)


@check.breaks
def head_replaced() -> Bench:
    """The last layer was exchanged after the optimizer was made."""
    given = toys.classify()
    net = given.model
    assert isinstance(net, nn.Sequential)
    net[-1] = toys.mlp((32, 7))[0]
    return _train(net, given.optimizer, given)


@check.holds
def made_in_order() -> Bench:
    """The optimizer is made of the model that is trained."""
    given = toys.classify()
    assert given.model is not None
    return _train(given.model, given.optimizer, given)


@check.holds
def image_optimised() -> Bench:
    """The input is optimised against a trained net, whose own parameters get gradients that nobody wants."""
    given = toys.classify()
    net = given.get("model")
    image = torch.zeros(4, 20, requires_grad=True)
    opt = torch.optim.Adam([image], 0.1)

    def program() -> None:
        for _ in range(6):
            opt.zero_grad()
            loss = -net(image)[:, 0].mean()
            loss.backward()
            opt.step()

    return toys.watched(program, net=net, opt=opt, image=image)


@check.holds
def latents_beside_the_model() -> Bench:
    """One vector for each example is learned together with the decoder."""
    given = toys.regress()
    net = toys.mlp((4, 16, 1))
    codes = torch.zeros(256, 4, requires_grad=True)
    opt = torch.optim.Adam([*net.parameters(), codes], 1e-2)
    targets = torch.cat([y for _, y in toys.batches(given)])

    def program() -> None:
        for start in (0, 64, 128, 192):
            opt.zero_grad()
            loss = nn.functional.mse_loss(net(codes[start : start + 64]), targets[start : start + 64])
            loss.backward()  # type: ignore[no-untyped-call]
            opt.step()

    return toys.watched(program, net=net, opt=opt, codes=codes)


@check.holds
def second_head_unused() -> Bench:
    """The optimizer also holds a head that this phase does not call, and the stem is left out of it on purpose."""
    given = toys.classify()
    stem, later = toys.mlp((20, 16)), nn.Linear(16, 3)
    head = toys.mlp((16, 16, 5), seed=2)
    opt = torch.optim.Adam([*head.parameters(), *later.parameters()], 1e-2)
    stem.requires_grad_(False)
    return _train(nn.Sequential(stem, nn.ReLU(), head), opt, given)


@check.breaks
def made_anew_without_a_loop() -> Bench:
    """The same before any training: nothing but the optimizer has the old model's tensors."""
    given = toys.classify()
    return given.replace(model=toys.mlp((20, 32, 32, 5), seed=1))


@check.holds
def optimizer_of_another_model() -> Bench:
    """A model that is alive has these tensors; as in a GAN, its optimizer is not this model's: a hint."""
    given = toys.classify()
    other = toys.mlp(seed=1)
    other.partner = [given.model]  # type: ignore[assignment]
    return given.replace(model=other)


@check.holds
def latents_without_a_loop() -> Bench:
    """Vectors that are learned beside the model are in its optimizer, too."""
    given = toys.classify()
    codes = torch.zeros(64, 4, requires_grad=True)
    return given.replace(optimizer=torch.optim.Adam([*given.get("model").parameters(), codes], 1e-2))
