"""The course of a run in a few numbers, read off its trace."""

from __future__ import annotations

import math
import statistics

from .data import BackwardSeen, OptimizerSeen, SchedulerSeen, Trace

#: share of all backward calls that one loss has, where it is the loss of the cell
MOST = 0.9


def training_loss(trace: Trace) -> BackwardSeen | None:
    """The loss that the cell minimises; None where there are several, as in a GAN."""
    count = sum(loss.count for loss in trace.backward)
    return next((loss for loss in trace.backward if loss.values.count and loss.count >= MOST * count), None)


def ends(values: list[float]) -> tuple[float, float]:
    """The level at the start and at the end: the first value, and the median of the finite ones of the last quarter."""
    late = [value for value in values[-max(1, len(values) // 4) :] if math.isfinite(value)]
    return values[0], statistics.median(late) if late else math.nan


def passes(trace: Trace) -> int:
    """Passes begun over the loader that was trained on most; 0 where no loader was read."""
    return max(((loader.trained, loader.passes) for loader in trace.loaders if loader.trained), default=(0, 0))[1]


def scheduler_of(trace: Trace, optimizer: OptimizerSeen) -> SchedulerSeen | None:
    """The scheduler that was stepped most for an optimizer; None where none was."""
    own = [one for one in trace.schedulers if one.optimizer == optimizer.name and one.steps]
    return max(own, key=lambda one: one.steps, default=None)
