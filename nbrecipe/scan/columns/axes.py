"""What can be measured of one example, as numbers: the axes along which data are looked at, sorted and compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..counts.letters import BEYOND, BROKEN, SYMBOL, Texts, texts_of
from .block import PIECE, Values, size_of, stretches
from .kinds import COLOURS, Kind
from .steps import steps_of, time_axis

#: (rows, axes) with a name for each axis; NaN where an example has no such number
Table = tuple[tuple[str, ...], np.ndarray[Any, Any]]


def axes_of(name: str, kind: Kind, values: Values, texts: Texts | None = None) -> Table:
    """The axes of one column: its name where it is one number, `name: axis` where it is more.

    `texts` are those of the column where they were read before.
    """
    names, table = _little_by_little(kind, values) if texts is None else _of_texts(texts)
    if kind is Kind.TABLE:
        return tuple(f"{name}[{i}]" for i in range(table.shape[1])), table
    return tuple(f"{name}: {axis}" if axis else name for axis in names), table


def _little_by_little(kind: Kind, values: Values) -> Table:
    """A few rows at a time where they are large: what is computed of images takes several times their memory."""
    if kind is Kind.TABLE or not isinstance(values, np.ndarray) or size_of(values) <= PIECE:
        return _measured(kind, values)
    parts = [_measured(kind, values[few]) for few in stretches(values)]
    return parts[0][0], np.concatenate([table for _, table in parts])


def _measured(kind: Kind, values: Values) -> Table:
    """What can be measured of those that are of this kind; NaN for the others."""
    measure = _AXES.get(kind, _nothing)
    if isinstance(values, np.ndarray) or kind not in _FITS:
        return measure(values)
    fits = _FITS[kind]
    there = [i for i, value in enumerate(values) if fits(value)]
    if len(there) == len(values):
        return measure(values)
    names, some = measure([values[i] for i in there])
    table = np.full((len(values), len(names)), np.nan)
    table[there] = some
    return names, table


def _is_numbers(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "biuf" and value.ndim > 0


def _is_boxes(value: Any) -> bool:
    if isinstance(value, Mapping):
        value = value.get("boxes", value.get("bbox"))
    return isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim > 0)


_FITS: dict[Kind, Callable[[Any], bool]] = {
    Kind.IMAGE: _is_numbers,
    Kind.TOKENS: _is_numbers,
    Kind.SEQUENCE: _is_numbers,
    Kind.MASK: _is_numbers,
    Kind.FLAGS: _is_numbers,
    Kind.BOXES: _is_boxes,
}


def _nothing(values: Values) -> Table:
    return (), np.empty((len(values), 0))


def numbers(values: Values) -> np.ndarray[Any, Any]:
    """(rows, 1) the number of each row; NaN where there is none."""
    if isinstance(values, list):
        return np.array([_as_number(v) for v in values], dtype=np.float64)[:, None]
    return values.reshape(len(values), -1)[:, :1]


def _number(values: Values) -> Table:
    return ("",), numbers(values)


def _as_number(value: Any) -> float:
    if isinstance(value, np.ndarray):
        value = value.item() if value.size == 1 else None
    try:
        return float("nan") if isinstance(value, (str, bytes)) else float(value)
    except (TypeError, ValueError):
        return float("nan")
    except OverflowError:
        return float("inf")


def _table(values: Values) -> Table:
    table = np.stack(values) if isinstance(values, list) else values
    table = table.reshape(len(table), int(np.prod(table.shape[1:])))
    return tuple(str(i) for i in range(table.shape[1])), table


def _image(values: Values) -> Table:
    if isinstance(values, np.ndarray):
        flat = values.reshape(len(values), -1)
        if flat.dtype.kind not in "f":
            flat = flat.astype(np.float32)
        mean = flat.mean(1, dtype=np.float32)
        square = np.einsum("ij,ij->i", flat, flat) / max(flat.shape[1], 1)
        height, width = sides(values[0]) if values.ndim > 2 else (round(values.shape[1] ** 0.5),) * 2
        same = [np.full(len(values), side, np.float32) for side in (height, width)]
        return _IMAGE, np.stack([mean, np.sqrt(np.maximum(square - mean * mean, 0)), *same], axis=1)
    sizes = [sides(image) for image in values]
    rows = [
        (float(np.mean(image)), float(np.std(image)), float(height), float(width))
        for image, (height, width) in zip(values, sizes, strict=True)
    ]
    return _IMAGE, np.array(rows).reshape(-1, len(_IMAGE))


_IMAGE = ("brightness", "contrast", "height", "width")


def sides(image: np.ndarray[Any, Any]) -> tuple[int, int]:
    """Height and width of (H, W), (H, W, C) or (C, H, W)."""
    first = image.ndim == 3 and image.shape[0] in COLOURS and image.shape[2] not in COLOURS
    height, width = image.shape[1:] if first else image.shape[:2]
    return int(height), int(width)


def _text(values: Values) -> Table:
    return _of_texts(texts_of(list(values)))


def _of_texts(texts: Texts) -> Table:
    """Letters, words, and the share of letters that are no ASCII letter, digit or space; NaN where there is no text."""
    seen = texts.seen
    words = np.where(seen.lengths > 0, seen.spaces + 1, 0)
    odd = seen.count(SYMBOL | BEYOND | BROKEN) / np.maximum(seen.lengths, 1)
    table = np.stack([seen.lengths, words, odd], axis=1).astype(np.float64)
    if texts.places is not None:
        some, table = table, np.full((texts.rows, 3), np.nan)
        table[texts.places] = some
    return ("characters", "words", "symbols"), table


def _length(values: Values) -> Table:
    lengths = np.array([len(value) for value in values], dtype=np.float64)
    return ("length",), lengths[:, None]


def _sequence(values: Values) -> Table:
    if isinstance(values, np.ndarray) and values.ndim == 2 and values.shape[1]:
        lengths = np.full(len(values), float(values.shape[1]))
        mean, spread = values.mean(1, dtype=np.float64), values.std(1, dtype=np.float64)
        return _SEQUENCE, np.stack([lengths, mean, spread], axis=1)
    axis = time_axis(values)
    rows = [(float(steps_of(np.shape(v), axis)), float(np.mean(v)), float(np.std(v))) if np.size(v)
            else (0.0, np.nan, np.nan) for v in values]  # fmt: skip
    return _SEQUENCE, np.array(rows, dtype=np.float64).reshape(-1, 3)


_SEQUENCE = ("length", "mean", "spread")


def _mask(values: Values) -> Table:
    return ("marked",), np.array([float(np.mean(np.asarray(v) != 0)) for v in values])[:, None]


def _boxes(values: Values) -> Table:
    counts = [len(v.get("boxes", v.get("bbox", ()))) if isinstance(v, Mapping) else len(v) for v in values]
    return ("boxes",), np.array(counts, dtype=np.float64)[:, None]


def _flags(values: Values) -> Table:
    return ("flags set",), np.array([float(np.sum(v)) for v in values])[:, None]


_AXES: dict[Kind, Callable[[Values], Table]] = {
    Kind.NUMBER: _number,
    Kind.TABLE: _table,
    Kind.IMAGE: _image,
    Kind.TEXT: _text,
    Kind.TOKENS: _length,
    Kind.SEQUENCE: _sequence,
    Kind.MASK: _mask,
    Kind.BOXES: _boxes,
    Kind.FLAGS: _flags,
}
