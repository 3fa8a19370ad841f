"""Two groups of different examples: whether they differ, or could be drawn from one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import student

Array = np.ndarray[Any, Any]
#: relative difference of chances that count as equally likely, as for Fisher's test elsewhere
_ALIKE = 1 + 1e-7


def shares_apart(right: int, total: int, other_right: int, other_total: int) -> float:
    """Fisher's exact test (1922), two-sided: the chance of shares so far apart, were both the same."""
    rights, n = right + other_right, total + other_total
    if not total or not other_total:
        return math.nan
    low, high = max(0, rights - other_total), min(rights, total)
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])

    def choose(all_of: int, some: Array) -> Array:
        found: Array = logs[all_of] - logs[some] - logs[all_of - some]
        return found

    k = np.arange(low, high + 1)
    chances = np.exp(choose(total, k) + choose(other_total, rights - k) - choose(n, np.array(rights)))
    return float(min(1.0, chances[chances <= chances[right - low] * _ALIKE].sum()))


def means_apart(first: Any, second: Any) -> float:
    """Welch's t-test (1947), two-sided: the chance of means so far apart, were both the same."""
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if len(one) < 2 or len(other) < 2:
        return math.nan
    errors = [float(values.var(ddof=1)) / len(values) for values in (one, other)]
    error = sum(errors)
    away = float(one.mean() - other.mean())
    if error <= 0 or not math.isfinite(away):
        return float(away == 0) if math.isfinite(away) else math.nan
    freedom = error**2 / sum(e**2 / (len(v) - 1) for e, v in zip(errors, (one, other), strict=True))
    return student.p_value(away / math.sqrt(error), max(1, int(freedom)))
