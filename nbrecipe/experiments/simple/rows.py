"""Rows of a data set as simple features with their labels, in the data set's own order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...batches import BadInput
from ...bench import Bench
from ...scan import held
from ...scan.columns.block import Block, Values, size_of
from ...scan.columns.kinds import Kind
from ...scan.counts.labels import as_classes
from ...scan.counts.sample import places, taken
from ...scan.plan import Plan
from ...scan.reading import Scan
from .features import features_of, without_detail

Array = np.ndarray[Any, Any]
#: rows that are used; classes that a cheap model tells apart; rows of a class below which it is left out
MOST, CLASSES, FEW = 4000, 100, 5
#: bytes of rows from which on large images among them are made small before anything else
LARGE = 64 << 20


@dataclass(frozen=True)
class Rows:
    """Examples as numbers."""

    #: (n,) numbers of the rows, rising
    rows: Array
    #: (n, features)
    features: Array
    #: (n,) places in `classes`, or the numbers to predict where there are none
    labels: Array
    classes: tuple[Any, ...]
    kinds: Mapping[str, Kind]
    #: rows of the data set that were read
    read: int

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def extent(self) -> str:
        """How many rows these are, in words."""
        return f"{len(self)} rows" if len(self) == self.read else f"{len(self)} of {self.read} rows"


def train_rows(bench: Bench) -> Rows:
    """Rows of the training data. Raises what a scan raises, and BadInput where nothing can be predicted of them."""
    return rows_of(bench.once(held.train_scan))


def val_rows(bench: Bench) -> Rows:
    """Rows of the validation data; raises the same."""
    return rows_of(bench.once(held.val_scan))


def rows_of(scan: Scan) -> Rows:
    """What the sample of a scan holds; of a large one, rows drawn by a hash of their number."""
    return prepared(some(scan), scan.plan, scan.rows)


def some(scan: Scan) -> Block:
    """At most `MOST` rows of the sample of a scan."""
    block = scan.part.sample.block()
    if len(block) > MOST:
        block = taken(block, np.sort(np.argpartition(places(block.rows), MOST - 1)[:MOST]))
    return block


def prepared(block: Block, plan: Plan, read: int) -> Rows:
    """A block as features and labels. Raises BadInput where there are no classes or numbers to predict."""
    if sum(map(size_of, block.columns.values())) > LARGE:
        block = Block(block.rows, without_detail(block.columns, plan.inputs))
    chosen, labels, classes = labelled(block, plan)
    return Rows(chosen.rows, features_of(chosen.columns, plan.inputs), labels, classes, plan.inputs, read)


def labelled(block: Block, plan: Plan) -> tuple[Block, Array, tuple[Any, ...]]:
    """The rows of a block that have a label, their labels by number, and the classes; raises the same."""
    if plan.label is None:
        raise BadInput("no column is known to be the label")
    if not plan.inputs:
        raise BadInput("there is no input beside the label")
    kind, given = plan.kinds[plan.label], block.columns[plan.label]
    if kind not in (Kind.CLASS, Kind.NUMBER):
        raise BadInput(f"the label is neither a class nor a number ({kind})")
    labels, classes = _coded(given) if kind is Kind.CLASS else (_numbers(given), ())
    keep = np.flatnonzero(labels >= 0 if classes else np.isfinite(labels))
    if not len(keep):
        raise BadInput("no row has a label of a class that occurs often enough")
    return taken(block, keep) if len(keep) < len(block) else block, labels[keep], classes


def _coded(values: Values) -> tuple[Array, tuple[Any, ...]]:
    """Each row's place among the classes; -1 where the label is missing or hardly ever occurs."""
    told = as_classes(values)
    counts: dict[Any, int] = {}
    for value in told:
        if value is not None:
            counts[value] = counts.get(value, 0) + 1
    kept = sorted((value for value, count in counts.items() if count >= FEW), key=lambda v: (str(type(v)), v))
    if len(kept) > CLASSES:
        raise BadInput(f"there are {len(kept)} classes: too many for a cheap model")
    if len(kept) < 2:
        raise BadInput("there are not two classes with five rows each")
    code = {value: place for place, value in enumerate(kept)}
    return np.array([code.get(value, -1) for value in told], dtype=np.int64), tuple(kept)


def _numbers(values: Values) -> Array:
    flat = np.asarray(values, dtype=np.float64)
    return flat.reshape(len(flat), -1)[:, 0]
