"""Data sets and loaders of PyTorch, read example by example as training reads them, without workers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ...batches.structure import batch_size, fields_of
from ..block import Block, Unread, gathered, label_among, parts_of, plain_value
from .source import ROWS, Source

#: examples that are read before they are handed on
_AT_ONCE = 256


class Examples(Source):
    """A map-style data set: anything with a length and rows by number. A row that raises is unread."""

    def __init__(self, name: str, data: Any, *, label: str | None = None) -> None:
        self.name, self._data, self.length = name, data, len(data)
        self.label = label if label is not None else self._named()

    def _named(self) -> str | None:
        for row in range(min(self.length or 0, 8)):
            try:
                return label_among(parts_of(self._data[row]))
            except Exception:
                continue
        return None

    def blocks(self, start: int = 0, stop: int | None = None) -> Iterator[Block]:
        assert self.length is not None
        end = self.length if stop is None else min(stop, self.length)
        for low in range(start, end, _AT_ONCE):
            yield read(range(low, min(low + _AT_ONCE, end)), self._data.__getitem__)


class Batched(Source):
    """A loader whose collate function makes the examples: read in the order of the rows, batch by batch."""

    def __init__(self, name: str, data: Any, collate: Callable[[list[Any]], Any], size: int) -> None:
        self.name, self._data, self._collate, self._size = name, data, collate, size
        self.length = len(data)
        first = next(self.blocks(0, min(size, self.length)), None)
        self.label = label_among(first.columns) if first is not None else None

    def blocks(self, start: int = 0, stop: int | None = None) -> Iterator[Block]:
        assert self.length is not None
        end = self.length if stop is None else min(stop, self.length)
        for low in range(start, end, self._size):
            rows = range(low, min(low + self._size, end))
            try:
                yield unbatched(rows, self._collate([self._data[row] for row in rows]))
            except Exception:  # somebody among them: one by one tells who
                yield read(rows, lambda row: _only(self._collate([self._data[row]])))


class Stream(Source):
    """Examples that can be read only in their order, from the start: an iterable data set, a generator function."""

    def __init__(self, name: str, opened: Callable[[], Iterable[Any]], *, label: str | None = None) -> None:
        self.name, self._opened = name, opened
        first = list(itertools.islice(iter(opened()), 1))
        self.label = label if label is not None else label_among(parts_of(first[0])) if first else None

    def blocks(self, start: int = 0, stop: int | None = None) -> Iterator[Block]:
        examples = itertools.islice(iter(self._opened()), start, stop)
        for low in itertools.count(start, ROWS):
            some = list(itertools.islice(examples, ROWS))
            if some:
                yield gathered(range(low, low + len(some)), some)
            if len(some) < ROWS:
                return


def read(rows: Sequence[int], one: Callable[[int], Any]) -> Block:
    """Single rows, and which of them raise."""
    good, examples, unread = [], [], []
    for row in rows:
        try:
            examples.append(one(row))
            good.append(row)
        except Exception as error:
            unread.append(Unread(row, f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"))
    return gathered(good, examples, unread)


def unbatched(rows: Sequence[int], batch: Any) -> Block:
    """A batch as the rows it was made of. Raises ValueError where it has another number of rows."""
    if batch_size(batch) != len(rows):
        raise ValueError(f"a batch of {batch_size(batch)} rows was made of {len(rows)}")
    fields = fields_of(batch)
    if fields is None:
        parts = batch if isinstance(batch, (tuple, list)) else (batch,)
        whole = [[part[i] for i in range(len(rows))] for part in parts]
        return gathered(rows, list(zip(*whole, strict=True)))
    columns = {name: [plain_value(value[i]) for i in range(len(rows))] for name, value in fields.items()}
    return gathered(rows, [{name: values[i] for name, values in columns.items()} for i in range(len(rows))])


def _only(batch: Any) -> Any:
    block = unbatched([0], batch)
    return {name: values[0] for name, values in block.columns.items()}
