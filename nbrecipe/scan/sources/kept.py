"""The first rows of what can be read only from its start, held in memory, so that they can be read by number."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ..columns.block import Block, size_of
from ..counts.sample import end_to_end, picked
from .source import ROWS as AT_ONCE
from .source import Source

#: rows and bytes that are held, at most
ROWS, BYTES = 100_000, 512 << 20


class Kept(Source):
    """Rows that were read once; row numbers are those of the source. An interrupt keeps what was read."""

    def __init__(
        self, source: Source, most: int | None = None, seen: Callable[[int], None] = lambda rows: None
    ) -> None:
        self.name, self.label = source.name, source.label
        blocks, held, rows = [], 0, 0
        try:
            for block in source.blocks(0, min(most or ROWS, ROWS)):
                blocks.append(block)
                held += sum(map(size_of, block.columns.values()))
                rows += len(block) + len(block.unread)
                seen(rows)
                if held > BYTES:
                    break
        except KeyboardInterrupt:
            if not blocks:
                raise
        whole = end_to_end([block for block in blocks if len(block)] or [Block(np.empty(0, np.int64), {})])
        self._rows, self._columns = whole.rows, whole.columns
        self._unread = {unread.row: unread for block in blocks for unread in block.unread}
        self.length = 1 + max([*self._rows[-1:].tolist(), *self._unread], default=-1)

    def blocks(self, start: int = 0, stop: int | None = None) -> Iterator[Block]:
        end = self.length if stop is None else min(stop, self.length or 0)
        for low in range(start, end or 0, AT_ONCE):
            high = min(low + AT_ONCE, end or 0)
            first, last = np.searchsorted(self._rows, (low, high)).tolist()
            columns = {name: picked(values, range(first, last)) for name, values in self._columns.items()}
            lost = tuple(unread for row, unread in self._unread.items() if low <= row < high)
            yield Block(self._rows[first:last], columns, lost)
