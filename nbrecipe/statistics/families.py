"""Several tests at once: p-values that hold for all of them together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def holm(p: Iterable[float]) -> Array:
    """Each p-value corrected for the others, in the same order (Holm 1979).

    Calling those below 5 % is wrong about any of them in at most 5 % of all cases, however the tests depend on each
    other. A NaN, a test that could not be made, stays NaN and does not count.
    """
    given = np.asarray(p if isinstance(p, np.ndarray) else list(p), np.float64)
    out = np.full(given.shape, np.nan)
    there = np.flatnonzero(~np.isnan(given))
    order = there[np.argsort(given[there], kind="stable")]
    steps = given[order] * np.arange(len(order), 0, -1)
    out[order] = np.minimum(1.0, np.maximum.accumulate(steps)) if len(order) else steps
    return out
