"""Which axis of an example is time: the one whose length differs, else the one along which neighbours are alike."""

from __future__ import annotations

from typing import Any

import numpy as np

from .block import Values

#: channels below which the other axis is time, and how many times as long it is where nothing else tells
FEW, LONGER = 4, 8
#: rows whose neighbours are looked at, and how much more alike they are along time
ROWS, MORE = 64, 0.3
WORDS = ("first", "second")
Array = np.ndarray[Any, Any]


def time_axis(values: Values) -> int | None:
    """0 of (T, C), 1 of (C, T); None where examples have one axis, or where nothing tells which of two it is."""
    if isinstance(values, np.ndarray):
        return _of_even(values) if values.ndim == 3 and len(values) else None
    grids = [value for value in values if isinstance(value, np.ndarray) and value.ndim == 2 and value.size]
    if not grids or len(grids) < len(values) / 2:
        return None
    tall, wide = (len({value.shape[axis] for value in grids}) > 1 for axis in (0, 1))
    if tall != wide:
        return 0 if tall else 1
    return None if tall else _of_even(np.stack(grids[:ROWS]))


def steps_of(shape: tuple[int, ...], axis: int | None) -> int:
    """How many steps an example of this shape has."""
    return shape[axis or 0] if len(shape) == 2 else shape[0]


def told_axis(values: Values) -> str:
    """The axis that is time in words; "" where there is one axis, or where nothing tells."""
    axis = time_axis(values)
    return "" if axis is None else f", time along the {WORDS[axis]} axis"


def _of_even(values: Array) -> int | None:
    tall, wide = values.shape[1:]
    if min(tall, wide) < FEW:
        return None if tall == wide else 0 if tall > wide else 1
    down, across = _alike(values, 1), _alike(values, 2)
    if abs(down - across) > MORE:
        return 0 if down > across else 1
    return 0 if tall >= LONGER * wide else 1 if wide >= LONGER * tall else None


def _alike(values: Array, axis: int) -> float:
    """Correlation of neighbours along an axis, over the mean of each line."""
    lines = np.nan_to_num(np.moveaxis(values[:ROWS], axis, -1).astype(np.float64))
    lines = lines - lines.mean(-1, keepdims=True)
    power = float(np.square(lines).mean())
    return float((lines[..., 1:] * lines[..., :-1]).mean()) / power if power > 0 else 0.0
