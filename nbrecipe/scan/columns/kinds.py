"""What a column holds: numbers, a table, images, text, tokens, sequences; and what a label is."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

import numpy as np

from .block import Values

#: colours that an image has; pixels a side that it has at least
COLOURS, SIDE = (1, 3, 4), 4
#: rows and columns from which on a grid of numbers is an image
GRID = 16
#: whole numbers from which on a label is taken for a number rather than for a class, where most rows differ
MANY = 1000
#: names of columns that hold ids of tokens
TOKENS = ("input_ids", "ids", "tokens", "token_ids", "idx", "src", "tgt", "decoder_input_ids")


class Kind(str, enum.Enum):
    """What one column holds for each example."""

    NUMBER = "number"  # one number
    TABLE = "table"  # a row of features
    IMAGE = "image"  # (H, W), (H, W, C) or (C, H, W)
    TEXT = "text"
    TOKENS = "tokens"  # ids, or for a label a class at every position
    SEQUENCE = "sequence"  # numbers over time, audio too
    CLASS = "class"  # one of a few: a whole number, a string or one-hot
    FLAGS = "flags"  # several yes or no
    MASK = "mask"  # a class at every pixel
    BOXES = "boxes"  # a mapping with boxes
    OTHER = "other"

    def __str__(self) -> str:
        return self.value


def kind_of(name: str, values: Values, *, label: bool) -> Kind:
    """What a column holds, read off its first rows."""
    if isinstance(values, list):
        return _of_list(name, values, label)
    if values.dtype.kind in "OUS":
        return _of_list(name, values.tolist(), label)
    if values.dtype.kind not in "biuf":
        return Kind.OTHER
    whole = values.dtype.kind in "biu"
    shape = values.shape[1:]
    if label:
        return _of_label(values, shape, whole)
    if not shape or shape == (1,):
        return Kind.NUMBER
    if len(shape) == 1:
        return _of_row(name, values, whole)
    return _of_grid(values, shape)


def _of_list(name: str, values: list[Any], label: bool) -> Kind:
    there = [value for value in values if value is not None]
    first = there[0] if there else None
    texts = [value for value in there if isinstance(value, str)]
    if len(texts) > len(there) // 2:
        short = len(set(texts)) <= max(2, len(texts) // 2) and max(map(len, texts)) < 64
        return Kind.CLASS if label and short else Kind.TEXT
    numbers = sum(isinstance(value, (bool, int, float, np.number)) for value in there)
    if numbers > len(there) // 2:
        return _of_numbers(there, label)
    arrays = [value for value in there if isinstance(value, np.ndarray) and value.dtype.kind in "biuf" and value.ndim]
    first = arrays[0] if len(arrays) > len(there) // 2 else first
    if isinstance(first, Mapping):
        return Kind.BOXES if "boxes" in first or "bbox" in first else Kind.OTHER
    if not isinstance(first, np.ndarray) or first.dtype.kind not in "biuf":
        return Kind.OTHER
    if not first.ndim:
        return Kind.OTHER
    if first.ndim == 1:
        return Kind.TOKENS if first.dtype.kind in "iu" else Kind.SEQUENCE
    if label and first.ndim == 2 and first.dtype.kind in "biu" and first.shape[1] != 4:
        return Kind.MASK
    if label and first.ndim == 2 and first.shape[1] in (4, 5):
        return Kind.BOXES
    colours = first.ndim == 3 and (first.shape[0] in COLOURS or first.shape[2] in COLOURS)
    # steps have one width, images of many sizes have many
    grids = [value for value in there if isinstance(value, np.ndarray) and value.ndim == 2]
    if grids and len({value.shape[0] for value in grids}) == 1 and grids[0].shape[0] < _channels(first.dtype):
        return Kind.SEQUENCE  # sound of one or two channels, or leads of a recorder, the channels first
    wide = {value.shape[1] for value in grids}
    return Kind.IMAGE if colours or first.dtype == np.uint8 or len(wide) > 1 else Kind.SEQUENCE


def _channels(dtype: np.dtype[Any]) -> int:
    """Values from which on examples of one height are images; bytes are sooner."""
    return SIDE if dtype == np.uint8 else GRID


def _of_numbers(values: list[Any], label: bool) -> Kind:
    """Single numbers among other things."""
    numbers = [value for value in values if isinstance(value, (bool, int, float, np.number))]
    plain = [value for value in numbers if isinstance(value, (bool, int)) or float(value.real).is_integer()]
    few = len(plain) == len(numbers) and len(set(plain)) <= max(2, len(numbers) // 2)
    return Kind.CLASS if label and few else Kind.NUMBER


def _of_label(values: np.ndarray[Any, Any], shape: tuple[int, ...], whole: bool) -> Kind:
    if not shape or shape == (1,):
        flat = values.reshape(-1)
        there = flat if whole else flat[np.isfinite(flat)]
        if whole or bool((there == np.floor(there)).all()):
            distinct = len(np.unique(there))
            few = distinct <= min(MANY, 0.9 * len(there)) if whole else distinct <= max(2, len(there) // 4)
            return Kind.CLASS if few or len(there) < 16 else Kind.NUMBER
        return Kind.NUMBER
    if len(shape) == 1:
        yes_no = bool(np.isin(values, (0, 1)).all())
        if yes_no and bool((values.sum(1) == 1).all()):
            return Kind.CLASS
        return Kind.FLAGS if yes_no else Kind.TOKENS if whole else Kind.TABLE
    inner = shape[1:] if shape[0] == 1 else shape
    if whole or bool(np.isin(values[:16], (0, 1)).all()):
        return Kind.MASK if len(inner) == 2 else Kind.OTHER
    return _of_grid(values, shape)


def _of_row(name: str, values: np.ndarray[Any, Any], whole: bool) -> Kind:
    if whole and values.dtype != np.bool_:
        if name.lower() in TOKENS or _is_ids(values):
            return Kind.TOKENS
        return Kind.SEQUENCE if int(values.min(initial=0)) < 0 and is_wave(values) else Kind.TABLE
    return Kind.IMAGE if flat_side(values) else Kind.SEQUENCE if is_wave(values) else Kind.TABLE


def _is_ids(values: np.ndarray[Any, Any]) -> bool:
    """Whole numbers of which no place has a range of its own, and many: characters and words, not counts."""
    if values.shape[1] < 4 or values.dtype == np.uint8 or int(values.min(initial=0)) < 0:
        return False
    spread = float(values.std())
    return int(values.max(initial=0)) >= 16 and float(values.mean(0).std()) < 0.5 * spread


def _of_grid(values: np.ndarray[Any, Any], shape: tuple[int, ...]) -> Kind:
    if len(shape) == 3:
        colours = shape[0] in COLOURS or shape[2] in COLOURS
        return Kind.IMAGE if colours and sorted(shape)[1] >= SIDE else Kind.OTHER
    if len(shape) == 2 and min(shape) >= SIDE:
        across, down = neighbours(values[:64])
        if values.dtype == np.uint8 or min(across, down) > ALIKE or min(shape) >= GRID:
            return Kind.IMAGE
    return Kind.SEQUENCE if len(shape) == 2 else Kind.OTHER


#: correlation of neighbours from which a row of numbers is an image laid flat; columns in no order have none
ALIKE = 0.3


#: numbers of a row from which on it may be a signal, and correlation of neighbours that one has
WIDE, SMOOTH = 256, 0.7


def is_wave(values: np.ndarray[Any, Any]) -> bool:
    """Whether rows are signals, such as sound: wide, and nearly the same from one number to the next."""
    if values.shape[1] < WIDE or values.dtype.kind not in "fi":
        return False
    rows = np.nan_to_num(values[:64].astype(np.float32))
    rows = rows - rows.mean(1, keepdims=True)
    power = float(np.square(rows).mean())
    return power > 0 and float((rows[:, 1:] * rows[:, :-1]).mean()) > SMOOTH * power


def flat_side(values: np.ndarray[Any, Any]) -> int:
    """Pixels a side where rows are square grey images laid flat; 0 where they are not."""
    side = round(values.shape[1] ** 0.5)
    if values.dtype.kind not in "fu" or side < 8 or side * side != values.shape[1]:
        return 0
    return side if min(neighbours(values[:64].reshape(-1, side, side))) > ALIKE else 0


def neighbours(images: np.ndarray[Any, Any]) -> tuple[float, float]:
    """Correlation of each value of (N, H, W) with the next across and the next down, within images."""
    values = np.nan_to_num(images.astype(np.float32))
    values = values - values.mean((1, 2), keepdims=True)
    power = float(np.square(values).mean())
    if power <= 0:
        return 0.0, 0.0
    across = float((values[:, :, 1:] * values[:, :, :-1]).mean()) / power
    down = float((values[:, 1:] * values[:, :-1]).mean()) / power
    return across, down
