"""Rows of a data set as columns: what every source gives and every measure takes."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...batches import BadInput
from ...batches.structure import TARGET_KEYS, fields_of
from .dates import DATED, Year, is_dated

#: a column: (rows, ...) where all examples have one shape, else a list of arrays, strings or anything else
Values = np.ndarray[Any, Any] | list[Any]
#: what the columns of plain (input, label) pairs are called
INPUT, LABEL = "input", "label"
#: bytes of a column of which something is computed at once
PIECE = 8 << 20
_NUMBERS = (bool, int, float, np.number, np.bool_)


@dataclasses.dataclass(frozen=True)
class Unread:
    """An example that raised when it was read."""

    row: int
    #: "ValueError: ..."
    told: str


@dataclasses.dataclass(frozen=True)
class Block:
    """Some rows of a data set; those that could not be read stand in `unread` alone."""

    #: (n,) numbers of the rows
    rows: np.ndarray[Any, Any]
    columns: Mapping[str, Values]
    unread: tuple[Unread, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)


def gathered(rows: Iterable[int], examples: Sequence[Any], unread: Sequence[Unread] = ()) -> Block:
    """Examples as a data set gives them, by column; what one of them lacks is None."""
    kept: list[tuple[int, dict[str, Any]]] = []
    odd = list(unread)
    for row, example in zip(rows, examples, strict=True):
        try:
            parts = {name: plain_value(value) for name, value in parts_of(example).items()}
            if parts:
                kept.append((row, parts))
            else:
                odd.append(Unread(row, "has no columns"))
        except Exception as error:  # a picture that is decoded only now
            odd.append(Unread(row, told_of(error)))
    names = dict.fromkeys(name for _, parts in kept for name in parts)
    columns = {name: stacked([parts.get(name) for _, parts in kept]) for name in names}
    return Block(np.array([row for row, _ in kept], dtype=np.int64), columns, tuple(odd))


def told_of(error: BaseException) -> str:
    """What was raised, in one line: "ValueError: ..."; what we raise is a sentence already."""
    lines = str(error).splitlines()
    if isinstance(error, BadInput) and lines:
        return lines[0]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"


def parts_of(example: Any) -> dict[str, Any]:
    """One example by column: fields by their names, the last of a tuple as the label, anything else as the input."""
    fields = fields_of(example)
    if fields is not None:
        return {str(name): value for name, value in fields.items()}
    if isinstance(example, (tuple, list)) and 1 < len(example) <= 8 and not _is_numbers(example):
        *inputs, label = example
        named = [(INPUT if len(inputs) == 1 else f"{INPUT}[{i}]", value) for i, value in enumerate(inputs)]
        parts: dict[str, Any] = {}
        for name, value in named:
            inner = fields_of(value)
            parts.update({name: value} if inner is None else {str(key): item for key, item in inner.items()})
        return {**parts, LABEL: label}
    if isinstance(example, (tuple, list)) and len(example) == 1:
        return {INPUT: example[0]}
    return {INPUT: example}


def label_among(names: Iterable[str]) -> str | None:
    """The column that holds the label, by its name; None where no name says so."""
    names = list(names)
    usual = [LABEL, *TARGET_KEYS, "class", "category", "score"]
    return next((name for wanted in usual for name in names if name.lower() == wanted), None)


def packed(values: Sequence[Any]) -> Values:
    """A column out of single values: one array where all have a shape and a dtype, else a list."""
    return stacked([plain_value(value) for value in values])


def stacked(plain: list[Any]) -> Values:
    """The same of plain values."""
    first = plain[0] if plain else None
    if isinstance(first, np.ndarray):
        alike = all(isinstance(v, np.ndarray) and v.shape == first.shape and v.dtype == first.dtype for v in plain)
        return as_column(np.stack(plain)) if alike else plain
    if isinstance(first, _NUMBERS) or first is None:
        numbers = all(isinstance(v, _NUMBERS) or v is None for v in plain)
        if numbers and any(v is not None for v in plain):
            made = np.array([np.nan if v is None else v for v in plain])
            if Year in set(map(type, plain)) and made.dtype == np.float64:
                return made.view(DATED)
            return plain if made.dtype == object or _rounds(made, plain) else made  # whole numbers beyond 64 bits
    return plain


def _rounds(made: np.ndarray[Any, Any], plain: list[Any]) -> bool:
    """Whether whole numbers were too large for the floats that they stand beside."""
    if made.dtype.kind != "f" or not (np.abs(made) > 1 << 53).any():
        return False
    return any(isinstance(v, (int, np.integer)) and not -(1 << 53) <= v <= 1 << 53 for v in plain)


def as_column(values: np.ndarray[Any, Any]) -> Values:
    """An array that holds numbers as it is, days as years; a list of what else it holds."""
    if values.dtype.kind in "mM":
        return years(values)
    if values.dtype.kind in "biufc":
        return values
    return packed(values.tolist()) if values.ndim == 1 else list(values)


def years(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Points in time as the year and the share of it that has passed, spans in days; NaN where there is none."""
    gone = np.isnat(values)
    if values.dtype.kind == "m":
        out: np.ndarray[Any, Any] = np.where(gone, np.nan, values / np.timedelta64(1, "D"))
        return out
    start = np.where(gone, np.datetime64(0, "Y"), values.astype("M8[Y]"))
    first, after = start.astype("M8[us]"), (start + 1).astype("M8[us]")
    passed = np.where(gone, first, values.astype("M8[us]")) - first
    made: np.ndarray[Any, Any] = np.where(gone, np.nan, 1970 + start.astype(np.int64) + passed / (after - first))
    return made.view(DATED)


def plain_value(value: Any) -> Any:
    """Tensors, and pictures of Pillow, as arrays of NumPy, days and decimals as numbers; everything else as it is."""
    if isinstance(value, (str, int, float)):
        return value
    if isinstance(value, Tensor):
        value = value.detach()
        if value.layout is not torch.strided:
            value = value.to_dense()
        if value.dtype is torch.bfloat16:
            value = value.float()
        array: np.ndarray[Any, Any] = value.resolve_conj().resolve_neg().cpu().numpy()
        return array if array.ndim else array[()]
    if isinstance(value, np.ndarray):
        if not value.ndim:
            return plain_value(value[()])
        return value if value.dtype.kind in "biufc" else plain_value(_elsewise(value))
    if hasattr(value, "getbands") and hasattr(value, "tobytes"):
        return np.asarray(value)
    if isinstance(value, (list, tuple)) and value and _is_numbers(value):
        return np.asarray(value)
    if isinstance(value, Mapping) and "array" in value and "sampling_rate" in value:  # sound, as audio features give it
        return plain_value(np.asarray(value["array"]))
    if isinstance(value, (datetime.date, datetime.timedelta, np.datetime64, np.timedelta64, Decimal)):
        return _as_float(value)
    return value


def _elsewise(values: np.ndarray[Any, Any]) -> Any:
    """An array of days as years, one of anything else as lists."""
    return years(values) if values.dtype.kind in "mM" else values.tolist()


def _as_float(value: Any) -> float:
    """A point in time or a decimal as a number; NaN for a time that is none."""
    if isinstance(value, Decimal):
        return float(value) if not value.is_snan() else float("nan")
    if value != value:
        return float("nan")
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        value = value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    unit = "m8[us]" if isinstance(value, (datetime.timedelta, np.timedelta64)) else "M8[us]"
    made = years(np.array([value], dtype=unit))
    return Year(made[0]) if is_dated(made) else float(made[0])


def stretches(values: Values, most: int = PIECE) -> Iterator[slice]:
    """All rows of a column, so few at a time that what is computed of them takes little memory."""
    step = max(1, most // max(size_of(values) // max(len(values), 1), 1))
    return (slice(low, low + step) for low in range(0, len(values), step))


def size_of(values: Values) -> int:
    """Bytes that a column takes, roughly where it is a list."""
    if isinstance(values, np.ndarray):
        return int(values.nbytes)
    sizes = (v.nbytes if isinstance(v, np.ndarray) else 64 + len(v) if isinstance(v, str) else 256 for v in values)
    return int(sum(sizes))


def _is_numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(v, (bool, int, float, np.number)) for v in values) and len(values) > 2
