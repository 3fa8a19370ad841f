"""Copies of what a data set stores, so that reading it can be seen to change it, and the change can be undone.

Arrays are copied whole as long as they hold less than a quarter of a gigabyte together. Of larger ones, and of long
lists, only the places are copied that the rows to be read may stand at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, MutableMapping
from typing import Any

import numpy as np
import torch
import xxhash
from torch import Tensor
from torch.utils.data import ConcatDataset, Subset

from .held import LONG, Held

#: bytes of arrays that are copied whole
WHOLE = 1 << 28
#: items of a container that is copied whole
MANY = 1 << 20
#: containers in containers that are copied
_DEEP = 4


def places_of(data: Any, row: int) -> Iterator[int]:
    """The positions at which a row may stand in what the data set, or those it is made of, store."""
    yield row
    if isinstance(data, Subset):
        yield from places_of(data.dataset, int(data.indices[row]))
    elif isinstance(data, ConcatDataset):
        part = next(i for i, end in enumerate(data.cumulative_sizes) if row < end)
        yield from places_of(data.datasets[part], row - (data.cumulative_sizes[part - 1] if part else 0))
    else:
        inner = getattr(data, "dataset", None)
        if inner is not None and inner is not data and hasattr(inner, "__getitem__"):
            yield from places_of(inner, row)


class Kept:
    """One thing as it was: a digest of what it is now, and a way back."""

    def __init__(
        self, path: str, now: Callable[[], object], back: Callable[[], None], *, of: str, counter: bool,
        moved: Callable[[], bool],
    ) -> None:  # fmt: skip
        self.path = path
        self.now = now
        self._was = now()
        self._back = back
        #: "array", "tensor", "picture", or "box" for a list or a dict, and "rows" for one right in the data set
        self.of = of
        #: whether it holds one number for each row, as a counter of readings does
        self.counter = counter
        #: whether it holds the same things in another order
        self.moved = moved

    def put_back(self) -> None:
        """Undo what changed; what did not is not written to, so that graphs of the user's stay valid."""
        if self.now() != self._was:
            self._back()


class Stored:
    """What is stored within reach, as it is now."""

    def __init__(self, things: Iterable[Held], places: Iterable[int]) -> None:
        self._places = sorted(set(places))
        self._left = WHOLE
        self._seen: set[int] = set()
        self.kept: list[Kept] = []
        for thing in sorted(things, key=lambda held: _size(held.value)):
            self._keep(thing.path, thing.value, 0)

    def now(self) -> list[object]:
        """A digest of each thing kept."""
        return [kept.now() for kept in self.kept]

    def put_back(self) -> None:
        """Undo every change."""
        for kept in reversed(self.kept):  # containers hold things, and come first
            kept.put_back()

    def _keep(self, path: str, value: Any, deep: int, row: bool = False) -> None:
        """Keep one thing; `row` says that it stands in a list of rows."""
        if id(value) in self._seen or deep > _DEEP:
            return
        self._seen.add(id(value))
        if isinstance(value, np.ndarray):
            self._array(path, value, deep, row)
        elif isinstance(value, Tensor):
            self._tensor(path, value, row)
        elif isinstance(value, (list, bytearray)):
            self._list(path, value, deep, row)
        elif isinstance(value, MutableMapping):
            self._mapping(path, value, deep, row)
        elif isinstance(value, tuple):
            for place, item in self._items(value):
                self._keep(f"{path}[{place}]", item, deep + 1, row or self._by_row(value))
        elif type(value).__module__.startswith("PIL.") and hasattr(value, "getbands"):
            self._picture(path, value)
        elif type(value).__module__.split(".")[0] == "pandas" and hasattr(value, "iloc"):
            self._frame(path, value)

    def _array(self, path: str, array: np.ndarray[Any, Any], deep: int, row: bool) -> None:
        if array.dtype.hasobject:
            for place in self._places:
                if array.ndim == 1 and place < len(array):
                    self._keep(f"{path}[{place}]", array[place], deep + 1, True)
        elif array.flags.writeable and array.size:
            where = self._whole_or_places(array.nbytes, len(array) if array.ndim else 0)
            if where is not None:
                copy = array[where].copy()
                self.kept.append(
                    Kept(
                        path, lambda: _digest(array[where]), lambda: array.__setitem__(where, copy), of="array",
                        counter=not row and _is_counter(array.shape), moved=lambda: _same_values(array[where], copy),
                    )
                )  # fmt: skip

    def _tensor(self, path: str, tensor: Tensor, row: bool) -> None:
        if tensor.layout is not torch.strided or tensor.device.type == "meta" or not tensor.numel():
            return
        data = tensor.detach()
        where = self._whole_or_places(data.numel() * data.element_size(), len(data) if data.ndim else 0)
        if where is None or any(stride == 0 for stride in data.stride() if data.numel() > 1):
            return
        copy = data[where].clone()

        def back() -> None:
            data[where] = copy

        counter = not row and _is_counter(data.shape)
        self.kept.append(
            Kept(
                path, lambda: _digest(_bytes(data[where])), back, of="tensor", counter=counter,
                moved=lambda: _same_values(_bytes(data[where]), _bytes(copy)),
            )
        )  # fmt: skip

    def _whole_or_places(self, size: int, length: int) -> Any:
        if size <= self._left:
            self._left -= size
            return ...
        places = [place for place in self._places if place < length]
        return places or None

    def _by_row(self, box: Any) -> bool:
        """Whether a container may have an item for each row."""
        return bool(self._places) and len(box) > self._places[-1]

    def _items(self, items: Any) -> list[tuple[int, Any]]:
        places = range(len(items)) if len(items) <= LONG else [p for p in self._places if p < len(items)]
        return [(place, items[place]) for place in places]

    def _list(self, path: str, items: Any, deep: int, row: bool) -> None:
        inside = self._items(items)
        if len(items) <= MANY:
            copy = items[:]

            def back() -> None:
                items[:] = copy

            self.kept.append(
                Kept(
                    path, lambda: (len(items), _ids(items)), back, of="box" if row else "rows",
                    counter=not row and _are_numbers(items), moved=lambda: _same_items(items, copy),
                )
            )  # fmt: skip
        for place, item in inside:
            self._keep(f"{path}[{place}]", item, deep + 1, row or self._by_row(items))

    def _mapping(self, path: str, table: MutableMapping[Any, Any], deep: int, row: bool) -> None:
        copy = dict(table) if len(table) <= MANY else None
        if copy is not None:

            def back() -> None:
                table.clear()
                table.update(copy)

            self.kept.append(
                Kept(
                    path, lambda: (tuple(map(str, table)), _ids(table.values())), back, of="box" if row else "rows",
                    counter=not row and _are_numbers(table.values()), moved=lambda: False,
                )
            )  # fmt: skip
        keys = list(table) if len(table) <= LONG else [place for place in self._places if place in table]
        for key in keys:
            self._keep(f"{path}[{key!r}]", table[key], deep + 1, row or self._by_row(table))

    def _frame(self, path: str, frame: Any) -> None:
        usage = frame.memory_usage()
        size = int(usage.sum() if hasattr(usage, "sum") else usage)
        if size > self._left or len(frame) > MANY or not hasattr(frame, "_mgr"):
            return
        self._left -= size
        copy = frame.copy()

        def back() -> None:
            frame._mgr = copy.copy()._mgr

        self.kept.append(
            Kept(path, lambda: _of_frame(frame), back, of="rows", counter=False, moved=lambda: False)
        )  # fmt: skip

    def _picture(self, path: str, image: Any) -> None:
        copy = image.copy()

        def back() -> None:
            image.__dict__.update(copy.copy().__dict__)

        now = lambda: (image.size, image.mode, image.tobytes())  # noqa: E731
        self.kept.append(Kept(path, now, back, of="picture", counter=False, moved=lambda: False))


def _of_frame(frame: Any) -> object:
    columns = [frame[name] for name in frame.columns] if hasattr(frame, "columns") else [frame]
    return [_of_column(column.to_numpy()) for column in columns]


def _of_column(values: np.ndarray[Any, Any]) -> object:
    return hash(tuple(map(str, values))) if values.dtype.hasobject else _digest(values)


def _size(value: Any) -> int:
    if isinstance(value, Tensor):
        return value.numel() * value.element_size()
    return int(value.nbytes) if isinstance(value, np.ndarray) else 0


def _is_counter(shape: tuple[int, ...]) -> bool:
    return len(shape) < 2 or max(shape[1:]) == 1


def _are_numbers(items: Iterable[Any]) -> bool:
    return isinstance(next(iter(items), 0), (int, float, np.number))


def _same_values(now: np.ndarray[Any, Any], then: np.ndarray[Any, Any]) -> bool:
    return bool(np.array_equal(np.sort(now, axis=None), np.sort(then, axis=None)))


def _same_items(now: Any, then: Any) -> bool:
    return sorted(map(id, now)) == sorted(map(id, then))


def _ids(items: Iterable[Any]) -> int:
    return hash(tuple(id(item) for item in items))


def _digest(array: Any) -> bytes:
    return xxhash.xxh3_128_digest(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


def _bytes(tensor: Tensor) -> np.ndarray[Any, Any]:
    raw = tensor.contiguous().cpu().flatten()
    return (torch.view_as_real(raw) if raw.is_complex() else raw).view(torch.uint8).numpy()
