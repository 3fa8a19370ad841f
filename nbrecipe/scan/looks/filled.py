"""Values that stand for "missing": the same in many rows of a column of numbers, and far from all others there.

A value that belongs to a column has neighbours. What does not is told by three gaps: to the mean of the other rows, to
the next value, and that one against the gaps that follow. A zero of amounts, counts or sparse features fails one of
them: the next values are near, or the others spread as far as they lie. By custom some numbers stand for "missing";
those count however many rows hold them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...finding import Finding, hint
from ..columns.axes import axes_of
from ..columns.kinds import Kind
from ..reading import Scan
from ..sources.tables import Pandas

#: numbers that stand for "missing" by custom
USUAL = (-9999.0, -999.0, -99.0, 999.0, 9999.0, 99999.0, -32768.0, 1e20)
#: share of the rows from which on such a value is told of, rows at least, and different values besides it
SHARE, LEAST, BESIDES = 0.005, 10, 10
#: share of the rows beyond which a number is no exception, unless it is one of the usual ones
MOST = 0.5
#: deviations of the other rows from their mean to the value, and to the next value
FAR, APART = 3.0, 1.0
#: times the widest of the next few gaps between values that lie beside it, and how many those are
WIDER, NEXT = 2.5, 3
#: rows that are kept, and named in a sentence; columns beside the first
NAMED, TOLD, COLUMNS = 50, 5, 3
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Filled:
    """A column and the value in it that may stand for what is missing."""

    axis: str
    #: whether it is a column of its own, and no place of a row of numbers
    column: bool
    value: float
    #: rows of the sample that hold it, their share, and the first of them
    count: int
    share: float
    rows: tuple[int, ...]
    #: deviations of the other rows between their mean and the value
    apart: float


def filled(scan: Scan) -> tuple[Filled, ...]:
    """What may stand for missing values in the columns of numbers, the furthest from its others first."""
    block, found = scan.part.sample.block(), []
    for name, kind in scan.plan.inputs.items():
        values = block.columns.get(name)
        if values is None or not len(values) or kind not in (Kind.NUMBER, Kind.TABLE):
            continue
        names, table = axes_of(name, kind, values)
        for axis, column in zip(names, np.asarray(table).T, strict=True):
            plain = np.asarray(column, dtype=np.float64)
            told = fill_of(plain)
            if told is not None:
                rows = block.rows[plain == told[0]]
                found.append(Filled(axis, kind is Kind.NUMBER, told[0], len(rows), len(rows) / len(plain),
                                    tuple(rows[:NAMED].tolist()), told[1]))  # fmt: skip
    return tuple(sorted(found, key=lambda one: (one.value not in USUAL, -one.apart)))


def as_hint(read: Scan) -> Finding | None:
    """Columns in which one value may stand for what is missing, in a sentence; None where there are none."""
    fills = filled(read)
    if not fills:
        return None
    first, others = fills[0], fills[1 : 1 + COLUMNS]
    size = len(read.part.sample.block())
    rows = ", ".join(map(str, first.rows[:TOLD])) + (", …" if first.count > TOLD else "")
    of = read.extent if size == read.rows else f"{size} of {read.rows} rows"
    more = ", ".join(f"`{one.axis}` {one.value:g} in {100 * one.share:.1f} %" for one in others)
    left = f" and {len(fills) - 1 - len(others)} more" * (len(fills) > 1 + len(others))
    return hint(
        f"`{first.axis}` is **{first.value:g}** in **{100 * first.share:.1f} %** of {of} of `{read.name}` (row "
        f"{rows}), {first.apart:.0f} deviations from its other values" + (f"; likewise {more}{left}" if others else ""),
        fix="See whether it stands for what is missing; if so, fill it, or tell the model by a column of its own.",
        code=f"{read.name}[{first.axis!r}].replace({first.value:g}, float('nan'))" * _in_frame(read, first),
        fills=[[one.axis, one.value, one.share] for one in fills[:50]],
        rows=list(first.rows),
    )


def _in_frame(read: Scan, fill: Filled) -> bool:
    """Whether it is a column of a frame of pandas, under a name that can be written."""
    return isinstance(getattr(read.source, "cut", None), Pandas) and fill.column and read.name.isidentifier()


def fill_of(column: Array) -> tuple[float, float] | None:
    """The value, and how many deviations it lies from the mean of the others; None where there is none."""
    values, counts = np.unique(column[np.isfinite(column)], return_counts=True)
    if len(values) <= BESIDES:
        return None
    for end in (0, -1):
        value, count = float(values[end]), int(counts[end])
        usual, share = value in USUAL, count / len(column)
        if count < LEAST or share < SHARE or (share > MOST and not usual):
            continue
        others, often = (values[1:], counts[1:]) if end == 0 else (values[:-1], counts[:-1])
        mean = float(np.average(others, weights=often))
        deviation = math.sqrt(float(np.average(np.square(others - mean), weights=often)))
        if not deviation > 0 or not math.isfinite(deviation):
            continue
        apart = abs(value - mean) / deviation
        if apart > FAR and _alone(value, others if end == 0 else others[::-1], deviation):
            return value, apart
    return None


def _alone(value: float, others: Array, deviation: float) -> bool:
    """Whether the next value is far, by the spread of the others and by the gaps that follow."""
    gap = abs(value - float(others[0]))
    next_gaps = np.abs(np.diff(others[: NEXT + 1]))
    return gap > APART * deviation and gap > WIDER * float(next_gaps.max(initial=0.0))
