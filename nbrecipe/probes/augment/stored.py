"""The rows of a data set that are about to be read, kept, so that a reading that writes into them can be undone."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import ConcatDataset, Subset

#: parts of a data set that are looked through, and how deep
_PARTS, _DEPTH = 64, 3


class Stored:
    """Copies of some rows of a data set's own arrays; `put_back()` writes back what a reading has changed."""

    def __init__(self, data: Any, places: Sequence[int]) -> None:
        self._kept = [(place, box, at, copied(box[at])) for place in places for box, at in _rows(data, place)]
        #: the places whose rows were changed, each once
        self.changed: list[int] = []

    def put_back(self) -> None:
        """Make the rows what they were."""
        for place, box, at, kept in self._kept:
            now = box[at]
            if _same(now, kept):
                continue
            if place not in self.changed:
                self.changed.append(place)
            there = _back(now, kept)
            if there is not now:
                box[at] = there


def copied(value: Any) -> Any:
    """The same in tensors and arrays of its own; of a view, no more than what it shows."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return value.copy()
    if type(value) in (list, tuple):
        return type(value)(copied(part) for part in value)
    if type(value) is dict:
        return {key: copied(part) for key, part in value.items()}
    return copy.deepcopy(value)


def _back(now: Any, kept: Any) -> Any:
    """What has to stand there: the same object with its values written back, where it can hold them."""
    if isinstance(now, Tensor) and isinstance(kept, Tensor) and now.shape == kept.shape and now.dtype == kept.dtype:
        with torch.no_grad():
            return now.copy_(kept)
    if isinstance(now, np.ndarray) and isinstance(kept, np.ndarray) and now.shape == kept.shape:
        np.copyto(now, kept)
        return now
    if isinstance(now, list) and isinstance(kept, list) and len(now) == len(kept):
        now[:] = [_back(a, b) for a, b in zip(now, kept, strict=True)]
        return now
    if type(now) is tuple and type(kept) is tuple and len(now) == len(kept):
        parts = [_back(a, b) for a, b in zip(now, kept, strict=True)]
        return now if all(a is b for a, b in zip(now, parts, strict=True)) else tuple(parts)
    if isinstance(now, dict) and isinstance(kept, dict):
        parts_by_key = {key: _back(now.get(key), part) for key, part in kept.items()}
        now.clear()
        now.update(parts_by_key)
        return now
    return now if _same(now, kept) else copied(kept)


def _rows(data: Any, place: int) -> Iterator[tuple[Any, int]]:
    """Every array or list that holds this example, and where."""
    while isinstance(data, (Subset, ConcatDataset)):
        if isinstance(data, Subset):
            place, data = int(data.indices[place]), data.dataset
            continue
        for part, end in zip(data.datasets, data.cumulative_sizes, strict=True):
            if place < end:
                place, data = place - (end - len(part)), part  # type: ignore[arg-type]
                break
    yield from _held(data, place, _DEPTH)


def _held(thing: Any, place: int, depth: int) -> Iterator[tuple[Any, int]]:
    if depth < 0 or isinstance(thing, (str, bytes, int, float, type)) or thing is None:
        return
    if isinstance(thing, (Tensor, np.ndarray)):
        usable = thing.ndim > 0 and len(thing) > place and not getattr(thing.dtype, "hasobject", False)
        if usable and (isinstance(thing, np.ndarray) or thing.layout is torch.strided):
            yield thing, place
    elif isinstance(thing, list) and len(thing) > place and _plain(thing[place]):
        yield thing, place
    elif isinstance(thing, (tuple, list)) and len(thing) <= _PARTS:
        for part in thing:
            yield from _held(part, place, depth - 1)
    elif isinstance(thing, dict) and len(thing) <= _PARTS:
        for part in list(thing.values()):
            yield from _held(part, place, depth - 1)
    elif type(thing).__module__.partition(".")[0] not in ("datasets", "pandas", "polars"):
        for part in list(getattr(thing, "__dict__", {}).values())[:_PARTS]:
            yield from _held(part, place, depth - 1)


def _plain(row: Any) -> bool:
    """Whether a row is made of numbers, texts and arrays, so that a copy of it is cheap and whole."""
    if isinstance(row, (tuple, list)):
        return len(row) <= _PARTS and all(_plain(part) for part in row)
    if isinstance(row, dict):
        return len(row) <= _PARTS and all(_plain(part) for part in row.values())
    return isinstance(row, (Tensor, np.ndarray, str, int, float, type(None)))


def _same(now: Any, kept: Any) -> bool:
    if isinstance(now, Tensor) and isinstance(kept, Tensor):
        return now.shape == kept.shape and now.dtype == kept.dtype and _bits(now) == _bits(kept)
    if isinstance(now, np.ndarray) and isinstance(kept, np.ndarray):
        return now.shape == kept.shape and now.dtype == kept.dtype and now.tobytes() == kept.tobytes()
    if isinstance(now, (tuple, list)) and isinstance(kept, (tuple, list)):
        return len(now) == len(kept) and all(map(_same, now, kept))
    if isinstance(now, dict) and isinstance(kept, dict):
        return list(now) == list(kept) and all(_same(now[key], kept[key]) for key in now)
    return bool(now == kept) or now is kept or (now != now and kept != kept)


def _bits(tensor: Tensor) -> bytes:
    """The values bit for bit: NaN is itself."""
    raw: bytes = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    return raw
