"""Data sets and loaders of PyTorch, read example by example as training reads them, without workers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ...batches.structure import BadInput, batch_size, fields_of
from ..columns.block import Block, Unread, gathered, label_among, plain_value, told_of
from .padded import BATCHES, Padding, cut_back, padding_of
from .source import ROWS, Source, step_of

#: examples that are read before they are handed on
_AT_ONCE = 256


class Examples(Source):
    """A map-style data set: anything with a length and rows by number. A row that raises is unread."""

    def __init__(self, name: str, data: Any, *, label: str | None = None) -> None:
        self.name, self._data, self.length = name, data, len(data)
        first = next((block.columns for row in range(min(self.length, 8)) if len(block := self._one(row))), {})
        self.label = label if label is not None else label_among(first)
        self._step = step_of(_AT_ONCE, first)

    def _one(self, row: int) -> Block:
        return read((row,), self._data.__getitem__)

    def blocks(self, start: int = 0, stop: int | None = None) -> Iterator[Block]:
        assert self.length is not None
        end = self.length if stop is None else min(stop, self.length)
        for low in range(start, end, self._step):
            yield read(range(low, min(low + self._step, end)), self._data.__getitem__)

    def changed(self) -> str:
        now = len(self._data)
        return f"had {self.length} rows when the reading began and has {now} now" if now != self.length else ""


class Batched(Source):
    """A loader whose collate function makes the examples: read in the order of the rows, batch by batch."""

    def __init__(self, name: str, data: Any, collate: Callable[[list[Any]], Any], size: int) -> None:
        self.name, self._data, self._collate, self._size = name, data, collate, size
        self.length = len(data)
        self._padding: Padding | None = None
        self._whole: set[Any] = set()
        starts = [i * self.length // BATCHES // size * size for i in range(BATCHES)]
        blocks = [block for low in dict.fromkeys(starts) for block in self.blocks(low, low + size) if len(block)]
        self.label = label_among(blocks[0].columns) if blocks else None
        self._padding = padding_of(blocks)

    def blocks(self, start: int = 0, stop: int | None = None) -> Iterator[Block]:
        assert self.length is not None
        end = self.length if stop is None else min(stop, self.length)
        for low in range(start, end, self._size):
            rows = range(low, min(low + self._size, end))
            block = self._together(rows)
            if block is None:
                block = read(rows, self._alone)
            yield block if self._padding is None else cut_back(block, self._padding)

    def _together(self, rows: range) -> Block | None:
        """The rows of one batch; None where only one by one can tell: a row raises, or a part has no row for each."""
        if self._whole:
            return None
        try:
            return unbatched(rows, self._collate([self._data[row] for row in rows]))
        except Undivided as error:
            self._whole |= error.parts
            return None
        except Exception:
            return None

    def _alone(self, row: int) -> Any:
        return only(self._collate([self._data[row]]), self._whole)


class Opened:
    """A call that gives an iterable itself; both can be sent to another process."""

    def __init__(self, data: Any) -> None:
        self._data = data

    def __call__(self) -> Any:
        return self._data


class Stream(Source):
    """Examples that can be read only in their order, from the start: an iterable data set, a generator function.

    Raises BadInput where they can be read only once.
    """

    def __init__(self, name: str, opened: Callable[[], Iterable[Any]], *, label: str | None = None) -> None:
        self.name, self._opened, self._ended = name, opened, ""
        if iter(opened()) is iter(opened()):
            raise BadInput(f"`{name}` can be read only once: reading it would use it up; give what it was made from")
        self.label, self._step = label, ROWS
        first = next((block for block in self.blocks(0, 1) if len(block)), None)
        if label is None and first is not None:
            self.label = label_among(first.columns)
        if first is not None:
            self._step = step_of(ROWS, first.columns)
        if first is not None and next(self.blocks(0, 1), None) is None:
            raise BadInput(f"`{name}` gives its rows only once: a second reading finds none; make its iterator anew")

    def blocks(self, start: int = 0, stop: int | None = None) -> Iterator[Block]:
        rows = enumerate(self._each(start, stop), start)
        self._ended = ""
        while some := list(itertools.islice(rows, self._step)):
            unread = [Unread(row, one.told) for row, one in some if isinstance(one, _Raised)]
            good = [(row, one) for row, one in some if not isinstance(one, _Raised)]
            if unread and unread[-1].row == some[-1][0] and len(some) < self._step:
                self._ended = f"ended at row {unread[-1].row}, which raised {unread[-1].told}"
            yield gathered([row for row, _ in good], [one for _, one in good], unread)

    def changed(self) -> str:
        return self._ended

    def _each(self, start: int, stop: int | None) -> Iterator[Any]:
        """The examples, and what was raised in place of one; a generator that has raised ends."""
        examples, row = iter(self._opened()), 0
        while stop is None or row < stop:
            try:
                one = next(examples)
            except StopIteration:
                return
            except Exception as error:
                one = _Raised(told_of(error))
            if row >= start:
                yield one
            row += 1


@dataclass(frozen=True)
class _Raised:
    """Stands where an example would."""

    told: str


def read(rows: Sequence[int], one: Callable[[int], Any]) -> Block:
    """Single rows, and which of them raise."""
    good, examples, unread = [], [], []
    for row in rows:
        try:
            examples.append(one(row))
            good.append(row)
        except Exception as error:
            unread.append(Unread(row, told_of(error)))
    return gathered(good, examples, unread)


class Undivided(ValueError):
    """A batch of which some parts have no row for each example, such as the ids of all texts, end to end."""

    def __init__(self, parts: set[Any]) -> None:
        super().__init__(f"{len(parts)} parts of a batch have another number of rows")
        self.parts = parts


def unbatched(rows: Sequence[int], batch: Any) -> Block:
    """A batch as the rows it was made of. Raises ValueError where it, or a part of it, has another number of rows."""
    count = len(rows)
    if batch_size(batch) != count:
        raise ValueError(f"a batch of {batch_size(batch)} rows was made of {count}")
    parts = _parts(batch)
    odd = {key for key, part in parts.items() if _axis(part, count) is None}
    if odd:
        raise Undivided(odd)
    columns = {key: [_row(part, i, count) for i in range(count)] for key, part in parts.items()}
    return gathered(rows, [_example(batch, {key: values[i] for key, values in columns.items()}) for i in range(count)])


def only(batch: Any, whole: Set[Any] = frozenset()) -> Any:
    """A batch of one row as that row, of which these parts are taken whole."""
    parts = _parts(batch)
    odd = {key for key, part in parts.items() if _axis(part, 1) is None}
    return _example(batch, {key: part if key in whole | odd else _row(part, 0, 1) for key, part in parts.items()})


def _axis(part: Any, count: int) -> int | None:
    """The axis of the rows: the first, or the second where time comes first; None where there is none."""
    if not isinstance(part, Tensor) or not part.ndim:
        return 0
    return next((axis for axis in range(min(2, part.ndim)) if part.shape[axis] == count), None)


def _row(part: Any, row: int, count: int) -> Any:
    return part[:, row] if _axis(part, count) == 1 else part[row]


def _parts(batch: Any) -> dict[Any, Any]:
    """Parts by their names, or by their places."""
    fields = fields_of(batch)
    if fields is not None:
        return dict(fields)
    return dict(enumerate(batch if isinstance(batch, (tuple, list)) else (batch,)))


def _example(batch: Any, parts: dict[Any, Any]) -> Any:
    if fields_of(batch) is None:
        return tuple(parts.values())
    return {name: plain_value(value) for name, value in parts.items()}
