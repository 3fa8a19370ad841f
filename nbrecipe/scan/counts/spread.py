"""Every axis of a data set in numbers: how many, mean and deviation, what is missing, the extremes and their rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

#: rows kept at either end of an axis, and axes of a column beyond which the ends are not kept
ENDS, MOST = 8, 1024
#: rows of an axis that are kept for being missing or infinite
KEPT = 50
Array = np.ndarray[Any, Any]


@dataclass
class Spread:
    """Exact numbers of each axis of one column; they merge."""

    names: tuple[str, ...]
    count: Array = field(init=False)
    mean: Array = field(init=False)
    #: sum of squared deviations
    squares: Array = field(init=False)
    missing: Array = field(init=False)
    infinite: Array = field(init=False)
    #: (axes, ENDS) values and their rows, in order; NaN where there are fewer
    low: Array = field(init=False)
    low_rows: Array = field(init=False)
    high: Array = field(init=False)
    high_rows: Array = field(init=False)
    #: rows with a value that is not finite, by axis
    odd: dict[int, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        axes = len(self.names)
        self.count, self.missing, self.infinite = (np.zeros(axes, np.int64) for _ in range(3))
        self.mean, self.squares = np.zeros(axes), np.zeros(axes)
        ends = ENDS if axes <= MOST else 0
        self.low, self.high = (np.full((axes, ends), np.nan) for _ in range(2))
        self.low_rows, self.high_rows = (np.full((axes, ends), -1, np.int64) for _ in range(2))

    @property
    def deviation(self) -> Array:
        """Standard deviation of each axis."""
        out: Array = np.sqrt(self.squares / np.maximum(self.count, 1))
        return out

    def add(self, table: Array, rows: Array) -> None:
        """Count in the values (rows, axes) of these rows."""
        if not len(table) or not len(self.names):
            return
        values = table if table.dtype.kind == "f" else table.astype(np.float64)
        finite = np.isfinite(values)
        if finite.all():
            count, clean = np.full(values.shape[1], len(values), np.int64), values
        else:
            self._note(values, finite, rows)
            count, clean = finite.sum(0), np.where(finite, values, 0)
        mean = clean.sum(0, dtype=np.float64) / np.maximum(count, 1)
        gaps = clean - mean.astype(clean.dtype)
        if clean is not values:
            gaps = np.where(finite, gaps, 0)
        self._combine(count, mean, np.einsum("ij,ij->j", gaps, gaps, dtype=np.float64, casting="same_kind"))
        if self.low.shape[1]:
            self._ends(np.where(finite, values, np.nan) if clean is not values else values, rows)

    def merge(self, other: Spread) -> None:
        """Count in what another spread has counted."""
        self._combine(other.count, other.mean, other.squares)
        self.missing += other.missing
        self.infinite += other.infinite
        for axis, rows in other.odd.items():
            self.odd[axis] = sorted({*self.odd.get(axis, []), *rows})[:KEPT]
        self._keep(other.low, other.low_rows, other.high, other.high_rows)

    def _note(self, values: Array, finite: Array, rows: Array) -> None:
        nan = np.isnan(values)
        self.missing += nan.sum(0)
        self.infinite += (~finite & ~nan).sum(0)
        for axis in np.flatnonzero(~finite.all(0)).tolist():
            have = self.odd.setdefault(axis, [])
            have += rows[~finite[:, axis]][: KEPT - len(have)].tolist()

    def _combine(self, count: Array, mean: Array, squares: Array) -> None:
        """Chan, Golub and LeVeque 1979."""
        total = self.count + count
        gap = mean - self.mean
        self.squares += squares + gap * gap * self.count * count / np.maximum(total, 1)
        self.mean += gap * count / np.maximum(total, 1)
        self.count = total

    def _ends(self, values: Array, rows: Array) -> None:
        keep = min(ENDS, len(values))
        for sign in (1, -1):
            have = self.low if sign > 0 else self.high
            limit = have[:, -1]
            if not np.isnan(limit).any() and not ((values < limit) if sign > 0 else (values > limit)).any():
                continue
            order = np.argpartition(sign * values, keep - 1, axis=0)[:keep] if keep < len(values) else None
            some = np.take_along_axis(values, order, 0).T if order is not None else values.T
            theirs = rows[order].T if order is not None else np.broadcast_to(rows, some.shape)
            nothing, none = np.full_like(self.low, np.nan), np.full_like(self.low_rows, -1)
            if sign > 0:
                self._keep(some, theirs, nothing, none)
            else:
                self._keep(nothing, none, some, theirs)

    def _keep(self, low: Array, low_rows: Array, high: Array, high_rows: Array) -> None:
        self.low, self.low_rows = _least(self.low, self.low_rows, low, low_rows, 1)
        self.high, self.high_rows = _least(self.high, self.high_rows, high, high_rows, -1)


def _least(values: Array, rows: Array, more: Array, theirs: Array, sign: int) -> tuple[Array, Array]:
    """The first few of both by sign * value, equal ones by row; NaN last."""
    both, numbers = np.concatenate([values, more], axis=1), np.concatenate([rows, theirs], axis=1)
    order = np.lexsort((numbers, sign * both), axis=1)[:, : values.shape[1]]
    return np.take_along_axis(both, order, 1), np.take_along_axis(numbers, order, 1)
