"""The learning rate lasts as long as the run.

A schedule counts calls of `step()`. Stepped after every batch where its numbers mean epochs, it is over within the
first of them, and the rest of the run trains at a rate of nearly nothing; or a cosine, past its end, rises again.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import torch

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped
from ...trace import Trace
from ...trace.record.course import passes, scheduler_of
from ...trace.record.data import OptimizerSeen, SchedulerSeen

check = Check(__name__, tip="do not trust decay defaults")

#: steps before the claim
STEPS = 20
#: share of the highest rate below which a rate is spent; 1e-5 of it is no schedule of a person's
SPENT, GONE = 0.01, 1e-5
#: share of the run by which it may not be spent: at worst, and by any usual design
EARLY, MIDDLE = 0.3, 0.5
#: share of the highest rate that is much lower, where the schedule plainly counts epochs; batches of a pass from which
#: an epoch is another thing than a batch
MUCH, BATCHES = 0.1, 4
#: share of all rates that comes after `EARLY`, below which the rest of the run is idle; 1/t leaves more
REST = 0.02
#: share of the highest rate to which a cosine has to rise again past its end
RISE = 0.1
#: calls for each step from which a schedule is stepped after every batch
EACH = 0.9


@check.run
def run(trace: Trace) -> Finding:
    if not trace.ended:
        return skipped("the cell is still running: its length is not known")
    moved = [o for o in trace.optimizers if o.steps >= STEPS and len(set(o.rate.values)) > 1]
    if not moved:
        return skipped(f"no learning rate changed in this cell, or it made fewer than {STEPS} steps")
    for optimizer in moved:
        scheduler = scheduler_of(trace, optimizer)
        found = _spent(trace, optimizer, scheduler) or _rises(trace, optimizer, scheduler)
        if found is not None:
            return found
    last = [(o.name, o.rate.last / max(o.rate.values)) for o in moved]
    told = ", ".join(f"`{name}` ends at {number(100 * share, 2)} % of its highest rate" for name, share in last)
    return ok(told, **_seen(moved[0], 1.0))


def _spent(trace: Trace, optimizer: OptimizerSeen, scheduler: SchedulerSeen | None) -> Finding | None:
    """The rate fell to nearly nothing early, and stayed there."""
    rates = optimizer.rate.values
    peak = max(rates)
    if not 0 < peak < math.inf:
        return None
    epochs = scheduler is not None and _counts_epochs(trace, optimizer, scheduler)
    level = MUCH if epochs else SPENT
    share = (max(i for i, rate in enumerate(rates) if rate > level * peak * (1 + 1e-6)) + 1) / len(rates)
    if share >= MIDDLE or not (epochs or sum(rates[int(EARLY * len(rates)) :]) < REST * sum(rates)):
        return None
    certain = share < EARLY
    if scheduler is None:
        certain = certain and rates[-1] < GONE * peak
    elif any(_plateaus(one, optimizer) for one in trace.schedulers):  # follows the metric, which may have settled
        if not _batchwise(optimizer, scheduler):
            return None
        certain = False
    cause, fix, code = _cause(trace, optimizer, scheduler)
    return (bad if certain else hint)(
        f"the learning rate of `{optimizer.name}` is at {100 * level:.0f} % of its highest, {number(peak)}, or below "
        f"after **{number(100 * share, 2)} %** of {optimizer.steps} steps, and ends at {number(rates[-1], 2)}{cause}",
        fix=fix,
        code=code,
        where=str(scheduler.place if scheduler is not None else optimizer.place),
        **_seen(optimizer, share),
    )


def _rises(trace: Trace, optimizer: OptimizerSeen, scheduler: SchedulerSeen | None) -> Finding | None:
    """A cosine that was stepped past its end."""
    if scheduler is None or scheduler.kind != "CosineAnnealingLR":
        return None
    half, calls = scheduler.options.get("T_max"), scheduler.options.get("last_epoch", scheduler.steps)
    rates = optimizer.rate.values
    lowest = rates.index(min(rates))
    if not isinstance(half, int) or calls <= half or max(rates[lowest:]) < RISE * max(rates):
        return None
    batchwise = _batchwise(optimizer, scheduler) and passes(trace) > 1
    # a cosine of many periods may be meant as one; not where it counts the batches of one pass, or ends on its way up
    counts = batchwise and (half <= optimizer.steps / passes(trace) or _counts_epochs(trace, optimizer, scheduler))
    certain = counts or calls < 2 * half
    cause, fix, code = _cause(trace, optimizer, scheduler)
    return (bad if certain else hint)(
        f"the learning rate of `{optimizer.name}` rises again to {number(max(rates[lowest:]))}: `T_max` is **{half}**, "
        f"and `{scheduler.name}` was stepped {calls} times{cause}",
        fix=fix,
        code=code,
        where=str(scheduler.place),
        **_seen(optimizer, half / calls),
    )


def _seen(optimizer: OptimizerSeen, share: float) -> dict[str, Any]:
    points = optimizer.rate.points()
    points = points[:: max(1, len(points) // 200)]
    return {"share": share, "steps": [step for step, _ in points], "rates": [rate for _, rate in points]}


def _plateaus(scheduler: SchedulerSeen, optimizer: OptimizerSeen) -> bool:
    return scheduler.kind == "ReduceLROnPlateau" and scheduler.optimizer == optimizer.name and scheduler.steps > 0


def _batchwise(optimizer: OptimizerSeen, scheduler: SchedulerSeen) -> bool:
    return scheduler.steps >= EACH * optimizer.steps


def _counts_epochs(trace: Trace, optimizer: OptimizerSeen, scheduler: SchedulerSeen) -> bool:
    """Whether a schedule that is stepped after every batch is as long as there are passes, or shorter."""
    rounds, options = passes(trace), scheduler.options
    if rounds < 2 or not _batchwise(optimizer, scheduler) or optimizer.steps < BATCHES * rounds:
        return False
    stones = [int(stone) for stone in re.findall(r"(\d+):", str(options.get("milestones", "")))]
    lengths = [options[key] for key in ("T_max", "total_iters", "step_size") if key in options] or stones
    return bool(lengths) and max(lengths) <= rounds + 1


def _cause(trace: Trace, optimizer: OptimizerSeen, scheduler: SchedulerSeen | None) -> tuple[str, str, str]:
    """Why the schedule is over: in the message, what to do, and the line."""
    if scheduler is None:
        return "", "Let the rate last for the whole run.", f"print({optimizer.name}.param_groups[0]['lr'])"
    name, rounds = scheduler.name, passes(trace)
    if _batchwise(optimizer, scheduler) and rounds > 1:
        return (
            f"; it ran once a batch, over {rounds} passes",
            f"Step `{name}` once per epoch, or give it its length in batches.",
            f"{name}.step()  # after the loop over the batches",
        )
    length = next((key for key in ("T_max", "total_iters", "step_size", "T_0") if key in scheduler.options), "")
    told = f"; `{length}` is {scheduler.options[length]}" if length and length != "T_max" else ""
    line = f"torch.optim.lr_scheduler.{scheduler.kind}({optimizer.name}"
    return (
        told,
        "Give the schedule the length of the run.",
        f"{name} = {line}" + (f", {length}={scheduler.steps})" if length else ", ...)"),
    )


@check.draw
def draw(axes: Any, seen: Any) -> None:
    """The rate over the steps."""
    axes.plot(seen["steps"], seen["rates"])
    axes.set_xlabel("step")
    axes.set_ylabel("learning rate")


Make = Callable[[torch.optim.Optimizer], Any]


def _loop(make: Make, epochs: int = 10, batchwise: bool = False, wants: bool = False) -> Bench:
    given = toys.classify()
    net, loss_fn, _ = toys.parts(given)
    opt = torch.optim.SGD(net.parameters(), 0.1)
    sched = make(opt)

    def program() -> None:
        for _ in range(epochs):
            for x, y in toys.batches(given):
                opt.zero_grad()
                loss = loss_fn(net(x), y)
                loss.backward()
                opt.step()
                if batchwise:
                    sched.step()
            if not batchwise:
                sched.step(*([loss.detach()] if wants else []))

    return toys.watched(program, every=None, net=net, opt=opt, sched=sched)


schedules = torch.optim.lr_scheduler


@check.breaks
def steps_of_batches() -> Bench:
    """A step decay by epochs, stepped after every batch."""
    return _loop(lambda opt: schedules.StepLR(opt, 3, 0.1), batchwise=True)


@check.breaks
def exponential_of_batches() -> Bench:
    """0.5 for each epoch becomes 0.5 for each batch."""
    return _loop(lambda opt: schedules.ExponentialLR(opt, 0.5), batchwise=True)


@check.breaks
def cosine_past_its_end() -> Bench:
    """A cosine over ten epochs, stepped after every batch, swings up and down."""
    return _loop(lambda opt: schedules.CosineAnnealingLR(opt, 3), batchwise=True)


@check.holds
def cosine_by_batches() -> Bench:
    """A cosine over all batches reaches 0 at the very end."""
    return _loop(lambda opt: schedules.CosineAnnealingLR(opt, 40), batchwise=True)


@check.holds
def warm_restarts() -> Bench:
    """Restarts are meant to bring the rate back."""
    return _loop(lambda opt: schedules.CosineAnnealingWarmRestarts(opt, 10), batchwise=True)


@check.holds
def one_cycle() -> Bench:
    """Up, down, and far down at the end."""
    return _loop(lambda opt: schedules.OneCycleLR(opt, 0.5, total_steps=40), batchwise=True)


@check.holds
def late_steps() -> Bench:
    """Two drops to a tenth, late in the run."""
    return _loop(lambda opt: schedules.MultiStepLR(opt, [5, 8]))


@check.holds
def inverse_time() -> Bench:
    """1/t, as theory asks for, falls fast and never ends."""
    return _loop(lambda opt: schedules.LambdaLR(opt, lambda step: 1 / (1 + 20 * step)), batchwise=True)


@check.holds
def on_a_plateau() -> Bench:
    """Lowered once an epoch, as the loss settles."""
    return _loop(lambda opt: schedules.ReduceLROnPlateau(opt, patience=0, threshold=0.5), wants=True)
