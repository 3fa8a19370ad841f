"""Intervals of a share: of right answers among all, of examples or of their entries."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .interval import LEVEL, Interval
from .student import NORMAL, quantile

Array = np.ndarray[Any, Any]


def wilson(right: float, total: float, level: float = LEVEL) -> Interval:
    """The shares that `right` of `total` independent examples do not speak against (Wilson 1927).

    Of no examples anything can be said: 0 to 1. `total` may be an effective number, such as 12.5.
    """
    if not total:
        return Interval(0.0, 1.0, "Wilson", level)
    z = NORMAL.inv_cdf((1 + level) / 2)
    right, total = float(right), float(total)
    share = right / total
    middle = share + z * z / (2 * total)
    width = z * math.sqrt(share * (1 - share) / total + (z / (2 * total)) ** 2)
    scale = 1 + z * z / total
    low, high = (middle - width) / scale, (middle + width) / scale
    return Interval(0.0 if right == 0 else max(0.0, low), 1.0 if right == total else min(1.0, high), "Wilson", level)


def share_interval(right: Any, entries: Any = None, level: float = LEVEL) -> Interval:
    """The share of right entries among all, where examples are independent and their entries (tokens, pixels) are not.

    Args:
        right: (n,) right entries of each example.
        entries: (n,) entries of each example; None: one each.

    Where examples have one entry this is Wilson's interval. Else it is Wilson's for as many independent entries as
    would vary as much as the examples do; at most as many as there are entries, and as many as there are examples
    where these do not vary.
    """
    right = np.asarray(right, np.float64)
    entries = np.ones(len(right)) if entries is None else np.asarray(entries, np.float64)
    kept = entries > 0
    right, entries = right[kept], entries[kept]
    n, total = len(right), float(entries.sum())
    if bool((entries == 1).all()):
        return wilson(float(right.sum()), n, level)
    if n == 1:
        return wilson(float(right[0] / entries[0]), 1, level)
    share = float(right.sum()) / total
    # as the jackknife has it, which does not think too well of examples that weigh much
    away = (right - share * entries) / np.maximum(1 - entries / total, 1 / n)
    variance = float(np.square(away).sum()) / total**2 * (quantile(level, n - 1) / NORMAL.inv_cdf((1 + level) / 2)) ** 2
    independent = min(total, share * (1 - share) / variance) if variance > 0 else float(n)
    found = wilson(share * independent, independent, level)
    return Interval(found.low, found.high, f"Wilson, for the spread over {n} examples", level)
