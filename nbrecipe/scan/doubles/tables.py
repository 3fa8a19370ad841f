"""The rows of a split as hashes: those that its loader can draw, and how to read some of them again."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler, WeightedRandomSampler

from ...batches import BadInput
from ...bench import Bench
from ..columns.block import Block, packed, size_of
from ..counts.sample import end_to_end, places, taken
from ..counts.spilled import Again, again, columns
from ..held import given_data, train_scan, val_scan
from ..reading import Scan
from ..sources.arrays import Arrays
from ..sources.datasets import Stream

#: seconds for reading rows again one by one, and bytes of the rows that are read again at once
SECONDS, BYTES = 3.0, 48 << 20
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Table:
    """Hashes of the rows of one split, in the order of the rows; of very many rows those that have an equal one."""

    scan: Scan
    #: of the inputs alone, and of the inputs with the label
    inputs: Array
    whole: Array
    #: hash of the label
    labels: Array
    rows: Array
    #: lowest bits of a hash that are zero: only such rows were kept
    thinned: int = 0
    #: numbers of the rows that a loader can draw; None for all
    drawn: Array | None = None
    #: rows that are left out, as none equals them, and how many have a label, by its hash, where labels are few
    alone: int = 0
    classes: Mapping[int, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows) + self.alone

    @property
    def name(self) -> str:
        """How the user calls the data."""
        return self.scan.name

    @property
    def extent(self) -> str:
        """How many rows these are, in words: "5000 rows", "the first 5000 of 90000 rows"."""
        length = self.scan.source.length
        if self.thinned:  # by the hash of the input, so that every copy of a row that is kept is kept too
            return f"{len(self)} of {self.scan.rows} rows"
        if self.scan.whole:
            return f"{len(self)} rows"
        return f"the first {len(self)}" + (f" of {length} rows" if length is not None else " rows")

    @property
    def streams(self) -> bool:
        """Whether the rows come from a stream, which may repeat them on purpose."""
        return isinstance(self.scan.source, Stream)

    def only(self, chosen: Array) -> Table:
        """Some of the rows."""
        inputs, whole, labels, rows = (part[chosen] for part in (self.inputs, self.whole, self.labels, self.rows))
        return replace(self, inputs=inputs, whole=whole, labels=labels, rows=rows, alone=0, classes={})

    def among(self, rows: Array) -> Array:
        """Positions of those of some rows that are the table's."""
        if self.alone:
            return np.arange(len(rows)) if self.drawn is None else np.flatnonzero(np.isin(rows, self.drawn))
        return np.flatnonzero(np.isin(rows, self.rows))

    def thin(self, bits: int) -> Table:
        """The rows that a table with so many zero bits keeps."""
        if bits <= self.thinned:
            return self
        return replace(self.only((self.inputs & np.uint64((1 << bits) - 1)) == 0), thinned=bits)


def train_table(bench: Bench) -> Table:
    """The training rows. Raises Missing and BadInput as a scan does."""
    return table_of(bench.once(train_scan), drawn(bench, "train"))


def val_table(bench: Bench) -> Table:
    """The validation rows; raises the same."""
    return table_of(bench.once(val_scan), drawn(bench, "val"))


def table_of(scan: Scan, chosen: Array | None = None) -> Table:
    """The rows of a scan, or those of them with these numbers."""
    copies = scan.part.copies
    if copies.spilled:
        seen = copies.again(chosen)
        return _repeated(scan, chosen, seen, 0)
    table = _whole(scan, *copies.table(), copies.thinned, chosen)
    return table if chosen is None else table.only(np.isin(table.rows, chosen))


def together(train: Table, val: Table) -> tuple[Table, Table]:
    """Two splits, the rows of which one is too many for memory: those of both that equal another row of either."""
    sides = [table.scan.part.copies for table in (train, val)]
    bits = max(train.thinned, val.thinned)
    seen = again([side.source() for side in sides], bits, [train.drawn, val.drawn])
    return _repeated(train.scan, train.drawn, seen, 0), _repeated(val.scan, val.drawn, seen, 1)


def _repeated(scan: Scan, chosen: Array | None, seen: Again, side: int) -> Table:
    table = _whole(scan, *columns(seen.sides[side]), seen.thinned, chosen)
    return replace(table, alone=seen.alone[side], classes=seen.labels[side])


def _whole(scan: Scan, inputs: Array, rows: Array, labels: Array, bits: int, chosen: Array | None) -> Table:
    with np.errstate(over="ignore"):
        whole = inputs ^ places(labels.view(np.int64)) if scan.plan.label is not None else inputs
    return Table(scan, inputs, whole, labels, rows, bits, chosen)


def drawn(bench: Bench, split: str) -> Array | None:
    """The rows that a loader can draw; None for all of them. Raises BadInput where only its sampler knows."""
    loader, name = given_data(bench, split)
    if not isinstance(loader, DataLoader):
        return None
    batches, sampler = loader.batch_sampler, loader.sampler
    if batches is not None and type(batches) is not BatchSampler:
        inner = getattr(batches, "sampler", None)
        sampler = inner if inner is not None else batches
    if isinstance(sampler, (SequentialSampler, RandomSampler)) or not hasattr(loader.dataset, "__len__"):
        return None
    if isinstance(sampler, WeightedRandomSampler):
        return np.flatnonzero(np.asarray(sampler.weights) > 0)
    indices = getattr(sampler, "indices", None)
    if indices is not None and not callable(indices):
        return np.asarray(indices, dtype=np.int64)
    if getattr(sampler, "num_replicas", None) is not None:  # the others read the rest
        return None
    raise BadInput(f"which rows `{name}` draws is known to its {type(sampler).__name__} alone")


def read_rows(scan: Scan, rows: Array) -> Block:
    """These rows again, by column, in this order; of what is read from its start alone those that the sample kept."""
    kept = scan.part.sample.block()
    at = np.minimum(np.searchsorted(kept.rows, rows), max(len(kept) - 1, 0))
    there = kept.rows[at] == rows if len(kept) else np.zeros(len(rows), bool)
    if there.all() or scan.source.length is None:
        return taken(kept, at[there])
    if isinstance(scan.source, Arrays):
        return Block(rows, end_to_end(list(scan.source.picked(rows).blocks())).columns)
    return _one_by_one(scan, rows)


def _one_by_one(scan: Scan, rows: Array) -> Block:
    """As many of the rows as the time allows, drawn without a preference."""
    examples: dict[int, dict[str, Any]] = {}
    end, names = time.monotonic() + SECONDS, set(scan.plan.kinds)
    for row in rows[np.argsort(places(rows))].tolist():
        try:
            example = scan.source.example(row)
        except Exception:  # it could be read before; what changes from one reading to the next is no copy
            continue
        if names <= example.keys():
            examples[row] = example
        if time.monotonic() > end:
            break
    columns = {name: packed([examples[row][name] for row in sorted(examples)]) for name in names if examples}
    return Block(np.array(sorted(examples), np.int64), columns)


def few_of(scan: Scan, most: int, held: int = BYTES) -> int:
    """How many rows are read again at once, `most` at most."""
    kept = scan.part.sample.block()
    size = sum(map(size_of, kept.columns.values())) // max(len(kept), 1) + 1
    return max(1, min(most, held // size))


def some(rows: Array, most: int) -> Array:
    """Positions of at most so many of them, drawn without replacement and always the same."""
    if len(rows) <= most:
        return np.arange(len(rows))
    return np.sort(np.argpartition(places(rows), most)[:most])
