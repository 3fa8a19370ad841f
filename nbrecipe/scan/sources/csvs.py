"""A CSV file, read as it comes; lines with another number of cells are named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...batches import BadInput
from ...libraries import library
from ..columns.block import Block, Unread, Values, label_among, stacked, told_of
from .source import ROWS, Source
from .tables import columns_of, different

#: signs that may stand between cells, and letters of the file from which they are told
BETWEEN, HEAD = ",;\t|", 1 << 16


class Csv(Source):
    """A CSV or TSV file; its first line names the columns unless every cell there is a number."""

    def __init__(self, name: str, path: Path) -> None:
        self.name, self._path = name, path
        pa = library("pyarrow", "pyarrow")
        with pa.input_stream(str(path), compression="detect") as file:
            head = file.read(HEAD).decode("utf-8", "replace").lstrip("\ufeff").split("\n", 1)[0].strip("\r")
        if not head:
            raise BadInput(f"`{path}` is empty, or its first line is")
        self._between = max(BETWEEN, key=head.count)
        self._headed = not all(map(_is_number, head.split(self._between)))
        #: columns in which a cell was met that is no number
        self._texts: set[int] = set()
        with self._opened({}) as reader:
            self._written = list(reader.schema.names)
        self._names = different(self._written)
        self.label = label_among(self._names)

    def blocks(self, start: int = 0, stop: int | None = None) -> Iterator[Block]:
        row, odd = 0, {}  # type: int, dict[int, Unread]
        for columns, count in self._tables(odd):
            rows: list[int] = []
            while len(rows) < count or (not count and row in odd):
                rows += [] if row in odd else [row]
                row += 1
            first = rows[0] if rows else row
            told = tuple(odd.pop(one) for one in sorted(odd) if one < row)
            low, high = max(start - first, 0), count if stop is None else int(np.searchsorted(rows, stop))
            low = int(np.searchsorted(rows, start)) if low else 0
            told = tuple(one for one in told if one.row >= start and (stop is None or one.row < stop))
            if low < high or told:
                part = {name: values[low:high] for name, values in columns.items()}
                yield Block(np.array(rows[low:high], np.int64), part, told)
            if stop is not None and row >= stop:
                return

    def _tables(self, odd: dict[int, Unread]) -> Iterator[tuple[dict[str, Values], int]]:
        """Columns and how many rows they have; lines that are left out are in `odd` before the rows after them come."""
        done = 0
        while True:
            try:
                met = 0
                for batch in self._opened(odd):
                    for low in range(0, batch.num_rows, ROWS):
                        part = batch.slice(low, ROWS)
                        met += part.num_rows
                        if met > done:  # else it was read before a column turned out to hold texts
                            yield self._columns(part), part.num_rows
                    done = max(done, met)
                yield {name: [] for name in self._names}, 0
                return
            except Exception as error:
                column = _column_of(error)
                if column is None or column in self._texts:
                    raise BadInput(f"`{self._path}` cannot be read: {told_of(error)}") from error
                self._texts.add(column)

    def _columns(self, batch: Any) -> dict[str, Values]:
        columns = columns_of(batch, self._names)
        for i in self._texts:
            name = self._names[i]
            columns[name] = stacked([_number_or_text(cell) for cell in columns[name]])
        return columns

    def _opened(self, odd: dict[int, Unread]) -> Any:
        csv = library("pyarrow.csv", "pyarrow")
        pa = library("pyarrow", "pyarrow")
        header = 2 if self._headed else 1

        def left_out(line: Any) -> str:
            row = line.number - header
            odd.setdefault(row, Unread(row, f"has {line.actual_columns} cells, where the columns are "
                                            f"{line.expected_columns}"))  # fmt: skip
            return "skip"

        reading = csv.ReadOptions(use_threads=False, autogenerate_column_names=not self._headed)
        parsing = csv.ParseOptions(delimiter=self._between, newlines_in_values=True, invalid_row_handler=left_out)
        types = {self._written[i]: pa.string() for i in self._texts}
        return csv.open_csv(str(self._path), reading, parsing, csv.ConvertOptions(column_types=types))


def _column_of(error: Exception) -> int | None:
    """The column in which a cell was met that is not what the others are."""
    found = re.search(r"In CSV column #(\d+).*conversion error", str(error))
    return int(found[1]) if found else None


def _is_number(cell: str) -> bool:
    try:
        float(cell.strip().strip("\"'"))
    except ValueError:
        return False
    return True


def _number_or_text(cell: Any) -> Any:
    if not isinstance(cell, str):
        return cell
    return None if not cell.strip() else float(cell) if _is_number(cell) else cell
