"""What each column of a data set holds, decided once from its first rows, so that every part is read alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..batches import BadInput
from .columns.block import Block, Unread, Values, size_of
from .columns.dates import is_dated
from .columns.kinds import Kind, kind_of
from .counts import sample
from .sources.source import Source

#: rows that are looked at, and bytes of them, roughly
ROWS, BYTES = 512, 32 << 20
#: columns that are listed
LISTED = 20
#: share of rows with one shape from which on the others are odd, and values of a row beyond which they may just be long
MOSTLY, LONG = 0.9, 256


@dataclass(frozen=True)
class Plan:
    """The kind of each column, which one is the label, and how many rows are kept."""

    kinds: Mapping[str, Kind]
    label: str | None
    most: int
    #: the shape of one row, where all rows have to have the same
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    #: whether the user named the columns, so that others are left out on purpose
    chosen: bool = False
    #: the columns that hold points in time, as years
    dates: frozenset[str] = frozenset()

    @property
    def inputs(self) -> dict[str, Kind]:
        """The columns that are no label."""
        return {name: kind for name, kind in self.kinds.items() if name != self.label}


def plan_of(source: Source) -> Plan:
    """Look at the first rows that can be read. Raises BadInput where there are none."""
    blocks, labels, unread = _first(source)
    if not blocks:
        raise BadInput(_nothing(source, f"; row {unread[0].row}: {unread[0].told}" if unread else ""))
    first = _chosen(source, sample.end_to_end(_filled(blocks)))
    label = source.label if source.label in first.columns else None
    kinds, shapes = {}, {}
    per_row = sum(size_of(values) for values in first.columns.values()) / len(first)
    columns = dict(first.columns)
    if label is not None and labels:
        columns[label] = sample.joined([columns[label], *labels])
    for name, values in columns.items():
        even = _usual(values)
        kinds[name] = kind_of(name, even, label=name == label)
        if isinstance(even, np.ndarray) and even.ndim == 2 and kinds[name] in (Kind.TABLE, Kind.IMAGE):
            shapes[name] = even.shape[1:]
        elif even is not values:
            kinds[name] = kind_of(name, values, label=name == label)
    dates = {name for block in blocks for name in kinds if is_dated(block.columns.get(name))}
    return Plan(kinds, label, sample.rows_of(per_row), shapes, bool(source.chosen), frozenset(dates))


def _first(source: Source) -> tuple[list[Block], list[Values], list[Unread]]:
    """The first rows; of those beyond `BYTES` their labels alone; and those that cannot be read."""
    blocks: list[Block] = []
    labels: list[Values] = []
    unread: list[Unread] = []
    held = 0
    for block in source.blocks(0, ROWS):
        unread += block.unread
        if not len(block) or not block.columns:
            continue
        if held <= BYTES:
            blocks.append(block)
            held += sum(map(size_of, block.columns.values()))
        elif source.label is not None and source.label in block.columns:
            labels.append(block.columns[source.label])
    return blocks, labels, unread


def _filled(blocks: list[Block]) -> list[Block]:
    """The same with every column in each of them; what a block lacks is None."""
    names = dict.fromkeys(name for block in blocks for name in block.columns)
    return [
        Block(block.rows, {name: block.columns.get(name, [None] * len(block)) for name in names}) for block in blocks
    ]


def _chosen(source: Source, first: Block) -> Block:
    """The columns that are read. Raises BadInput, listing what there is, where one that was named is missing."""
    for name in [source.asked, *source.chosen]:
        if name is not None and name not in first.columns:
            there = list(first.columns)
            told = ", ".join(f"`{column}`" for column in there[:LISTED]) + (", …" if len(there) > LISTED else "")
            raise BadInput(f"`{source.name}` has no column `{name}`; its columns are {told}")
    if not source.chosen:
        return first
    return Block(first.rows, {name: values for name, values in first.columns.items() if name in source.chosen})


def _nothing(source: Source, told: str) -> str:
    if source.length == 0:
        return f"`{source.name}` is empty: it has no rows"
    return f"`{source.name}` gives no row that can be read{told}"


def _usual(values: Values) -> Values:
    """The rows that have the shape of nearly all, as one array; the column itself where there is no such shape."""
    if isinstance(values, np.ndarray):
        return values
    shapes = Counter(value.shape for value in values if isinstance(value, np.ndarray) and value.dtype.kind in "biuf")
    if not shapes:
        return values
    shape, count = shapes.most_common(1)[0]
    if count < MOSTLY * len(values) or len(shape) != 1 or not 0 < shape[0] <= LONG:
        return values
    rows = [value for value in values if isinstance(value, np.ndarray) and value.shape == shape]
    return np.stack([row for row in rows if row.dtype.kind in "biuf"])
