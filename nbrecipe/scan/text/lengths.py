"""How many rows have which length, exactly: a data set has few different lengths, whatever its size."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Beyond:
    """What is longer than a limit: how many rows, the share of all, and what is cut off them."""

    limit: int
    rows: int
    share: float
    #: tokens beyond the limit, and their share of all tokens
    tokens: int
    lost: float


@dataclass
class Lengths:
    """Rows by length; whole numbers from 0, so that parts merge to the very counts of the whole."""

    counts: Counter[int] = field(default_factory=Counter)

    def add(self, lengths: Array) -> None:
        """Count in the lengths of some rows."""
        values, counts = np.unique(lengths, return_counts=True)
        self.counts.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))

    def merge(self, other: Lengths) -> None:
        """Count in other rows."""
        self.counts.update(other.counts)

    def table(self) -> tuple[Array, Array]:
        """(lengths in order, rows of each)."""
        values = sorted(self.counts)
        return np.array(values, np.int64), np.array([self.counts[value] for value in values], np.int64)

    @property
    def rows(self) -> int:
        """Rows that were counted."""
        return self.counts.total()

    @property
    def total(self) -> int:
        """All lengths together."""
        return sum(length * rows for length, rows in self.counts.items())

    @property
    def mean(self) -> float:
        """The mean length; NaN of nothing."""
        return self.total / self.rows if self.rows else float("nan")

    @property
    def greatest(self) -> int:
        """The greatest length; 0 of nothing."""
        return max(self.counts, default=0)

    @property
    def least(self) -> int:
        """The least length; 0 of nothing."""
        return min(self.counts, default=0)

    def quantile(self, share: float) -> int:
        """The least length that this share of the rows do not exceed (Hyndman and Fan 1996, definition 1)."""
        values, counts = self.table()
        if not len(values):
            return 0
        wanted = share * int(counts.sum())
        place = int(np.searchsorted(np.cumsum(counts), wanted - 1e-9 * max(wanted, 1)))
        return int(values[min(place, len(values) - 1)])

    def beyond(self, limit: int) -> Beyond:
        """What is longer than a limit."""
        values, counts = self.table()
        rows = int(counts[values > limit].sum())
        tokens = int((np.maximum(values - limit, 0) * counts).sum())
        return Beyond(limit, rows, rows / max(self.rows, 1), tokens, tokens / max(self.total, 1))
