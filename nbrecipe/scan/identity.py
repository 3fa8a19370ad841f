"""What a data set is known by again: how many rows it has, and what stands in some of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import xxhash

from ..guard import Untouched
from .columns.block import packed
from .counts.copies import hashes
from .sources.opening import open_source
from .sources.source import Source

#: rows that are read, evenly over the data, and those of them that are read twice
ROWS, TWICE = 64, 4


def fingerprint(data: Any) -> str:
    """A short text that two data sets share where they hold the same rows in the same order; "" where none is told.

    Args:
        data: whatever `open_source` reads. A loader has the fingerprint of its data set, whatever its batches and its
            order; so have its rows as arrays, and under other names.

    Of 64 rows, evenly over the data, every value counts, and the number of rows does; of a stream its first 64 rows.
    A column that reads differently the second time, as an augmented image does, does not count. Everything of the
    user's is afterwards as it was.
    """
    with Untouched([getattr(data, "dataset", data)]):
        try:
            source = open_source(data)
            rows = _rows(source)
            again = _rows(source, TWICE)
        except Exception:  # what cannot be read cannot be known again
            return ""
    fixed = [name for name in rows if all(rows[name].get(row) == key for row, key in again.get(name, {}).items())]
    columns = sorted(" ".join(f"{row}:{key:x}" for row, key in sorted(rows[name].items())) for name in fixed)
    if not any(columns):
        return ""
    return str(xxhash.xxh3_64_hexdigest(repr((source.length, columns)).encode()))


def _rows(source: Source, most: int = ROWS) -> dict[str, dict[int, int]]:
    """Of each column, the hashes of what stands in some rows."""
    found: dict[str, dict[int, int]] = {}
    length = source.length
    if length is None:
        for block in source.blocks(0, most):
            for name, values in block.columns.items():
                found.setdefault(name, {}).update(enumerate(hashes(values).tolist()))
        return found
    # the rows that are read twice are among those that are read once
    picked = sorted(set(np.linspace(0, length - 1, min(ROWS, length)).astype(int).tolist())) if length else []
    for row in picked[:most]:
        try:
            example = source.example(row)
        except Exception:  # a row that cannot be read is not what the data are known by
            continue
        for name, value in example.items():
            found.setdefault(name, {})[row] = int(hashes(packed([value]))[0])
    return found
