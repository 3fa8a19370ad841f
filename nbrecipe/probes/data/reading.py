"""Reads rows of a data set as its loader does, from a stated random state, and leaves everything as it was."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import default_collate

from ... import guard
from ...batches import TARGET_KEYS, BadInput
from ...batches.structure import fields_of
from .chance import Chance
from .held import held
from .source import Source
from .stored import Stored, places_of

#: rows read at most, seconds that one reading of them may take, and seconds for one row from which on none is read
ROWS, SECONDS, SLOW = 32, 0.5, 2.5
#: containers in containers of an example that are looked into, and items of a list in it
_DEEP, _LONG = 5, 1000

#: parts of an example by their paths: `[0]`, `['image']`; arrays where they are numbers
Parts = dict[str, Any]


@dataclass(frozen=True)
class Reading:
    """Copies of the rows as the data set gave them, and of the batch that a collate function of the user's made."""

    rows: tuple[Parts, ...]
    batch: Parts | None


class Reader:
    """A context in which rows may be read at will; `restore()` undoes what reading changed, as leaving does."""

    def __init__(self, source: Source, rows: list[Any] | None = None) -> None:
        self.source = source
        self.things = held(source.data, source.name)
        collate = source.collate
        self.collate = None if collate is default_collate else collate
        if self.collate is not None:
            self.things += held(self.collate, "collate_fn")
        self.chance = Chance(self.things)
        self.rows = rows_to_read(source) if rows is None else rows
        self.stored = Stored(self.things, [p for row in self.rows for p in _places(source.data, row)])
        self._guard = guard.Untouched([source.data, source.loader])

    def __enter__(self) -> Reader:
        self._begun = self.chance.state()
        self._guard.__enter__()
        start = time.monotonic()
        try:
            self.read(self.rows[:1])
        except BaseException:
            self.restore()
            raise
        took = time.monotonic() - start
        self.restore()
        if took > SLOW:
            raise BadInput(
                f"reading one row of `{self.source.name}` takes {took:.0f} s, and it would be read many times"
            )
        affordable = int(SECONDS / max(took, 1e-6))
        self.rows = self.rows[: max(affordable, 2)]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.restore()

    def restore(self) -> None:
        """Put back what is stored, attributes, and every random generator."""
        self._guard.restore()
        self.stored.put_back()
        self.chance.put(self._begun)

    def read(self, rows: list[Any] | None = None) -> Reading:
        """The rows, from the random state as it is. Raises BadInput where reading one fails."""
        wanted = self.rows if rows is None else rows
        loader = self.source.loader
        alone = loader is not None and loader.batch_sampler is None
        found, parts, batch = [], [], None
        try:
            for row in self._fetched(wanted):
                found.append(self.collate(row) if alone and self.collate is not None else row)
                parts.append(parts_of(found[-1]))
            if self.collate is not None and not alone:
                batch = parts_of(self.collate(found))
        except BadInput:
            raise
        except Exception as error:
            said = " ".join(str(error).split())[:120]
            at = f"[{wanted[len(found)]}]" if len(found) < len(wanted) else ""
            what = f"reading `{self.source.name}{at}`" if len(found) < len(wanted) else "the loader's `collate_fn`"
            raise BadInput(f"{what} raises {type(error).__name__}: {said}") from error
        return Reading(tuple(parts), batch)

    def _fetched(self, wanted: list[Any]) -> Iterator[Any]:
        data = self.source.data
        together = getattr(data, "__getitems__", None)
        if together and self.source.loader is not None and self.source.loader.batch_sampler is not None:
            yield from together(wanted)
        else:
            yield from (data[row] for row in wanted)


def rows_to_read(source: Source) -> list[Any]:
    """The first rows, which often share a label where rows are sorted, and rows from everywhere."""
    data = source.data
    with suppress(TypeError, NotImplementedError):
        size = len(data)
        if not size:
            raise BadInput(f"`{source.name}` is empty")
        half = range(min(size, ROWS // 2))
        spread = (int(place) for place in np.linspace(len(half), size - 1, ROWS - len(half)))
        rows = list(dict.fromkeys(itertools.chain(half, spread)))[:ROWS] if size > ROWS else list(range(size))
        return list(data)[:ROWS] if isinstance(data, Mapping) else rows
    return list(range(2))


def _places(data: Any, row: Any) -> Iterator[int]:
    if isinstance(row, int):
        with suppress(TypeError, IndexError, StopIteration, ValueError):
            yield from places_of(data, row)


def parts_of(example: Any, path: str = "", deep: int = 0) -> Parts:
    """The parts of an example or a batch by their paths, as copies; numbers as arrays."""
    array = _array(example)
    if array is not None:
        return {path: array}
    named = fields_of(example)
    if named is None and hasattr(example, "_asdict"):
        named = example._asdict()
    if deep < _DEEP and named is not None:
        return {k: v for key, item in named.items() for k, v in parts_of(item, f"{path}[{key!r}]", deep + 1).items()}
    if deep < _DEEP and isinstance(example, (tuple, list)):
        return {
            k: v for i, item in enumerate(example[:_LONG]) for k, v in parts_of(item, f"{path}[{i}]", deep + 1).items()
        }
    if isinstance(example, (str, bytes, type(None))):
        return {path: example}
    inside = getattr(example, "__dict__", None)
    if deep < _DEEP and isinstance(inside, dict) and inside and not callable(example):
        return {k: v for key, item in inside.items() for k, v in parts_of(item, f"{path}.{key}", deep + 1).items()}
    said = repr(example)
    return {path: type(example).__name__ if " at 0x" in said else said}


def _array(value: Any) -> np.ndarray[Any, Any] | None:
    """A copy of what is numbers: tensors, arrays, pictures, numbers and lists of them."""
    if isinstance(value, Tensor):
        dense = value.detach().to_dense() if value.layout is not torch.strided else value.detach()
        plain = dense.float() if dense.dtype is torch.bfloat16 else dense
        return np.array(plain.cpu().numpy())
    if isinstance(value, (np.ndarray, np.generic, bool, int, float)):
        array = np.array(value)
        return None if array.dtype.hasobject or array.dtype.kind not in "biufc" else array
    if isinstance(value, list) and value and all(type(item) in (int, float, bool) for item in value):
        return np.array(value)
    if type(value).__module__.startswith("PIL.") and hasattr(value, "getbands"):
        return np.array(value)
    return None


def is_target(path: str, parts: Parts) -> bool:
    """Whether a part is what is to be predicted: under a name of targets, or the last of several."""
    first = path[1:].partition("]")[0].strip("'\"") if path.startswith("[") else ""
    tops = list(dict.fromkeys(other[1:].partition("]")[0] for other in parts if other.startswith("[")))
    if first.isdigit():
        return len(tops) > 1 and first == tops[-1]
    return first in TARGET_KEYS


def same(one: Any, other: Any) -> bool:
    """Whether two parts are equal, NaN with NaN."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        if one.shape != other.shape or one.dtype != other.dtype:
            return False
        return bool(np.array_equal(one, other, equal_nan=one.dtype.kind in "fc"))
    return type(one) is type(other) and bool(one == other)
