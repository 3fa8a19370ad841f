"""Rows of a data set as columns: what every source gives and every measure takes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..batches.structure import TARGET_KEYS, fields_of

#: a column: (rows, ...) where all examples have one shape, else a list of arrays, strings or anything else
Values = np.ndarray[Any, Any] | list[Any]
#: what the columns of plain (input, label) pairs are called
INPUT, LABEL = "input", "label"


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
    """Examples as a data set gives them, by column; one whose columns are not those of the first is unread."""
    kept: list[tuple[int, dict[str, Any]]] = []
    odd = list(unread)
    for row, example in zip(rows, examples, strict=True):
        parts = parts_of(example)
        if kept and parts.keys() != kept[0][1].keys():
            odd.append(Unread(row, f"has {_listed(parts)}, where row {kept[0][0]} has {_listed(kept[0][1])}"))
            continue
        kept.append((row, parts))
    names = list(kept[0][1]) if kept else []
    columns = {name: packed([parts[name] for _, parts in kept]) for name in names}
    return Block(np.array([row for row, _ in kept], dtype=np.int64), columns, tuple(odd))


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
    plain = [plain_value(value) for value in values]
    first = plain[0] if plain else None
    if isinstance(first, np.ndarray):
        alike = all(isinstance(v, np.ndarray) and v.shape == first.shape and v.dtype == first.dtype for v in plain)
        return np.stack(plain) if alike else plain
    if isinstance(first, (bool, int, float, np.generic)) or first is None:
        numbers = all(isinstance(v, (bool, int, float, np.generic)) or v is None for v in plain)
        if numbers and any(v is not None for v in plain):
            return np.array([np.nan if v is None else v for v in plain])
    return plain


def plain_value(value: Any) -> Any:
    """Tensors, and pictures of Pillow, as arrays of NumPy; everything else as it is."""
    if isinstance(value, Tensor):
        value = value.detach()
        if value.layout is not torch.strided:
            value = value.to_dense()
        if value.dtype is torch.bfloat16:
            value = value.float()
        array: np.ndarray[Any, Any] = value.cpu().numpy()
        return array if array.ndim else array[()]
    if hasattr(value, "getbands") and hasattr(value, "tobytes"):
        return np.asarray(value)
    if isinstance(value, (list, tuple)) and value and _is_numbers(value):
        return np.asarray(value)
    return value


def size_of(values: Values) -> int:
    """Bytes that a column takes, roughly where it is a list."""
    if isinstance(values, np.ndarray):
        return int(values.nbytes)
    sizes = (v.nbytes if isinstance(v, np.ndarray) else 64 + len(v) if isinstance(v, str) else 256 for v in values)
    return int(sum(sizes))


def _is_numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(v, (bool, int, float, np.number)) for v in values) and len(values) > 2


def _listed(parts: Mapping[str, Any]) -> str:
    return ", ".join(f"`{name}`" for name in parts)
