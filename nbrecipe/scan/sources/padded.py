"""Rows of ids that were filled up to the longest of their batch, cut back to their own length where that is certain.

The same text is filled up by more in one batch than in another. What was filled up is certain where a mask says so and
all such places hold one id, or, without a mask, where one id stands at one end of rows and nowhere else in them, while
in every batch some row has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..columns.block import Block, Values, stacked

#: batches that are looked at
BATCHES = 4
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Padding:
    """How rows were filled up: at which end, by which id of which column, and what says so, where something does."""

    ids: str
    value: int
    left: bool
    mask: str | None = None
    #: what stands in the mask where a row was filled up
    marks: int = 0

    def lengths(self, columns: Mapping[str, Values]) -> Array:
        """How many places of each row were not filled up."""
        filled = _column(columns, self.ids) == self.value
        if self.mask is not None:
            filled = _column(columns, self.mask) == self.marks
        return np.asarray(filled.shape[1] - _run(filled, self.left))


def padding_of(batches: Sequence[Block]) -> Padding | None:
    """What is certain of some batches; None where nothing is, or where all are of one width."""
    first = batches[0].columns if batches else {}
    for name in first:
        tables = [_column(batch.columns, name) for batch in batches]
        if any(table is None for table in tables) or len({table.shape[1] for table in tables}) < 2:
            continue
        for left in (False, True):
            found = _masked(batches, name, left) or _bare(name, tables, left)
            if found is not None:
                return found
    return None


def cut_back(block: Block, padding: Padding) -> Block:
    """The rows of a batch at their own lengths; every column that has a value for each id is cut with them."""
    ids = _column(block.columns, padding.ids)
    if ids is None or (padding.mask is not None and _column(block.columns, padding.mask) is None):
        return block
    lengths, columns = padding.lengths(block.columns).tolist(), dict(block.columns)
    for name, values in block.columns.items():
        if isinstance(values, np.ndarray) and values.shape[:2] == ids.shape:
            width = ids.shape[1]
            columns[name] = stacked([row[width - n :] if padding.left else row[:n]
                                     for row, n in zip(values, lengths, strict=True)])  # fmt: skip
    return Block(block.rows, columns, block.unread)


def _masked(batches: Sequence[Block], name: str, left: bool) -> Padding | None:
    """By a column of yes and no that marks one end of the rows, where all marked places hold one id."""
    for mask in batches[0].columns:
        tables = [(_column(batch.columns, name), _column(batch.columns, mask)) for batch in batches]
        if mask == name or any(m is None or m.shape != ids.shape or not np.isin(m, (0, 1)).all() for ids, m in tables):
            continue
        for marks in (0, 1):
            held = np.concatenate([ids[m == marks] for ids, m in tables])
            at_end = all((_run(m == marks, left) == (m == marks).sum(1)).all() for _, m in tables)
            rest = np.concatenate([ids[m != marks] for ids, m in tables])
            if len(held) and at_end and len(np.unique(held)) == 1 and len(np.unique(rest)) > 1:
                return Padding(name, int(held[0]), left, mask, marks)
    return None


def _bare(name: str, tables: Sequence[Array], left: bool) -> Padding | None:
    """By an id that stands at one end of rows and nowhere else, while in every batch some row has none."""
    ends = np.concatenate([table[:, 0 if left else -1] for table in tables])
    values, counts = np.unique(ends, return_counts=True)
    value = values[counts.argmax()]
    for table in tables:
        filled = table == value
        run = _run(filled, left)
        if (run != filled.sum(1)).any() or run.min() > 0:
            return None
    return Padding(name, int(value), left) if counts.max() > 1 else None


def _run(filled: Array, left: bool) -> Array:
    """How many places at one end of each row are filled without a gap."""
    from_end = filled if left else filled[:, ::-1]
    return np.asarray(np.logical_and.accumulate(from_end, axis=1).sum(1))


def _column(columns: Mapping[str, Values], name: str) -> Any:
    """(rows, places) of whole numbers; None for anything else."""
    values = columns.get(name)
    plain = isinstance(values, np.ndarray) and values.ndim == 2 and values.dtype.kind in "biu" and values.size
    return values if plain else None
