"""Data sets of the Hugging Face hub: by slices as the user's format makes them, by columns where it makes none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ...batches import BadInput
from ..columns.block import Block, Values, label_among, packed
from .datasets import Opened, Stream, read
from .source import Source, step_of
from .tables import Arrow, Cut, Table

#: examples that are decoded before they are handed on
_AT_ONCE = 256


class Decoded(Source):
    """Rows that have to be made: images, sounds, and what the user's format or transform changes."""

    def __init__(self, name: str, data: Any) -> None:
        self.name, self._data, self.length = name, data, len(data)
        self.label = label_among(data.column_names)
        first = next((block.columns for row in range(min(self.length, 8)) if len(block := read((row,), self._one))), {})
        self._step = step_of(_AT_ONCE, first)

    def blocks(self, start: int = 0, stop: int | None = None) -> Iterator[Block]:
        assert self.length is not None
        end = self.length if stop is None else min(stop, self.length)
        for low in range(start, end, self._step):
            rows = range(low, min(low + self._step, end))
            try:
                taken = self._data[low : rows.stop]
                columns = {key: _column(values, len(rows)) for key, values in taken.items()}
            except Exception:  # somebody among them: one by one tells who
                yield read(rows, self._one)
                continue
            yield Block(np.arange(low, rows.stop), columns)

    def _one(self, row: int) -> Any:
        example = self._data[row]
        return {key: _sound(value) for key, value in example.items()} if isinstance(example, Mapping) else example


def of_dataset(data: Any, name: str) -> Source | None:
    """A data set of the hub as a source; None for anything else of that library."""
    kind = type(data).__name__
    if isinstance(data, Mapping):
        told = ", ".join(f"`{name}[{key!r}]`" for key in data)
        raise BadInput(f"`{name}` is a {kind} of several splits: give one of {told}")
    if not hasattr(data, "features"):
        return None
    source: Source
    if not hasattr(data, "num_rows"):
        source = Stream(name, Opened(data))
    elif _is_plain(data):
        source = Table(name, Slices(data))
    else:
        source = Decoded(name, data)
    classes = {key: feature.names for key, feature in (data.features or {}).items() if hasattr(feature, "int2str")}
    if source.label is None and len(classes) == 1:
        source.label = next(iter(classes))
    source.names = dict(enumerate(classes.get(source.label or "", ())))
    return source


class Slices(Cut):
    """Cuts a data set without decoding anything."""

    def __init__(self, data: Any) -> None:
        self._data = data.with_format("arrow")
        self.names, self.length = Arrow(self._data[:0]).names, len(data)

    def __call__(self, start: int, stop: int) -> dict[str, Values]:
        whole = Arrow(self._data[start:stop])
        return whole(0, whole.length)

    def keep(self, places: list[int]) -> None:
        self.names = [self.names[i] for i in places]
        self._data = self._data.select_columns(self.names)


def _is_plain(data: Any) -> bool:
    """Whether rows are numbers, texts and lists of them, in no format of the user's."""
    if data.format["type"] is not None or set(data.format["columns"]) != set(data.column_names):
        return False
    return all(_told(feature) for feature in data.features.values())


def _told(feature: Any) -> bool:
    kind = type(feature).__name__
    if kind in ("List", "LargeList", "Sequence"):
        return _told(feature.feature)
    return kind in ("Value", "ClassLabel")


def _column(values: Any, rows: int) -> Values:
    if len(values) != rows:
        raise ValueError(f"{len(values)} values for {rows} rows")
    return packed([_sound(value) for value in values])


def _sound(value: Any) -> Any:
    """The samples of an audio feature; anything else as it is."""
    if isinstance(value, Mapping) and "array" in value and "sampling_rate" in value:
        return np.asarray(value["array"])
    if hasattr(value, "get_all_samples"):
        samples = value.get_all_samples().data
        return np.asarray(samples).mean(0) if samples.ndim == 2 else np.asarray(samples)
    return np.asarray(value) if _is_grid(value) else value


def _is_grid(value: Any) -> bool:
    """Whether lists of lists of numbers have one length throughout, as Array2D and its like give them."""
    if not (isinstance(value, list) and value and isinstance(value[0], list)):
        return False
    try:
        return np.asarray(value).dtype.kind in "biuf"
    except ValueError:
        return False
