"""What can be measured of one example, as numbers: the axes along which data are looked at, sorted and compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .block import Values
from .kinds import COLOURS, Kind

#: (rows, axes) with a name for each axis; NaN where an example has no such number
Table = tuple[tuple[str, ...], np.ndarray[Any, Any]]


def axes_of(name: str, kind: Kind, values: Values) -> Table:
    """The axes of one column: its name where it is one number, `name: axis` where it is more."""
    names, table = _AXES.get(kind, _nothing)(values)
    if kind is Kind.TABLE:
        return tuple(f"{name}[{i}]" for i in range(table.shape[1])), table
    return tuple(f"{name}: {axis}" if axis else name for axis in names), table


def _nothing(values: Values) -> Table:
    return (), np.empty((len(values), 0))


def _number(values: Values) -> Table:
    if isinstance(values, list):
        return ("",), np.array([_as_number(v) for v in values], dtype=np.float64)[:, None]
    return ("",), values.reshape(len(values), -1)[:, :1]


def _as_number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _table(values: Values) -> Table:
    table = np.stack(values) if isinstance(values, list) else values
    table = table.reshape(len(table), -1)
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
    return _IMAGE, np.array(rows)


_IMAGE = ("brightness", "contrast", "height", "width")


def sides(image: np.ndarray[Any, Any]) -> tuple[int, int]:
    """Height and width of (H, W), (H, W, C) or (C, H, W)."""
    first = image.ndim == 3 and image.shape[0] in COLOURS and image.shape[2] not in COLOURS
    height, width = image.shape[1:] if first else image.shape[:2]
    return int(height), int(width)


def _text(values: Values) -> Table:
    texts = [value if isinstance(value, str) else "" for value in values]
    rows = [(len(text), text.count(" ") + 1 if text else 0, _odd(text)) for text in texts]
    return ("characters", "words", "symbols"), np.array(rows, dtype=np.float64).reshape(-1, 3)


def _odd(text: str) -> float:
    """Share of characters that are no ASCII letter, digit or space."""
    if not text:
        return 0.0
    return 1.0 - sum(map(len, text.encode("ascii", "ignore").translate(None, _SYMBOLS).split(b"\0"))) / len(text)


_SYMBOLS = bytes(c for c in range(128) if not (chr(c).isalnum() or chr(c).isspace()))


def _length(values: Values) -> Table:
    lengths = np.array([np.shape(value)[0] if np.ndim(value) else 0 for value in values], dtype=np.float64)
    return ("length",), lengths[:, None]


def _sequence(values: Values) -> Table:
    rows = [(float(np.shape(v)[0]), float(np.mean(v)), float(np.std(v))) if np.size(v) else (0.0, np.nan, np.nan)
            for v in values]  # fmt: skip
    return ("length", "mean", "spread"), np.array(rows, dtype=np.float64).reshape(-1, 3)


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
