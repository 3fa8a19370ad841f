"""The learning rate lasts as long as the run.

A schedule counts calls of `step()`. Stepped after every batch where its numbers mean epochs, it is over within the
first of them, and the rest of the run trains at a rate of nearly nothing; or a cosine, past its end, rises again.
Without a watched loop, the cells tell how often it is stepped, and the schedule is simulated on a copy for as long.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import torch

from ... import toys
from ...bench import Bench, Cell
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped
from ...probes.loops.course import LENGTHS, Course, Driver
from ...probes.loops.schedule import planned
from ...probes.loops.tally import Unsure
from ...trace import Trace
from ...trace.record.course import passes, scheduler_of
from ...trace.record.data import OptimizerSeen

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
def run(bench: Bench, trace: Trace | None = None) -> Finding:
    """Judge what was seen of a loop; without one, the schedule over the run that the cells tell of."""
    return _watched(trace) if trace is not None else _foreseen(bench)


def _watched(trace: Trace) -> Finding:
    if not trace.ended:
        return skipped("the cell is still running: its length is not known")
    moved = [o for o in trace.optimizers if o.steps >= STEPS and len(set(o.rate.values)) > 1]
    if not moved:
        return skipped(f"no learning rate changed in this cell, or it made fewer than {STEPS} steps")
    courses = [_seen_course(trace, optimizer) for optimizer in moved]
    for course in courses:
        found = _spent(course) or _rises(course)
        if found is not None:
            return found
    told = ", ".join(f"`{c.optimizer}` ends at {_last(c)} of its highest rate" for c in courses)
    return ok(told, **_seen(courses[0], 1.0))


def _foreseen(bench: Bench) -> Finding:
    try:
        course = planned(bench)
    except Unsure as doubt:
        return skipped(str(doubt), fix="Watch the loop: its cell tells how the rate went.", code="%%watch")
    if course.steps < STEPS or len(set(course.rates)) < 2:
        return skipped(f"the rate does not change in the {course.steps} steps that the cells tell of")
    found = _spent(course) or _rises(course)
    told = (
        f"over the {course.steps} steps that the cells tell of, the learning rate ends at {_last(course)} of its peak"
    )
    return found or ok(told, **_seen(course, 1.0))


def _last(course: Course) -> str:
    return f"{number(100 * course.rates[-1] / max(course.rates), 2)} %"


def _seen_course(trace: Trace, optimizer: OptimizerSeen) -> Course:
    seen = scheduler_of(trace, optimizer)
    batchwise = seen is not None and seen.steps >= EACH * optimizer.steps
    by = None
    if seen is not None:
        counted = seen.options.get("last_epoch", seen.steps)
        by = Driver(seen.name, seen.kind, seen.steps, counted, seen.options, str(seen.place))
    own = [one.kind for one in trace.schedulers if one.steps and one.optimizer == optimizer.name]
    return Course(
        optimizer.name,
        optimizer.rate.values,
        optimizer.steps,
        passes(trace),
        batchwise,
        by,
        str(optimizer.place),
        optimizer.rate.points(),
        "it follows a metric, which may have settled" if "ReduceLROnPlateau" in own else "",
    )


def _spent(course: Course) -> Finding | None:
    """The rate fell to nearly nothing early, and stayed there."""
    rates, by = course.rates, course.by
    peak = max(rates)
    if not 0 < peak < math.inf:
        return None
    epochs = _counts_epochs(course)
    level = MUCH if epochs else SPENT
    share = (max(i for i, rate in enumerate(rates) if rate > level * peak * (1 + 1e-6)) + 1) / len(rates)
    if share >= MIDDLE or not (epochs or sum(rates[int(EARLY * len(rates)) :]) < REST * sum(rates)):
        return None
    if course.doubt and not course.batchwise:
        return None
    certain = share < EARLY and not course.doubt and (by is not None or rates[-1] < GONE * peak)
    cause, fix, code = _cause(course)
    return (bad if certain else hint)(
        f"the learning rate of `{course.optimizer}` is at {100 * level:.0f} % of its highest, {number(peak)}, or below "
        f"after **{number(100 * share, 2)} %** of {course.steps} steps, and ends at {number(rates[-1], 2)}{cause}",
        fix=fix,
        code=code,
        why=course.doubt,
        where=by.where if by is not None else course.where,
        **_seen(course, share),
    )


def _rises(course: Course) -> Finding | None:
    """A cosine that was stepped past its end."""
    by = course.by
    if by is None or by.kind != "CosineAnnealingLR":
        return None
    half, rates = by.options.get("T_max"), course.rates
    lowest = rates.index(min(rates))
    if not isinstance(half, int) or by.counted <= half or max(rates[lowest:]) < RISE * max(rates):
        return None
    batchwise = course.batchwise and course.rounds > 1
    # a cosine of many periods may be meant as one; not where it counts the batches of one pass, or ends on its way up
    counts = batchwise and (half <= course.steps / course.rounds or _counts_epochs(course))
    certain = (counts or by.counted < 2 * half) and not course.doubt
    cause, fix, code = _cause(course)
    return (bad if certain else hint)(
        f"the learning rate of `{course.optimizer}` rises again to {number(max(rates[lowest:]))}: `T_max` is "
        f"**{half}**, and `{by.name}` is stepped {by.counted} times{cause}",
        fix=fix,
        code=code,
        why=course.doubt,
        where=by.where,
        **_seen(course, half / by.counted),
    )


def _seen(course: Course, share: float) -> dict[str, Any]:
    points = course.points[:: max(1, len(course.points) // 200)]
    return {"share": share, "steps": [step for step, _ in points], "rates": [rate for _, rate in points]}


def _counts_epochs(course: Course) -> bool:
    """Whether a schedule that is stepped after every batch is as long as there are passes, or shorter."""
    by = course.by
    if by is None or course.rounds < 2 or not course.batchwise or course.steps < BATCHES * course.rounds:
        return False
    stones = [int(stone) for stone in re.findall(r"(\d+):", str(by.options.get("milestones", "")))]
    lengths = [by.options[key] for key in ("T_max", "total_iters", "step_size") if key in by.options] or stones
    return bool(lengths) and max(lengths) <= course.rounds + 1


def _cause(course: Course) -> tuple[str, str, str]:
    """Why the schedule is over: in the message, what to do, and the line."""
    by = course.by
    if by is None:
        return "", "Let the rate last for the whole run.", f"print({course.optimizer}.param_groups[0]['lr'])"
    if course.batchwise and course.rounds > 1:
        return (
            f"; it runs once a batch, over {course.rounds} passes",
            f"Step `{by.name}` once per epoch, or give it its length in batches.",
            f"{by.name}.step()  # after the loop over the batches",
        )
    length = next((key for key in LENGTHS if key in by.options and key != "milestones"), "")
    told = f"; `{length}` is {by.options[length]}" if length and length != "T_max" else ""
    line = f"{by.name} = torch.optim.lr_scheduler.{by.kind}({course.optimizer}, "
    return told, "Give the schedule the length of the run.", line + (f"{length}={by.calls})" if length else "...)")


@check.draw
def draw(axes: Any, seen: Any) -> None:
    """The rate over the steps."""
    axes.plot(seen["steps"], seen["rates"])
    axes.set_xlabel("step")
    axes.set_ylabel("learning rate")


def _loop(
    make: Callable[[torch.optim.Optimizer], Any], epochs: int = 10, batchwise: bool = False, wants: bool = False
) -> Bench:
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


def _unwatched(length: int) -> Bench:
    given = toys.classify()
    sched = schedules.CosineAnnealingLR(torch.optim.SGD(given.get("model").parameters(), 0.1), length)
    loop = "for epoch in range(10):\n    for x, y in train_dl:\n        loss.backward(); opt.step(); sched.step()"
    sources = ("train_dl = DataLoader(data, 64)", f"sched = CosineAnnealingLR(opt, {length})", loop)
    cells = tuple(Cell(number, source) for number, source in enumerate(sources, 1))
    names = {**given.names, "scheduler": "sched"}
    return given.replace(scheduler=sched, optimizer=sched.optimizer, cells=cells, names=names)


@check.breaks
def cosine_of_epochs_in_a_cell() -> Bench:
    """The cell at hand steps a cosine over ten epochs after each of forty batches."""
    return _unwatched(10)


@check.holds
def cosine_of_batches_in_a_cell() -> Bench:
    """The cell at hand makes as many steps as the cosine is long."""
    return _unwatched(40)


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
