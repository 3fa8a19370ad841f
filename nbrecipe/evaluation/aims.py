"""Numbers that were answered against those that are right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..statistics.digits import told
from ..statistics.interval import Interval
from ..statistics.means import mean_interval
from ..task import Kind
from .answers import Answers, Array
from .scores import counted_rows

#: rows that are drawn, the seed by which they are chosen, and bins of their errors
POINTS, SEED, BINS = 500, 0, 21


@dataclass(frozen=True)
class Aimed:
    """Answers beside targets, some of the rows, and the errors of all."""

    #: (points,) rows in the order of the data
    target: Array
    answer: Array
    rows: int
    #: numbers of each row; all of them count
    each: int
    #: (bins,) rows by answer less target, and (bins + 1,) the ends of the bins
    counts: Array
    edges: Array
    #: distance within which half of the answers lie, nine of ten, and all
    within: tuple[float, float, float]
    #: in the mean too high or too low, with its interval; "" where that may be chance
    lean: str

    @property
    def extent(self) -> str:
        """Which of the rows are drawn."""
        what = "rows" if self.each == 1 else f"numbers of {self.rows // self.each:,} rows"
        if len(self.target) == self.rows:
            return f"{self.rows:,} {what}"
        return f"{len(self.target):,} of {self.rows:,} {what}, drawn with seed {SEED}"


def aimed(answers: Answers) -> Aimed | None:
    """None where answers are no numbers, or fewer than two are known."""
    if answers.kind is not Kind.REGRESSION or answers.answer is None or answers.target is None:
        return None
    answers = counted_rows(answers)
    given, wanted = (np.asarray(v, np.float64) for v in (answers.answer, answers.target))
    given, wanted = given.reshape(len(answers), -1), wanted.reshape(len(answers), -1)
    if len(given) < 2 or not np.isfinite(wanted).all():
        return None
    by_row = (given - wanted).mean(1)
    mean, interval = float(by_row.mean()), mean_interval(by_row)
    sure = np.isfinite(interval.low) and 0.0 not in interval
    lean = f"too {'high' if mean > 0 else 'low'} by **{_size(mean, interval)}** in the mean" if sure else ""
    each, given, wanted = given.shape[1], given.reshape(-1), wanted.reshape(-1)
    away = given - wanted
    chosen = np.arange(len(given))
    if len(given) > POINTS:
        chosen = np.sort(np.random.default_rng(SEED).choice(len(given), POINTS, replace=False))
    within = [float(v) for v in np.quantile(np.abs(away), [0.5, 0.9, 1.0])]
    far = within[2] or 1.0
    counts, edges = np.histogram(away, BINS, (-far, far))
    return Aimed(wanted[chosen], given[chosen], len(given), each, counts, edges,
                 (within[0], within[1], within[2]), lean)  # fmt: skip


def _size(mean: float, interval: Interval) -> str:
    """How far from nothing, whichever way."""
    if mean > 0:
        return told(mean, interval)
    return told(-mean, Interval(-interval.high, -interval.low, interval.method, interval.level))
