"""Gradients are there when the optimizer steps.

Cleared between `backward` and `step`, the gradients of a batch never reach the weights: nothing is learned, or only
from the last of the batches that were to be accumulated. No error is raised, and weight decay still moves the weights.
"""

from __future__ import annotations

import torch

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, ok, skipped
from ...trace import Trace
from ...trace.record.data import OptimizerSeen
from ...trace.record.orders import step_a_pass, stretches
from ...trace.record.source import steps_beneath

check = Check(__name__, tip="train and eval mode")

#: steps without gradients before the claim: one may be a batch that was left out because its loss was not finite
STEPS = 2
#: share of the steps above which it is the rule
SHARE = 0.5


@check.run
def run(trace: Trace) -> Finding:
    stepped = [optimizer for optimizer in trace.optimizers if optimizer.followed]
    if not stepped:
        return skipped("the cell made no optimizer step")
    worst = max(stepped, key=lambda optimizer: optimizer.emptied)
    if worst.emptied >= STEPS and _always(worst):
        return _cleared(trace, worst)
    for optimizer in stepped:
        found = _accumulated(trace, optimizer)
        if found is not None:
            return found
    return ok(f"{sum(o.steps for o in stepped)} steps were taken, and no gradient was cleared before its step")


def _always(optimizer: OptimizerSeen) -> bool:
    """Gradients set to None are noticed at every step that is followed, zeros only in the updates measured."""
    measured = [update.gradient == 0 for update in optimizer.updates]
    empty = sum(measured) > SHARE * len(measured)
    return optimizer.emptied > SHARE * optimizer.followed or empty


def _cleared(trace: Trace, optimizer: OptimizerSeen) -> Finding:
    loss = trace.backward[0].name
    return bad(
        f"**{optimizer.emptied}** steps of `{optimizer.name}` found no gradient, though `{loss}.backward()` had made "
        "some: they were cleared in between",
        fix="Clear the gradients before the backward, not between backward and step.",
        code=f"{optimizer.name}.zero_grad()\n{loss}.backward()\n{optimizer.name}.step()",
        where=str(optimizer.clear_place or optimizer.place),
        emptied=optimizer.emptied,
        followed=optimizer.followed,
    )


def _accumulated(trace: Trace, optimizer: OptimizerSeen) -> Finding | None:
    """Several batches for one step, with the gradients cleared at each of them; None where it is not so."""
    if trace.reads or step_a_pass(trace, optimizer) or (not trace.loaders and steps_beneath(trace.source)):
        return None  # used by hand; or the step stands outside of the loop
    seen = stretches(trace, optimizer)
    steps, losing = sum(s.count for s in seen), sum(s.count for s in seen if s.lost)
    if losing < STEPS or losing <= SHARE * steps:
        return None
    usual = max((s for s in seen if s.lost), key=lambda s: s.count)
    return bad(
        f"of {usual.backwards} batches for each step of `{optimizer.name}` only the last counts: the gradients of "
        f"**{usual.lost}** are cleared before the step",
        fix="Clear the gradients after the step, not for every batch.",
        code=f"if (i + 1) % {usual.backwards} == 0:\n    {optimizer.name}.step()\n    {optimizer.name}.zero_grad()",
        where=str(optimizer.clear_place or optimizer.place),
        batches=usual.backwards,
        lost=usual.lost,
        steps=losing,
    )


def _loop(order: str, to_none: bool = True, every: int = 1) -> Bench:
    """The loop with its calls in this order: b backward, z zero_grad, s step, in upper case every so many batches."""
    given = toys.classify()
    net, loss_fn, opt = toys.parts(given)

    def program() -> None:
        for i, (x, y) in enumerate(toys.batches(given, 4), start=1):
            loss = loss_fn(net(x), y) / every
            for call in order:
                if call.isupper() and i % every:
                    continue
                if call in "bB":
                    loss.backward()
                elif call in "zZ":
                    opt.zero_grad(set_to_none=to_none)
                else:
                    opt.step()

    return toys.watched(program, net=net, opt=opt)


@check.breaks
def between_backward_and_step() -> Bench:
    """The line stands one too low."""
    return _loop("bzs")


@check.breaks
def zeros_between_backward_and_step() -> Bench:
    """Zeros are written over the gradients, which stay tensors."""
    return _loop("bzs", to_none=False)


@check.breaks
def cleared_at_every_micro_batch() -> Bench:
    """Two batches are to make a step, and the second clears what the first gave."""
    return _loop("zbS", every=2)


@check.holds
def before_backward() -> Bench:
    """The usual order."""
    return _loop("zbs")


@check.holds
def after_step() -> Bench:
    """As good as before the backward."""
    return _loop("bsz", to_none=False)


@check.holds
def accumulated() -> Bench:
    """Two batches make a step, after which the gradients are cleared."""
    return _loop("bSZ", every=2)


@check.holds
def sharpness_aware() -> Bench:
    """The first backward finds where to look, the second one, on the same batch, gives the step; cleared between."""
    given = toys.classify()
    net, loss_fn, _ = toys.parts(given)
    opt = torch.optim.SGD(net.parameters(), 0.05)

    def program() -> None:
        for x, y in toys.batches(given, 2):
            loss_fn(net(x), y).backward()
            with torch.no_grad():
                moved = [0.05 * p.grad for p in net.parameters() if p.grad is not None]
                torch._foreach_add_(list(net.parameters()), moved)
            opt.zero_grad()
            loss_fn(net(x), y).backward()
            torch._foreach_sub_([p.data for p in net.parameters()], moved)
            opt.step()
            opt.zero_grad()

    return toys.watched(program, net=net, opt=opt)
