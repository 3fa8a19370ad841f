"""How far two agree on labels beyond what their habits give."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .interval import LEVEL, Interval
from .proportions import wilson

Array = np.ndarray[Any, Any]


def kappa(first: Any, second: Any, level: float = LEVEL) -> tuple[float, Interval]:
    """Cohen's kappa (1960) of two that labelled the same examples, (n,) labels of any kind: 1 where they always agree.

    The interval is Wilson's of the share of agreement, for as many examples as vary as much as kappa does (Fleiss,
    Cohen and Everitt 1969), so that it is no point where all agree. NaN, and -1 to 1, where both give one label alone.
    """
    table = _table(list(first), list(second))
    n = float(table.sum())
    cells = table / max(n, 1)
    ours, theirs = cells.sum(1), cells.sum(0)
    agreed, habit = float(np.trace(cells)), float(ours @ theirs)
    if not n or habit >= 1:
        return math.nan, Interval(-1.0, 1.0, "one label alone" if n else "no examples", level)
    value = (agreed - habit) / (1 - habit)
    variance = _variance(cells, value, habit) / n
    independent = agreed * (1 - agreed) / (variance * (1 - habit) ** 2) if variance > 0 and agreed > 0 else n
    independent = min(independent, n) or n
    share = wilson(agreed * independent, independent, level)
    low, high = (max(-1.0, (end - habit) / (1 - habit)) for end in (share.low, share.high))
    return value, Interval(low, high, "Wilson, for the spread of kappa", level)


def _table(first: list[Any], second: list[Any]) -> Array:
    """How often each pair of labels was given."""
    if len(first) != len(second):
        raise ValueError(f"{len(first)} labels cannot be compared with {len(second)}")
    places: dict[Any, int] = {}
    codes = [places.setdefault(label, len(places)) for label in [*first, *second]]
    table = np.zeros((len(places), len(places)))
    np.add.at(table, (codes[: len(first)], codes[len(first) :]), 1)
    return table


def _variance(cells: Array, value: float, habit: float) -> float:
    """n times the variance of kappa (Fleiss, Cohen and Everitt 1969, formula 13)."""
    ours, theirs = cells.sum(1), cells.sum(0)
    same = np.diag(cells)
    hits = float((same * (1 - (ours + theirs) * (1 - value)) ** 2).sum())
    # of a cell, how often the first gives the second's label and the second the first's
    habits = np.square(theirs[:, None] + ours[None, :])
    misses = (1 - value) ** 2 * float((cells * habits).sum() - (same * np.diag(habits)).sum())
    return max(0.0, (hits + misses - (value - habit * (1 - value)) ** 2) / (1 - habit) ** 2)
