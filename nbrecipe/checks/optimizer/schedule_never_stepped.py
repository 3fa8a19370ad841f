"""A learning-rate scheduler is stepped, and drives the optimizer that trains.

A scheduler that nobody steps leaves the rate where it began; one that was made for another optimizer changes a rate
that nobody uses. Either way the curve looks like a run with a constant rate, because it is one.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, ok, skipped
from ...trace import Trace
from ...trace.record.course import passes
from ...trace.record.data import OptimizerSeen, SchedulerSeen

check = Check(__name__, tip="learning rate values")

#: passes over the loader, or steps where none was read, in which a scheduler has its turn
PASSES, STEPS = 2, 50
#: calls of a scheduler before it is said to drive an optimizer that rests
CALLS = 2


@check.run
def run(trace: Trace) -> Finding:
    training = {o.name: o for o in trace.optimizers if o.steps}
    if not trace.schedulers:
        return skipped("no learning-rate scheduler here")
    if not training:
        return skipped("no optimizer stepped in this cell")
    if not trace.ended:
        return skipped("the cell is still running: a scheduler may yet be stepped")
    for scheduler in trace.schedulers:
        if scheduler.steps >= CALLS and scheduler.optimizer not in training:
            idle = _unscheduled(trace, training)
            if idle is not None:
                return _other(scheduler, idle)
    if passes(trace) < PASSES and (passes(trace) or trace.steps < STEPS):
        return skipped("the cell made one pass over its data: a scheduler stepped by epochs has not had its turn")
    for scheduler in reversed(trace.schedulers):  # one made of others comes last
        optimizer = training.get(scheduler.optimizer)
        if optimizer is not None and not any(s.steps for s in trace.schedulers if s.optimizer == optimizer.name):
            return _never(trace, scheduler, optimizer)
    steps = sum(scheduler.steps for scheduler in trace.schedulers)
    if not steps:
        return skipped("the scheduler here drives an optimizer that did not step in this cell")
    return ok(f"schedulers were stepped {steps} times in {trace.steps} steps")


def _unscheduled(trace: Trace, training: dict[str, OptimizerSeen]) -> OptimizerSeen | None:
    """An optimizer that trained at one rate and has no scheduler."""
    driven = {scheduler.optimizer for scheduler in trace.schedulers}
    return next((o for name, o in training.items() if name not in driven and len(set(o.rate.values)) == 1), None)


def _other(scheduler: SchedulerSeen, idle: OptimizerSeen) -> Finding:
    return bad(
        f"`{scheduler.name}` was stepped **{scheduler.steps}** times, but it was made for an optimizer that never "
        f"steps here; `{idle.name}`, which does, stays at its first rate",
        fix=f"Make the scheduler for `{idle.name}`.",
        code=f"{scheduler.name} = torch.optim.lr_scheduler.{scheduler.kind}({idle.name}, ...)",
        where=str(scheduler.place),
        calls=scheduler.steps,
        steps=idle.steps,
    )


def _never(trace: Trace, scheduler: SchedulerSeen, optimizer: OptimizerSeen) -> Finding:
    # where the line stands in the loop, its turn may come later; one used before belongs to an earlier cell
    used = scheduler.options.get("last_epoch", 0) > 0
    told = f"{passes(trace)} passes" if passes(trace) else f"{optimizer.steps} steps"
    return (hint if scheduler.written or used else bad)(
        f"`{scheduler.name}` ({scheduler.kind}) was stepped **0** times in {told} of `{optimizer.name}`",
        fix="Step the scheduler after the optimizer, once per epoch or per batch as its numbers mean it.",
        code=f"{scheduler.name}.step()",
        where=str(optimizer.place),
        steps=optimizer.steps,
        passes=passes(trace),
    )


schedules = torch.optim.lr_scheduler


def _epochs(given: Bench, opt: torch.optim.Optimizer, count: int = 3) -> Iterator[int]:
    """Train, and hand over after each epoch."""
    net, loss_fn, _ = toys.parts(given)
    for epoch in range(count):
        for x, y in toys.batches(given):
            opt.zero_grad()
            loss_fn(net(x), y).backward()
            opt.step()
        yield epoch


def _made() -> tuple[Bench, torch.optim.Optimizer]:
    given = toys.classify()
    assert given.model is not None
    return given, torch.optim.SGD(given.model.parameters(), 0.1)


@check.breaks
def never_stepped() -> Bench:
    """The line that steps it is missing."""
    given, opt = _made()
    sched = schedules.StepLR(opt, 1)

    def program() -> None:
        list(_epochs(given, opt))

    return toys.watched(program, net=given.model, opt=opt, sched=sched)


@check.breaks
def made_for_another_optimizer() -> Bench:
    """The optimizer was made anew, and the scheduler still has the first one."""
    given, before = _made()
    assert given.model is not None
    sched = schedules.StepLR(before, 1)
    opt = torch.optim.SGD(given.model.parameters(), 0.1)

    def program() -> None:
        for _ in _epochs(given, opt):
            sched.step()

    return toys.watched(program, net=given.model, opt=opt, before=before, sched=sched)


@check.holds
def stepped_by_epochs() -> Bench:
    """Once per epoch."""
    given, opt = _made()
    sched = schedules.StepLR(opt, 1)

    def program() -> None:
        for _ in _epochs(given, opt):
            sched.step()

    return toys.watched(program, net=given.model, opt=opt, sched=sched)


@check.holds
def made_of_two() -> Bench:
    """A sequence steps the schedulers that it is made of, whose own `step` nobody calls."""
    given, opt = _made()
    warm, decay = schedules.LinearLR(opt, 0.1, total_iters=2), schedules.CosineAnnealingLR(opt, 2)
    sched = schedules.SequentialLR(opt, [warm, decay], [2])

    def program() -> None:
        for _ in _epochs(given, opt, 4):
            sched.step()

    return toys.watched(program, net=given.model, opt=opt, warm=warm, decay=decay, sched=sched)


@check.holds
def left_from_an_earlier_cell() -> Bench:
    """The scheduler of an optimizer that rests in this cell, beside one that is stepped."""
    given, first = _made()
    old = schedules.StepLR(first, 1)
    opt = given.optimizer
    sched = schedules.ExponentialLR(opt, 0.9)

    def program() -> None:
        for _ in _epochs(given, opt):
            sched.step()

    return toys.watched(program, net=given.model, first=first, old=old, opt=opt, sched=sched)
