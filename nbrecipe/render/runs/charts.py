"""Curves ready to draw: thinned, smoothed, named; a panel, a picture and words read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from ...finding import number

if TYPE_CHECKING:
    from ...trace.record.series import Series

#: points that a drawing of a curve takes, at most
POINTS = 240
#: share of a curve that its smoothed twin takes the mean over, and points below which a curve needs none
WINDOW, FEW = 1 / 20, 40
#: a ratio of the largest to the smallest value from which an axis is logarithmic
WIDE = 20.0
Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Curve:
    """One line; `points` are rows of (step, value), or of (step, low, high) for an area."""

    points: Array
    name: str = ""
    #: which colour: 0 to 3, or 4 for grey
    tone: int = 0
    #: "" for a bold line, "thin", "dash", "steps"
    style: str = ""
    #: what its value is called where the cursor stands; empty where nothing is said of it
    says: str = ""


@dataclass(frozen=True)
class Chart:
    """Curves over the same steps, on one axis."""

    id: str
    title: str
    rest: str
    curves: tuple[Curve, ...]
    areas: tuple[Curve, ...] = ()
    #: values drawn across, with their names
    levels: tuple[tuple[float, str], ...] = ()
    band: tuple[float, float] | None = None
    log: bool = False
    #: the axis begins at 0
    zero: bool = False
    #: the same in a few words, for text
    told: str = ""

    @property
    def last(self) -> int:
        """The last step of any curve."""
        return int(max((curve.points[-1, 0] for curve in self.curves if len(curve.points)), default=0))


def points(series: Series) -> Array:
    """The rows (step, value) of a series, in order."""
    kept = series.points()
    return np.fromiter(chain.from_iterable(kept), "f8", 2 * len(kept)).reshape(-1, 2)


def thinned(rows: Array, most: int = POINTS) -> Array:
    """At most so many rows: the lowest and the highest of each stretch, so that no spike is lost."""
    if len(rows) <= most:
        return rows
    stretch = -(-len(rows) // (most // 2 - 1))
    whole = np.arange(-(-len(rows) // stretch) * stretch).clip(max=len(rows) - 1).reshape(-1, stretch)
    values = rows[whole, 1]
    finite = np.isfinite(values)
    low = np.where(finite, values, np.inf).argmin(axis=1)
    # a value that is not finite stands for its stretch: it leaves a gap
    high = np.where(finite, values, np.where(finite.all(axis=1, keepdims=True), -np.inf, np.inf)).argmax(axis=1)
    every, kept = np.arange(len(whole)), np.zeros(len(rows), bool)
    kept[[0, -1]] = kept[whole[every, low]] = kept[whole[every, high]] = True
    found: Array = rows[kept]
    return found


def smoothed(rows: Array, *, log: bool) -> Array:
    """The mean over `WINDOW` of the curve around each point, of the logarithms on a logarithmic axis."""
    gone = rows[-1:] if len(rows) and not np.isfinite(rows[-1, 1]) else rows[:0]
    rows = rows[np.isfinite(rows[:, 1]) & ((rows[:, 1] > 0) | (not log))]
    values = np.log(rows[:, 1]) if log else rows[:, 1]
    reach = max(1, int(len(rows) * WINDOW / 2))
    chosen = np.linspace(0, len(rows) - 1, min(len(rows), POINTS)).astype(int)
    room = np.minimum(chosen, len(rows) - 1 - chosen)
    half = np.minimum(reach, np.maximum(room, reach // 2))  # towards the ends the window shrinks
    sums = np.concatenate([[0.0], np.cumsum(values)])
    first, after = np.maximum(chosen - half, 0), np.minimum(chosen + half + 1, len(rows))
    means = (sums[after] - sums[first]) / (after - first)
    made: Array = np.column_stack([rows[chosen, 0], np.exp(means) if log else means])
    return np.concatenate([made, gone])


def raw_and_smooth(rows: Array, name: str, tone: int, *, log: bool, says: str) -> list[Curve]:
    """A thin line of what was seen and a bold one to read; where there are few points, one line."""
    if len(rows) < FEW or np.isfinite(rows[:, 1]).sum() < FEW:
        return [Curve(rows, name, tone, "", says)]
    return [Curve(thinned(rows), "", tone, "thin"), Curve(smoothed(rows, log=log), name, tone, "", says)]


def positive(seen: Sequence[Array]) -> bool:
    """Whether there is something above 0 and nothing below: a logarithmic axis can show it."""
    values = np.concatenate([rows[:, 1] for rows in seen]) if seen else np.zeros(0)
    values = values[np.isfinite(values)]
    return bool(values.size) and bool((values >= 0).all()) and bool((values > 0).any())


def wide(seen: Sequence[Array]) -> bool:
    """Whether the values span so much that only a logarithmic axis shows all of them."""
    if not positive(seen):
        return False
    values = np.concatenate([rows[:, 1] for rows in seen])
    values = values[np.isfinite(values) & (values > 0)]
    return bool(values.max() / values.min() > WIDE)


def scale(log: bool) -> str:
    """What a caption says of a logarithmic axis."""
    return ", log scale" if log else ""


def ends(rows: Array) -> str:
    """The first value and the last, for people."""
    first, last = brief(rows[0, 1]), brief(rows[-1, 1])
    return first if first == last else f"{first} → {last}"


def brief(value: float) -> str:
    """A number with at most three digits and no zeros at its end."""
    told = number(float(value), 3)
    return told.rstrip("0").rstrip(".") if "." in told and "e" not in told else told
