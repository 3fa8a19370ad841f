"""An optimizer steps after the backward.

Without `step` the gradients are made and thrown away: the loss of every epoch is that of the first weights.
"""

from __future__ import annotations

import torch

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, ok, skipped
from ...trace import Trace
from ...trace.record.data import OptimizerSeen

check = Check(__name__, tip="train and eval mode")

#: backward calls before a claim: one or two look at a gradient
BACKWARDS = 3
#: times that gradients were made and cleared, after which nobody waits for the end of the cell
ENOUGH = 20


@check.run
def run(trace: Trace) -> Finding:
    if not trace.backwards:
        return skipped("the cell called no backward")
    if not trace.steps:
        return _none(trace)
    waiting = [o for o in trace.optimizers if not o.steps and o.cleared >= BACKWARDS and _still(trace, o)]
    if not waiting or not trace.ended:
        return ok(f"{trace.backwards} backward calls and {trace.steps} optimizer steps")
    one = waiting[0]
    return hint(
        f"`{one.name}` had its gradients cleared **{one.cleared}** times and never stepped; its parameters got "
        "gradients and are what they were",
        fix="Step this optimizer after its loss's backward, if it is meant to train.",
        code=f"{one.name}.step()",
        where=str(one.clear_place),
        cleared=one.cleared,
    )


def _none(trace: Trace) -> Finding:
    """No optimizer stepped at all."""
    cleared = [optimizer for optimizer in trace.optimizers if optimizer.cleared]
    if not trace.ended and max((o.cleared for o in cleared), default=0) < ENOUGH:
        return skipped("the cell is still running")
    if any(parameter.changed for model in trace.models for parameter in model.parameters):
        return ok(f"{trace.backwards} backward calls, and the weights were updated by hand")
    again = any(loader.length and loader.trained >= 2 * loader.length for loader in trace.loaders)
    if trace.backwards < BACKWARDS or _asked(trace) or (trace.reads and not (again and cleared)):
        return ok("gradients were made and read, none was to be followed")
    names = [o.name for o in cleared] or sorted(
        {name for m in trace.models for p in m.parameters for name in p.optimizers}
    )
    if not names:
        return skipped("no optimizer holds the parameters that got gradients")
    loss = trace.backward[0]
    # read and cleared, pass after pass: a logged norm and a forgotten step, or a measurement that is repeated
    claim = bad if _trains(trace) and not trace.reads and (again or _thrown_away(trace, cleared)) else hint
    return claim(
        f"**{trace.backwards}** backward calls and no step: `{names[0]}` never moves a weight",
        fix=f"Step the optimizer after `{loss.name}.backward()`.",
        code=f"{names[0]}.step()",
        where=str(loss.place),
        backwards=trace.backwards,
        steps=0,
    )


def _thrown_away(trace: Trace, cleared: list[OptimizerSeen]) -> bool:
    """Gradients were made and cleared over and over, by the optimizer or by the model."""
    told = " ".join(trace.orders).split()
    by_model = sum(call == "zero" for call in told) >= BACKWARDS
    return any(optimizer.cleared >= BACKWARDS for optimizer in cleared) or by_model


def _asked(trace: Trace) -> bool:
    """Gradients with respect to inputs were what was wanted: a saliency map, an adversarial example."""
    return any(facts.requires_grad for model in trace.models for p in model.passes if p.grad for facts in p.inputs)


def _trains(trace: Trace) -> bool:
    """A loss function's value was the root, and the model was in train mode."""
    losses = any(loss.grad for loss in trace.losses)
    hooked = any(model.hooked for model in trace.models)  # gradients may be taken on their way
    return losses and not hooked and any(p.training for model in trace.models for p in model.passes if p.grad)


def _still(trace: Trace, optimizer: OptimizerSeen) -> bool:
    """Whether what the optimizer holds got gradients and did not change."""
    held = [p for model in trace.models for p in model.parameters if optimizer.name in p.optimizers]
    return any(p.gradient for p in held) and not any(p.changed for p in held)


def _loop(step: bool, clears: str = "optimizer", reads: bool = False, epochs: int = 2) -> Bench:
    given = toys.classify()
    net, loss_fn, opt = toys.parts(given)

    def program() -> None:
        squares = 0.0
        for x, y in toys.batches(given, epochs):
            (net if clears == "model" else opt).zero_grad()
            loss = loss_fn(net(x), y)
            loss.backward()
            if reads:
                squares += sum(float((p.grad**2).sum()) for p in net.parameters() if p.grad is not None)
            if step:
                opt.step()

    return toys.watched(program, net=net, opt=opt)


@check.breaks
def never_stepped() -> Bench:
    """The step is forgotten."""
    return _loop(step=False)


@check.breaks
def never_stepped_and_cleared_by_the_model() -> Bench:
    """The optimizer stands idle in its variable."""
    return _loop(step=False, clears="model")


@check.holds
def stepped() -> Bench:
    """A step for each backward."""
    return _loop(step=True)


@check.holds
def fisher_information() -> Bench:
    """Squares of gradients are summed; no weight is to move."""
    return _loop(step=False, reads=True, epochs=1)


@check.holds
def updated_by_hand() -> Bench:
    """Without an optimizer, `p -= rate * p.grad`."""
    given = toys.classify()
    net, loss_fn, _ = toys.parts(given)

    def program() -> None:
        for x, y in toys.batches(given, 2):
            loss_fn(net(x), y).backward()
            for p in net.parameters():
                assert p.grad is not None
                p.data -= 0.1 * p.grad
                p.grad.data.zero_()

    return toys.watched(program, net=net)


@check.holds
def adversarial_examples() -> Bench:
    """The gradient of the input is wanted; the weights stay."""
    given = toys.classify()
    net, loss_fn, opt = toys.parts(given)

    def program() -> list[torch.Tensor]:
        made = []
        for x, y in toys.batches(given):
            opt.zero_grad()
            rows = x.clone().requires_grad_()
            loss_fn(net(rows), y).backward()
            assert rows.grad is not None
            made.append(rows.detach() + 0.1 * rows.grad.sign())
        return made

    return toys.watched(program, net=net, opt=opt)
