"""What is declared frozen stays as it is.

`requires_grad = False` stops gradients, not the optimizer: a tensor that still has a gradient, if only zeros, is moved
by momentum and weight decay. And written to a module, which has no such switch, it does nothing at all.
"""

from __future__ import annotations

import torch
from torch import nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, ok, skipped
from ...trace import Trace
from ...trace.record.data import ModelSeen

check = Check(__name__, tip="unused parameters")

#: close looks at which an optimizer moved a frozen tensor; one more step after the freeze does no harm
LOOKS = 2


@check.run
def run(trace: Trace) -> Finding:
    if not any(optimizer.steps for optimizer in trace.optimizers):
        return skipped("the cell made no optimizer step")
    said = [(model, path) for model in trace.models for path in model.said_frozen if _trained(model, path)]
    if said:
        return _said(*said[0], count=len(said))
    driven = [(m, p) for m in trace.models for p in m.parameters if p.driven >= LOOKS]
    frozen = [p for m in trace.models for p in m.parameters if not p.trainable or not p.trainable_after]
    if not driven or not any(p.trainable or p.trainable_after for m in trace.models for p in m.parameters):
        return ok(f"no optimizer moved any of the {len(frozen)} frozen parameters", frozen=len(frozen))
    model, seen = driven[0]
    names = ", ".join(f"`{m.name}.{p.name}`" for m, p in driven[:3]) + (", …" if len(driven) > 3 else "")
    holder = next((o for o in trace.optimizers if o.name in seen.optimizers), trace.optimizers[0])
    return bad(
        f"**{len(driven)}** parameters that need no gradient were still moved by `{holder.name}` ({names}): "
        "momentum and weight decay go on where an old gradient is left",
        fix="Take the gradients away when you freeze, or give the optimizer only what is to be trained.",
        code=f"for p in {model.name}.parameters(): p.grad = p.grad if p.requires_grad else None",
        where=str(holder.place),
        parameters=[p.name for _, p in driven],
    )


def _trained(model: ModelSeen, path: str) -> bool:
    inside = [p for p in model.parameters if path in ("", p.name) or p.name.startswith(f"{path}.")]
    return any(p.changed and p.gradient and p.optimizers for p in inside)


def _said(model: ModelSeen, path: str, count: int) -> Finding:
    whole = f"{model.name}.{path}" if path else model.name
    single = any(p.name == path for p in model.parameters)
    more = f" (and {count - 1} more)" if count > 1 else ""
    return bad(
        f"`{whole}`{more} was given an attribute that is no switch, and its parameters were trained all the same",
        fix="Freeze it by its method." if not single else "Spell the attribute `requires_grad`.",
        code=f"{whole}.requires_grad_(False)",
        parameters=[p.name for p in model.parameters if path in ("", p.name) or p.name.startswith(f"{path}.")],
    )


def _loop(freeze_at: int, how: str = "", decay: float = 0.0, zeros: bool = True) -> Bench:
    given = toys.regress()
    net = given.get("model")
    opt = torch.optim.SGD(net.parameters(), 0.05, momentum=0.9, weight_decay=decay)

    def program() -> None:
        for step, (x, y) in enumerate(toys.batches(given, 4)):
            if step == freeze_at:
                if how == "attribute":
                    net[0].requires_grad = False
                else:
                    net[0].requires_grad_(False)
            loss = nn.functional.mse_loss(net(x), y)
            opt.zero_grad(set_to_none=not zeros)
            loss.backward()  # type: ignore[no-untyped-call]
            opt.step()

    return toys.watched(program, net=net, opt=opt)


@check.breaks
def frozen_late_with_momentum() -> Bench:
    """The first layer is frozen after six steps; its gradient is zero from then on, and momentum carries it on."""
    return _loop(freeze_at=6)


@check.breaks
def attribute_of_a_module() -> Bench:
    """`net[0].requires_grad = False` writes an attribute that nobody reads."""
    return _loop(freeze_at=0, how="attribute")


@check.holds
def frozen_from_the_start() -> Bench:
    """Frozen before the first step: there never is a gradient."""
    return _loop(freeze_at=0, decay=0.1)


@check.holds
def frozen_late_without_gradients() -> Bench:
    """Gradients are None after `zero_grad`, and the optimizer passes over them."""
    return _loop(freeze_at=6, zeros=False)


@check.holds
def moving_average() -> Bench:
    """A teacher needs no gradient and is moved by hand, not by an optimizer."""
    given = toys.regress()
    net, teacher = given.get("model"), toys.mlp((10, 32, 16, 1), seed=1)
    teacher.requires_grad_(False)
    opt = torch.optim.SGD(net.parameters(), 0.05, momentum=0.9)

    def program() -> None:
        for x, y in toys.batches(given, 3):
            loss = nn.functional.mse_loss(net(x), 0.5 * (y + teacher(x)))
            opt.zero_grad(set_to_none=False)
            loss.backward()  # type: ignore[no-untyped-call]
            opt.step()
            with torch.no_grad():
                for mine, theirs in zip(teacher.parameters(), net.parameters(), strict=True):
                    mine.lerp_(theirs, 0.01)

    return toys.watched(program, net=net, teacher=teacher, opt=opt)


@check.holds
def thawed() -> Bench:
    """A frozen layer is trained after four steps, as it is meant to be."""
    given = toys.regress()
    net = given.get("model")
    opt = torch.optim.Adam(net.parameters(), 1e-2)
    net[0].requires_grad_(False)

    def program() -> None:
        for step, (x, y) in enumerate(toys.batches(given, 4)):
            if step == 4:
                net[0].requires_grad_(True)
            loss = nn.functional.mse_loss(net(x), y)
            opt.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            opt.step()

    return toys.watched(program, net=net, opt=opt)
