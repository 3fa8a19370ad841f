"""The rates of one optimizer over a run, seen or foreseen, and the schedule that sets them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: the options of a schedule that say how long it is
LENGTHS = ("T_max", "total_iters", "step_size", "T_0", "milestones")


@dataclass(frozen=True)
class Driver:
    """A scheduler: its calls in the run, those since it was made, its options, and the line that steps it."""

    name: str
    kind: str
    calls: int
    counted: int
    options: Mapping[str, Any]
    where: str


@dataclass(frozen=True)
class Course:
    """The rates at the steps of an optimizer, or evenly over them, and what sets them."""

    optimizer: str
    rates: Sequence[float]
    steps: int
    #: passes over the loader, and whether the scheduler is stepped within them, at every batch
    rounds: int
    batchwise: bool
    by: Driver | None
    where: str
    #: pairs of step and rate to draw
    points: Sequence[tuple[int, float]]
    #: what takes the certainty away: a schedule that follows a metric, a run that may be shorter
    doubt: str = ""
