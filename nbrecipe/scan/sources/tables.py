"""Tables with named columns: frames of pandas and Polars, tables of Arrow; read by slices."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...batches import BadInput
from ...libraries import library
from ..columns.block import Block, Values, as_column, label_among, packed, stacked
from .source import ROWS, VALUES, Source, step_of


class Cut(ABC):
    """Gives the rows from one number to another, by column."""

    names: list[str]
    #: rows in all
    length: int

    @abstractmethod
    def __call__(self, start: int, stop: int) -> dict[str, Values]:
        """These rows of every column."""

    @abstractmethod
    def keep(self, places: list[int]) -> None:
        """Cut the columns at these places alone."""


class Table(Source):
    """Columns by slice: `cut(start, stop)` gives those rows of every column."""

    def __init__(self, name: str, cut: Cut) -> None:
        if not cut.names:
            raise BadInput(f"`{name}` has no columns")
        self.name, self.length, self.cut = name, cut.length, cut
        self.label = label_among(cut.names)
        self._step = step_of(max(1, min(ROWS, VALUES // len(cut.names))), cut(0, min(8, cut.length)))

    def choose(self, columns: tuple[str, ...]) -> None:
        super().choose(columns)
        if set(self.chosen) <= set(self.cut.names):  # else a plan lists what there is
            self.cut.keep([i for i, name in enumerate(self.cut.names) if name in self.chosen])

    def blocks(self, start: int = 0, stop: int | None = None) -> Iterator[Block]:
        assert self.length is not None
        end = self.length if stop is None else min(stop, self.length)
        for low in range(start, end, self._step):
            high = min(low + self._step, end)
            yield Block(np.arange(low, high), self.cut(low, high))


class Pandas(Cut):
    """Cuts a frame or a series of pandas; rows are counted from 0 whatever the index says."""

    def __init__(self, frame: Any) -> None:
        frame = frame.to_frame() if frame.ndim == 1 else frame
        self.names = different([" · ".join(map(str, c)) if isinstance(c, tuple) else str(c) for c in frame.columns])
        self.length = len(frame)
        self._columns = [frame.iloc[:, i] for i in range(frame.shape[1])]

    def __call__(self, start: int, stop: int) -> dict[str, Values]:
        return {n: _of_pandas(c, start, stop) for n, c in zip(self.names, self._columns, strict=True)}

    def keep(self, places: list[int]) -> None:
        self.names, self._columns = [self.names[i] for i in places], [self._columns[i] for i in places]


def _of_pandas(column: Any, start: int, stop: int) -> Values:
    part = column.iloc[start:stop]
    if isinstance(part.dtype, np.dtype) and part.dtype.kind in "biufcmM":
        return as_column(part.to_numpy())
    if str(part.dtype).startswith("Sparse"):
        return as_column(part.sparse.to_dense().to_numpy())
    if getattr(part.dtype, "tz", None) is not None:
        return as_column(part.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy())
    if isinstance(part.dtype, np.dtype) or not part.isna().any():
        plain = part.tolist()
    else:
        plain = [None if gone else value for value, gone in zip(part.tolist(), part.isna().tolist(), strict=True)]
    return _texts(plain) or packed([_known(value) for value in plain])


def _texts(values: list[Any]) -> list[Any]:
    """The values where they are texts, without a look at each of their kinds again; else nothing."""
    return values if set(map(type, values)) == {str} else []


def _known(value: Any) -> Any:
    return None if type(value).__name__ in ("NAType", "NaTType") else value


class Arrow(Cut):
    """Cuts a table of Arrow."""

    def __init__(self, table: Any) -> None:
        self._table = table
        self.names, self.length = different(list(table.column_names)), table.num_rows

    def __call__(self, start: int, stop: int) -> dict[str, Values]:
        return columns_of(self._table.slice(start, stop - start), self.names)

    def keep(self, places: list[int]) -> None:
        self.names, self._table = [self.names[i] for i in places], self._table.select(places)


class Polars(Cut):
    """Cuts a frame or a series of Polars."""

    def __init__(self, frame: Any) -> None:
        self._frame = frame.to_frame() if hasattr(frame, "to_frame") else frame
        library("pyarrow", "pyarrow")
        self.names, self.length = list(self._frame.columns), self._frame.height

    def __call__(self, start: int, stop: int) -> dict[str, Values]:
        return columns_of(self._frame.slice(start, stop - start).to_arrow(), self.names)

    def keep(self, places: list[int]) -> None:
        self.names = [self.names[i] for i in places]
        self._frame = self._frame.select(self.names)


def table_of(data: Any, name: str, made: str) -> Source | None:
    """A frame or table as a source; None for anything else of these libraries."""
    kind = type(data).__name__
    if kind == "LazyFrame":
        raise BadInput(f"`{name}` is a LazyFrame: give `{name}.collect()`, or the path of the file it scans")
    cut: Cut
    if made == "pandas" and kind in ("DataFrame", "Series"):
        cut = Pandas(data)
    elif made == "polars" and kind in ("DataFrame", "Series"):
        cut = Polars(data)
    elif made == "pyarrow" and hasattr(data, "column_names"):
        cut = Arrow(data)
    elif hasattr(data, "columns") and hasattr(data, "iloc"):  # a subclass of a frame, as geopandas has
        cut = Pandas(data)
    else:
        return None
    return Table(name, cut)


def columns_of(table: Any, names: list[str]) -> dict[str, Values]:
    """The columns of a table or a batch of Arrow."""
    return {name: _of_arrow(table.column(i)) for i, name in enumerate(names)}


def _of_arrow(column: Any) -> Values:
    pa = library("pyarrow", "pyarrow")
    types, kind = pa.types, column.type
    if hasattr(column, "combine_chunks"):
        column = column.combine_chunks()
    if isinstance(kind, pa.ExtensionType) or isinstance(column, pa.ChunkedArray):
        return packed(column.to_pylist())
    if types.is_dictionary(kind):
        column, kind = column.dictionary_decode(), kind.value_type
    if types.is_decimal(kind):
        column, kind = column.cast(pa.float64()), pa.float64()
    if types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind):
        plain = column.to_numpy(zero_copy_only=False)
        return as_column(plain) if plain.dtype != object else packed(plain.tolist())
    if types.is_date(kind) or types.is_timestamp(kind) or types.is_duration(kind):
        return as_column(column.to_numpy(zero_copy_only=False))
    if types.is_fixed_size_list(kind) and not column.null_count:
        inner = column.flatten()
        if (types.is_integer(inner.type) or types.is_floating(inner.type)) and not inner.null_count:
            return np.asarray(inner.to_numpy(zero_copy_only=False).reshape(len(column), kind.list_size))
    if types.is_list(kind) or types.is_large_list(kind):
        return _lists(column, types)
    return stacked(column.to_pylist()) if types.is_string(kind) else packed(column.to_pylist())


def _lists(column: Any, types: Any) -> Values:
    """Lists of numbers as arrays; rows of one length are one array."""
    inner = column.type.value_type
    if column.null_count or not (types.is_integer(inner) or types.is_floating(inner)) or column.flatten().null_count:
        return packed(column.to_pylist())
    whole = column.flatten().to_numpy(zero_copy_only=False)
    ends = np.cumsum([0, *column.value_lengths().to_pylist()])
    return stacked([whole[low:high] for low, high in itertools.pairwise(ends)])


def different(names: list[str]) -> list[str]:
    """Names, those that stand more than once numbered."""
    told: dict[str, int] = {}
    out = []
    for name in names:
        told[name] = told.get(name, 0) + 1
        out.append(name if told[name] == 1 else f"{name} ({told[name]})")
    return out
