"""A way to judge answers, and what it says of some."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ..statistics.interval import Interval
from .answers import Answers

#: metrics between 0 and 1, beside those whose names end in "accuracy"
_SHARES = ("macro F1", "micro F1", "AUC", "average precision", "mean average precision", "exact match", "mean IoU",
           "Dice")  # fmt: skip


@dataclass(frozen=True)
class Score:
    """One metric of some answers."""

    name: str
    value: float
    interval: Interval
    #: +1 where more is better, -1 where less is, 0 where that is not known
    better: int
    #: "0.91 (0.89 to 0.93)"
    told: str
    #: what the value counts: "of 10,000 rows", "in the target's units"
    unit: str = ""


@dataclass(frozen=True)
class Metric:
    """A way to judge answers."""

    name: str
    better: int
    #: value and interval of some answers
    of: Callable[[Answers], tuple[float, Interval]] = field(repr=False)
    unit: str = ""


def is_share(name: str) -> bool:
    """Whether a metric of this name lies between 0 and 1."""
    return name in _SHARES or name.endswith("accuracy")
