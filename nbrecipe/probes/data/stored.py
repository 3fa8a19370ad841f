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

    def __init__(self, path: str, now: Callable[[], object], back: Callable[[], None], numbers: int) -> None:
        self.path = path
        self.now = now
        self._was = now()
        self._back = back
        #: numbers in a row of it, so that a counter of rows can be told from the rows
        self.numbers = numbers

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
        for thing in sorted(things, key=lambda held: getattr(held.value, "nbytes", 0)):
            self._keep(thing.path, thing.value, 0)

    def now(self) -> list[object]:
        """A digest of each thing kept."""
        return [kept.now() for kept in self.kept]

    def put_back(self) -> None:
        """Undo every change."""
        for kept in reversed(self.kept):  # containers hold things, and come first
            kept.put_back()

    def _keep(self, path: str, value: Any, deep: int) -> None:
        if id(value) in self._seen or deep > _DEEP:
            return
        self._seen.add(id(value))
        if isinstance(value, np.ndarray):
            self._array(path, value, deep)
        elif isinstance(value, Tensor):
            self._tensor(path, value)
        elif isinstance(value, (list, bytearray)):
            self._list(path, value, deep)
        elif isinstance(value, MutableMapping):
            self._mapping(path, value, deep)
        elif isinstance(value, tuple):
            for place, item in self._items(value):
                self._keep(f"{path}[{place}]", item, deep + 1)
        elif hasattr(value, "tobytes") and hasattr(value, "im") and hasattr(value, "getbands"):
            self._picture(path, value)

    def _array(self, path: str, array: np.ndarray[Any, Any], deep: int) -> None:
        if array.dtype.hasobject:
            for place in self._places:
                if array.ndim == 1 and place < len(array):
                    self._keep(f"{path}[{place}]", array[place], deep + 1)
        elif array.flags.writeable and array.size:
            where = self._whole_or_places(array.nbytes, len(array) if array.ndim else 0)
            if where is not None:
                copy = array[where].copy()
                numbers = array.size // max(len(array) if array.ndim and array.ndim > 1 else array.size, 1)
                self.kept.append(
                    Kept(path, lambda: _digest(array[where]), lambda: array.__setitem__(where, copy), numbers)
                )

    def _tensor(self, path: str, tensor: Tensor) -> None:
        if tensor.layout is not torch.strided or tensor.device.type == "meta" or not tensor.numel():
            return
        data = tensor.detach()
        where = self._whole_or_places(data.numel() * data.element_size(), len(data) if data.ndim else 0)
        if where is None or any(stride == 0 for stride in data.stride() if data.numel() > 1):
            return
        copy, numbers = data[where].clone(), data.numel() // max(len(data) if data.ndim > 1 else data.numel(), 1)

        def back() -> None:
            data[where] = copy

        self.kept.append(Kept(path, lambda: _digest(_bytes(data[where])), back, numbers))

    def _whole_or_places(self, size: int, length: int) -> Any:
        if size <= self._left:
            self._left -= size
            return ...
        places = [place for place in self._places if place < length]
        return places or None

    def _items(self, items: Any) -> list[tuple[int, Any]]:
        places = range(len(items)) if len(items) <= LONG else [p for p in self._places if p < len(items)]
        return [(place, items[place]) for place in places]

    def _list(self, path: str, items: Any, deep: int) -> None:
        inside = self._items(items)
        if len(items) <= WHOLE // 64:
            copy = items[:]

            def back() -> None:
                items[:] = copy

            self.kept.append(Kept(path, lambda: (len(items), _ids(items)), back, 2 if deep else 1))
        for place, item in inside:
            self._keep(f"{path}[{place}]", item, deep + 1)

    def _mapping(self, path: str, table: MutableMapping[Any, Any], deep: int) -> None:
        copy = dict(table) if len(table) <= WHOLE // 64 else None
        if copy is not None:

            def back() -> None:
                table.clear()
                table.update(copy)

            self.kept.append(Kept(path, lambda: (tuple(map(str, table)), _ids(table.values())), back, 2 if deep else 1))
        keys = list(table) if len(table) <= LONG else [place for place in self._places if place in table]
        for key in keys:
            self._keep(f"{path}[{key!r}]", table[key], deep + 1)

    def _picture(self, path: str, image: Any) -> None:
        copy = image.copy()

        def back() -> None:
            image.__dict__.update(copy.copy().__dict__)

        self.kept.append(Kept(path, lambda: (image.size, image.mode, image.tobytes()), back, 2))


def _ids(items: Iterable[Any]) -> int:
    return hash(tuple(id(item) for item in items))


def _digest(array: Any) -> bytes:
    return xxhash.xxh3_128_digest(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


def _bytes(tensor: Tensor) -> np.ndarray[Any, Any]:
    raw = tensor.contiguous().cpu().flatten()
    return (torch.view_as_real(raw) if raw.is_complex() else raw).view(torch.uint8).numpy()
