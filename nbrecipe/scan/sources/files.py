"""Files of rows: CSV, Parquet and JSONL, read as they come; nothing that is pickled is ever loaded."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...batches import BadInput
from ...libraries import library
from ..columns.block import Block, Unread, label_among, told_of
from .arrays import Arrays
from .csvs import Csv
from .datasets import Stream
from .folders import folder_of
from .source import BYTES, ROWS, Source
from .tables import columns_of, different

PICKLED = {".pkl", ".pickle", ".pt", ".pth", ".joblib", ".ckpt", ".bin"}
READ = "a CSV, Parquet, JSONL or .npy file, or a folder of images"


def file_of(path: Path, name: str) -> Source:
    """What lies at a path. Raises BadInput where nothing does, or nothing that can be read."""
    if not path.exists():
        raise BadInput(f"there is no file or folder `{path}`")
    if path.is_dir():
        parts = sorted(one for one in path.rglob("*.parquet") if not one.name.startswith((".", "_")))
        return Parquet(name, parts) if parts else folder_of(path, name)
    kind = next((suffix for suffix in reversed(path.suffixes) if suffix.lower() not in (".gz",)), "").lower()
    if kind in PICKLED:
        raise BadInput(f"`{path}` may hold a pickle, which can run code when it is loaded: load it yourself if you "
                       "trust it, and give what it holds")  # fmt: skip
    try:
        if kind in (".csv", ".tsv", ".txt"):
            return Csv(name, path)
        if kind in (".parquet", ".pq"):
            return Parquet(name, [path])
        if kind in (".jsonl", ".ndjson", ".json"):
            return Stream(name, Lines(path))
        if kind == ".npy":
            return Arrays(name, {"input": np.load(path, mmap_mode="r", allow_pickle=False)})
    except BadInput:
        raise
    except Exception as error:
        raise BadInput(f"`{path}` cannot be read: {told_of(error)}") from error
    raise BadInput(f"`{path}` is of a kind that is not read here; what can be read is {READ}")


class Lines:
    """One JSON value a line; a line that is none raises and the next goes on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._open() as lines:
            if lines.read(64).lstrip()[:1] == b"[" and path.suffix == ".json":
                raise BadInput(
                    f"`{path}` is one JSON list: write one value a line (JSONL), which can be read as it comes"
                )

    def __call__(self) -> _Values:
        return _Values(self._open())

    def _open(self) -> Any:
        return gzip.open(self.path, "rb") if self.path.suffix == ".gz" else self.path.open("rb")


class _Values:
    def __init__(self, lines: Any) -> None:
        self._lines = lines

    def __iter__(self) -> _Values:
        return self

    def __next__(self) -> Any:
        for line in self._lines:
            if line.strip():
                return json.loads(line)
        self._lines.close()
        raise StopIteration


class Parquet(Source):
    """One or more Parquet files, by row groups; a reading that goes on where the last one ended opens nothing anew."""

    def __init__(self, name: str, paths: list[Path]) -> None:
        self.name, self._paths = name, paths
        #: file, row group, first row, rows
        self._groups: list[tuple[Path, int, int, int]] = []
        self.length, self._step = 0, ROWS
        written: list[str] = []
        for path in paths:
            try:
                file = library("pyarrow.parquet", "pyarrow").ParquetFile(path)
            except BadInput:
                raise
            except Exception as error:
                raise BadInput(f"`{path}` cannot be read: {told_of(error)}") from error
            written = written or list(file.schema_arrow.names)
            for i in range(file.num_row_groups):
                rows, size = file.metadata.row_group(i).num_rows, file.metadata.row_group(i).total_byte_size
                self._step = max(1, min(self._step, BYTES * rows // max(size, 1)))
                self._groups.append((path, i, self.length, rows))
                self.length += rows
            file.close()
        self._written, self._names = written, different(written)
        self.label = label_among(self._names)
        #: the columns that are read, as they stand in the files; None for all
        self._kept: list[str] | None = None
        self._at = -1
        self._open: Iterator[Any] = iter(())

    def choose(self, columns: tuple[str, ...]) -> None:
        super().choose(columns)
        if set(self.chosen) <= set(self._written):  # else a plan lists what there is
            self._names = self._kept = [name for name in self._names if name in self.chosen]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_at": -1, "_open": None}

    def blocks(self, start: int = 0, stop: int | None = None) -> Iterator[Block]:
        assert self.length is not None
        end = self.length if stop is None else min(stop, self.length)
        while start < end:
            if self._at != start:
                self._open = self._from(start)
            made = next(self._open)
            if isinstance(made, str):
                last = next(low + rows for _, _, low, rows in self._groups if low <= start < low + rows)
                yield Block(np.empty(0, np.int64), {}, tuple(Unread(row, made) for row in range(start, min(last, end))))
                start, self._at = min(last, end), -1
                continue
            rows = min(made.num_rows, end - start)
            if rows < made.num_rows:
                self._open = _again(made.slice(rows), self._open)
            first, start = start, start + rows
            self._at = start
            yield Block(np.arange(first, start), columns_of(made.slice(0, rows), self._names))

    def _from(self, row: int) -> Iterator[Any]:
        """Batches from this row on; a sentence where the group cannot be read, and nothing after it."""
        for path, group, low, rows in self._groups:
            if low + rows <= row:
                continue
            skip = max(row - low, 0)
            try:
                with library("pyarrow.parquet", "pyarrow").ParquetFile(path) as file:
                    for batch in file.iter_batches(self._step, row_groups=[group], columns=self._kept):
                        gone = min(skip, batch.num_rows)
                        skip -= gone
                        if gone < batch.num_rows:
                            yield batch.slice(gone)
            except Exception as error:
                yield f"{path.name}: {told_of(error)}"
                return


def _again(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest
