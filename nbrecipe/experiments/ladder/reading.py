"""The rows that baselines are fitted on and asked: a split read whole, or as much of it as was stated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...batches import BadInput
from ...scan.columns.block import Block, Values, size_of
from ...scan.counts.sample import end_to_end, picked, places, taken
from ...scan.plan import Plan, plan_of
from ...scan.sources.source import Source
from ..simple.features import without_detail

Array = np.ndarray[Any, Any]
#: rows and bytes of the training data that are kept; beyond them rows are drawn at random, with this seed
ROWS, BYTES, SEED = 200_000, 1 << 30, 0
#: what is called after each block with the name of the data, the rows read and the rows in all
Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class Split:
    """Rows of one data set, images of many pixels made small."""

    source: Source
    plan: Plan
    block: Block
    #: "1257 rows", "20000 of 100000 rows, drawn at random with seed 0"
    extent: str
    #: examples that could not be read, and what the first of them raised
    unread: int = 0
    raised: str = ""

    @property
    def name(self) -> str:
        """How the user calls the data."""
        return self.source.name

    @property
    def columns(self) -> Mapping[str, Values]:
        """What stands in the rows."""
        return self.block.columns


def read_split(
    source: Source,
    *,
    plan: Plan | None = None,
    bounded: bool,
    small: bool = True,
    seen: Progress = lambda name, rows, total: None,
    rows: int = ROWS,
    size: int = BYTES,
) -> Split:
    """Read a split whole; where it is `bounded`, at most so many rows and bytes of it, drawn at random.

    `plan` says what the columns hold; without it, the first rows do. Images of many pixels are made `small`.
    Raises BadInput where no row can be read.
    """
    own = plan_of(source)
    plan = plan or own
    reader = _Reader(source, plan, seen, small)
    most = _fitting(reader, rows, size) if bounded else None
    kept, total = reader.whole() if most is None else reader.drawn(most)
    if not kept:
        raise BadInput(f"`{source.name}` gives no row that can be read: {reader.raised}")
    block = end_to_end([block for block in kept if len(block)])
    told = f"{len(block)} row{'s' if len(block) != 1 else ''}"
    if len(block) + reader.unread < total:
        told = f"{len(block)} of {total} rows, drawn at random with seed {SEED}"
    return Split(source, plan, block, told, reader.unread, reader.raised)


def _fitting(reader: _Reader, rows: int, size: int) -> int:
    """Rows that may be kept, by what the first ones take."""
    first = next((block for block in reader.blocks() if len(block)), None)
    reader.unread, reader.raised = 0, ""
    per_row = 1.0 if first is None else sum(map(size_of, first.columns.values())) / len(first)
    return max(1, min(rows, int(size / max(per_row, 1))))


class _Reader:
    """Goes through a source and keeps the rows that are wanted."""

    def __init__(self, source: Source, plan: Plan, seen: Progress, small: bool) -> None:
        self.source, self.plan, self._seen, self._small = source, plan, seen, small
        self.unread, self.raised = 0, ""

    def blocks(self) -> Iterator[Block]:
        """Every row, small."""
        for block in self.source.blocks():
            self.unread += len(block.unread)
            if block.unread and not self.raised:
                self.raised = f"row {block.unread[0].row}: {block.unread[0].told}"
            columns = {name: values for name, values in block.columns.items() if name in self.plan.kinds}
            yield Block(block.rows, without_detail(columns, self.plan.inputs) if self._small else columns)

    def whole(self) -> tuple[list[Block], int]:
        """All rows, and how many there are."""
        kept, met = [], 0
        for block in self.blocks():
            met += len(block)
            kept += [block] if len(block) else []
            self._seen(self.source.name, met, self.source.length)
        return kept, met + self.unread

    def drawn(self, most: int) -> tuple[list[Block], int]:
        """At most so many, each as likely as any other; of a stream those with the least hash of their number."""
        length = self.source.length
        if length is None:
            return self._of_stream(most)
        if length <= most:
            return self.whole()
        wanted = np.zeros(length, bool)
        wanted[np.random.default_rng(SEED).choice(length, most, replace=False)] = True
        kept, met = [], 0
        for block in self.blocks():
            met += len(block)
            chosen = np.flatnonzero(wanted[block.rows])
            kept += [taken(block, chosen)] if len(chosen) else []
            self._seen(self.source.name, met, length)
        return kept, length

    def _of_stream(self, most: int) -> tuple[list[Block], int]:
        kept: list[Block] = []
        held = met = 0
        for block in self.blocks():
            kept, held, met = [*kept, block], held + len(block), met + len(block)
            self._seen(self.source.name, met, None)
            if held > 2 * most:
                kept = [_least(end_to_end([block for block in kept if len(block)]), most)]
                held = most
        kept = [block for block in kept if len(block)]
        return ([_least(end_to_end(kept), most)] if held > most else kept), met + self.unread


def _least(block: Block, most: int) -> Block:
    return taken(block, np.sort(np.argpartition(places(block.rows), most - 1)[:most]))


def some_rows(columns: Mapping[str, Values], order: Array) -> dict[str, Values]:
    """These rows of every column."""
    return {name: picked(values, order) for name, values in columns.items()}
