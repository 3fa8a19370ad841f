"""Rows that stand apart from all others on some axis, judged by how the axis's own tail goes on.

The gaps between the logarithms of the largest values, times their ranks, are exponential: with one mean, the tail
index, for a power tail (Rényi 1953, Hill 1975), and with one that goes with a power of the rank for lighter tails
(Beirlant and others 1999). Both are fitted to the values below the largest and carried on to them with 2.5 standard
errors in their favour: heavy tails have large gaps and raise no alarm.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...bench import Bench
from ...finding import number
from ...pictures.dates import moment_of
from .. import held
from ..columns.axes import axes_of
from ..columns.kinds import Kind
from ..counts.spread import ENDS

#: rows below which a tail tells nothing, and gaps that its shape is taken from
FEWEST, TAIL = 200, (20, 1000)
#: standard errors by which gaps are taken to be larger than they seem
LARGER = 2.5
#: gaps from which on it can be told that the tail is lighter than a power
LIGHT = 100
#: rate at which some row of data without an outlier is said to stand apart, over all axes
ERROR = 1e-2
#: how much further from the median than the next value, at least, to be worth a look
FURTHER = 1.5
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Apart:
    """A row beyond the end of an axis."""

    row: int
    axis: str
    value: float
    #: the value nearest to it that belongs to the others, and their median
    next: float
    median: float
    #: whether these are points in time, as years
    dated: bool = False

    @property
    def told(self) -> tuple[str, str]:
        """The value and the next one, as a person writes them."""
        if self.dated:
            return moment_of(self.value), moment_of(self.next)
        return number(self.value), number(self.next)

    @property
    def times(self) -> float:
        """How many times as far from the median as the next value."""
        return abs(self.value - self.median) / max(abs(self.next - self.median), 1e-300)


@dataclass(frozen=True)
class Outlying:
    """The rows that stand apart, the furthest first."""

    rows: tuple[Apart, ...]
    axes: int
    read: int


def outlying(bench: Bench) -> Outlying:
    """The rows of the training data that stand apart. Raises Missing without data."""
    scan = bench.once(held.train_scan)
    block = scan.part.sample.block()
    axes: list[tuple[str, Any, int, Array]] = []
    dated: set[str] = set()
    for column, spread in scan.part.spreads.items():
        kind = scan.plan.kinds[column]
        told = column == scan.plan.label and kind is not Kind.NUMBER
        if told or column not in block.columns or not spread.low.shape[1]:
            continue
        names, table = axes_of(column, kind, block.columns[column])
        dated |= set(names) if column in scan.plan.dates else set()
        if names == spread.names:
            axes += [(name, spread, k, np.asarray(table[:, k], dtype=np.float64)) for k, name in enumerate(names)]
    found = []
    if scan.rows >= FEWEST:
        limit = ERROR / max(2 * len(axes) * (ENDS - 1), 1)
        for name, spread, k, values in axes:
            found += _beyond(name, values, int(spread.count[k]), spread.high[k], spread.high_rows[k], limit)
            found += _beyond(name, values, int(spread.count[k]), spread.low[k], spread.low_rows[k], limit)
    found = [replace(apart, dated=apart.axis in dated) for apart in found]
    return Outlying(tuple(sorted(found, key=lambda apart: -apart.times)), len(axes), scan.rows)


def _beyond(name: str, values: Array, total: int, ends: Array, rows: Array, limit: float) -> list[Apart]:
    """The rows at one end of an axis before the last gap that its tail does not make; `ends` has the furthest first."""
    values = values[np.isfinite(values)]
    if len(values) < FEWEST or not np.isfinite(ends).all():
        return []
    median = float(np.median(values))
    far = np.abs(ends - median)
    sign = 1.0 if ends[0] > median else -1.0
    if not far[-1] > 0 or (sign * (ends - median) <= 0).any():
        return []
    own, step = _spread_ties(sign * (values - median))
    usual = _usual_gaps(own[own > 0][::-1], far, total / len(values))
    if usual is None:
        return []
    gaps = np.maximum(np.log(far[:-1] / (far[1:] + step)), 0)
    chance = np.exp(-np.arange(1, len(far)) * gaps / usual)
    apart = np.flatnonzero((chance < limit) & (far[:-1] >= FURTHER * far[1:]))
    last = int(apart[-1]) + 1 if len(apart) else 0
    return [Apart(int(rows[i]), name, float(ends[i]), float(ends[last]), median) for i in range(last)]


def _usual_gaps(values: Array, far: Array, times: float) -> Array | None:
    """The largest mean that the gaps of logarithms of `far`, times their ranks, may have, from what follows them.

    `values` have the largest first, and each stands for `times` as many.
    """
    gaps = np.arange(1, len(values)) * np.log(values[:-1] / values[1:])
    first = int((values >= far[-1]).sum())
    used = np.arange(first, min(first + int(np.clip(0.1 * len(values) * 2, *TAIL)), len(gaps)))
    if len(used) < TAIL[0] or not gaps[used].sum() > 0:
        return None
    logs = np.log((used + 1) * times)
    middle = float(logs.mean())
    design = np.stack([np.ones(len(used)), logs - middle], 1)
    level = np.array([np.log(gaps[used].mean()), 0.0])
    inner = design.T @ design
    for _ in range(25):  # Fisher's scoring for exponential gaps with a logarithmic link
        level += np.clip(np.linalg.solve(inner, design.T @ (gaps[used] / np.exp(design @ level) - 1)), -1, 1)
    at = np.log(np.arange(1, len(far))) - middle
    error = np.sqrt(1 / len(used) + at * at / inner[1, 1])
    one = np.log(gaps[used].mean()) + LARGER / np.sqrt(len(used))
    if len(used) < LIGHT:
        return np.full(len(at), np.exp(one))
    out: Array = np.exp(np.minimum(level[0] + level[1] * at + LARGER * error, one))
    return out


def _spread_ties(values: Array) -> tuple[Array, float]:
    """Sorted, with equal values spread over the least difference, as if they had been rounded, and that difference."""
    ordered = np.sort(values)
    levels, starts, counts = np.unique(ordered, return_index=True, return_counts=True)
    if len(levels) == len(ordered) or len(levels) < 2:
        return ordered, 0.0
    step = float(np.diff(levels).min())
    places = np.arange(len(ordered)) - np.repeat(starts, counts)
    spread: Array = ordered + step * ((places + 0.5) / np.repeat(counts, counts) - 0.5)
    return spread, step
