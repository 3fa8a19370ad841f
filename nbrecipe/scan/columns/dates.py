"""Columns of points in time, which are computed with as years and told as days."""

from __future__ import annotations

from typing import Any

import numpy as np

#: what an array of years is marked with, so that it is known for one
DATED = np.dtype(np.float64, metadata={"holds": "points in time"})


class Year(float):
    """A point in time as a year and the share of it that has passed."""


def is_dated(values: Any) -> bool:
    """Whether a column holds points in time."""
    return isinstance(values, np.ndarray) and (values.dtype.metadata or {}).get("holds") == "points in time"
