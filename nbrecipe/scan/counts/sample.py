"""A uniform sample of rows that does not depend on how the reading was shared out.

A row's place in the sample is decided by a hash of its number: the rows with the least hashes are kept. Samples of
parts therefore merge to the very sample of the whole (bottom-k sampling; Cohen and Kaplan 2007). Quantiles, levels and
everything else about a distribution are read off it, which gives the same numbers however many machines have read; the
sketches of quantiles that are to be had (KLL, REQ) are random themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..columns.block import Block, Values

#: rows and bytes of a sample, at most
ROWS, BYTES = 20_000, 128 << 20
#: how far a sample of large rows grows beyond what it keeps before it is cut
SLACK = 1.25
Array = np.ndarray[Any, Any]


@dataclass
class Sample:
    """Rows drawn without replacement, each as likely as any other; all of them where there are few."""

    most: int = ROWS
    #: rows that wait to be chosen from
    _blocks: list[Block] = field(default_factory=list)
    #: hash from which on a row is left out
    _limit: int = 1 << 64

    def add(self, block: Block) -> None:
        """Take what belongs into the sample of a block."""
        chosen = np.flatnonzero(places(block.rows) <= np.uint64(self._limit - 1))
        if len(chosen):
            self._blocks.append(block if len(chosen) == len(block) else taken(block, chosen))
        if sum(map(len, self._blocks)) > (2 if self.most == ROWS else SLACK) * self.most:
            self._cut()

    def begun(self) -> Sample:
        """An empty sample of later rows, which leaves out at once what this one would leave out when they merge."""
        return Sample(self.most, _limit=self._limit)

    def merge(self, other: Sample) -> None:
        """Take what belongs into the sample of both."""
        self.most, self._limit = min(self.most, other.most), min(self._limit, other._limit)
        for block in other._blocks:
            self.add(block)

    def block(self) -> Block:
        """The rows of the sample, in the data set's own order."""
        self._cut()
        return self._blocks[0] if self._blocks else Block(np.empty(0, np.int64), {})

    def _cut(self) -> None:
        if not self._blocks:
            return
        keys = places(np.concatenate([block.rows for block in self._blocks]))
        if len(keys) > self.most:
            self._limit = int(np.partition(keys, self.most - 1)[self.most - 1]) + 1
            for i, block in enumerate(self._blocks):  # one by one, so that what is left out goes at once
                chosen = np.flatnonzero(places(block.rows) <= np.uint64(self._limit - 1))
                self._blocks[i] = block if len(chosen) == len(block) else taken(block, chosen)
        if len(self._blocks) == 1 and (np.diff(self._blocks[0].rows) >= 0).all():
            return
        given, self._blocks = self._blocks, []
        self._blocks = [in_order(given)]


def rows_of(per_row: float) -> int:
    """How many rows of so many bytes are kept."""
    return int(max(1, min(ROWS, BYTES // max(per_row, 1))))


def places(rows: Array) -> Array:
    """A hash of each row number, as uniform as a random number (the finaliser of SplitMix64, Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        z = rows.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    out: Array = z ^ (z >> np.uint64(31))
    return out


def drawn(count: int, most: int) -> Array:
    """Positions of at most so many of `count` rows, in order.

    They are drawn by a hash: where classes alternate, every k-th row, or the first ones, are of some classes alone.
    """
    if count <= most:
        return np.arange(count)
    out: Array = np.sort(np.argpartition(places(np.arange(count)), most)[:most])
    return out


def taken(block: Block, order: Array) -> Block:
    """These rows of a block, copied, so that the rest of it can go."""
    columns = {name: picked(values, order) for name, values in block.columns.items()}
    return Block(block.rows[order], columns)


def picked(values: Values, order: Any) -> Values:
    """These entries of a column."""
    return values[order] if isinstance(values, np.ndarray) else [values[i] for i in order]


def end_to_end(blocks: list[Block]) -> Block:
    """Blocks after one another; a column that is missing in one of them is left out."""
    if len(blocks) == 1:
        return blocks[0]
    rows = np.concatenate([block.rows for block in blocks])
    names = [name for name in blocks[0].columns if all(name in block.columns for block in blocks)]
    return Block(rows, {name: joined([block.columns[name] for block in blocks]) for name in names})


def in_order(blocks: list[Block]) -> Block:
    """The rows of some blocks as one, by their number; the list is emptied, so that no column is there twice."""
    rows = np.concatenate([block.rows for block in blocks])
    order = np.argsort(rows, kind="stable")
    names = [name for name in blocks[0].columns if all(name in block.columns for block in blocks)]
    parts = {name: [block.columns[name] for block in blocks] for name in names}
    blocks.clear()
    return Block(rows[order], {name: _in_order(parts.pop(name), order) for name in names})


def _in_order(parts: list[Values], order: Array) -> Values:
    """Columns after one another in this order; the list is emptied, so that each goes once it is copied."""
    first = parts[0]
    if not isinstance(first, np.ndarray) or any(
        not isinstance(part, np.ndarray) or part.shape[1:] != first.shape[1:] or part.dtype != first.dtype
        for part in parts
    ):
        return picked(joined(parts), order)
    place, low = np.argsort(order), 0
    out = np.empty((len(order), *first.shape[1:]), first.dtype)
    parts.reverse()
    del first
    while parts:
        part = parts.pop()
        out[place[low : low + len(part)]] = part
        low += len(part)
    return out


def joined(parts: list[Values]) -> Values:
    """Columns after one another: one array where all are arrays of one shape, else a list."""
    arrays = [part for part in parts if isinstance(part, np.ndarray)]
    if len(arrays) == len(parts) and len({part.shape[1:] for part in arrays}) == 1:
        return np.concatenate(arrays)
    return [value for part in parts for value in part]
