"""The same rows of a data set read from two random states: what differs, how far, and why."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...bench import Bench
from .held import Held
from .reading import Parts, Reader, Reading, is_target, same
from .source import Source, is_plain, source

#: pairs of rows with one label that are compared, and views of one picture that are stacked at most
PAIRS, _VIEWS = 8, 10


@dataclass(frozen=True)
class Stability:
    """What two readings of the same rows have in common."""

    source: Source
    rows: int
    #: rows of which anything differs
    varying: int = 0
    #: paths of the parts that differ
    inputs: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    #: whether the rows are the same and what the user's collate function makes of them differs
    by_collate: bool = False
    #: whether the first random state gives the first reading again, so that random draws are the cause
    by_chance: bool = True
    #: mean difference of the differing numbers over the standard deviation of all, and the largest over their range
    spread: float = 0.0
    largest: float = 0.0
    #: labels, where every row has one of few values and it stays; None for other targets
    labels: tuple[bytes, ...] | None = None
    #: whether an index stands for more than its label, so that it is one example that is read in several ways
    kept: bool = False
    #: whether a target has the shape of a differing input
    paired: bool = False
    #: whether an input that differs is a stack of few pictures, as of several views
    stacked: bool = False
    #: everything that the data set holds
    things: tuple[Held, ...] = field(default=(), repr=False)


def of_validation(bench: Bench) -> Stability:
    """The stability of the validation data; Missing and BadInput as `source` and `Reader` raise them."""
    return _looked(source(bench, "val"))


def of_training(bench: Bench) -> Stability:
    """The stability of the training data; Missing and BadInput as `source` and `Reader` raise them."""
    return _looked(source(bench, "train"))


def _looked(given: Source) -> Stability:
    reader = Reader(given)
    if is_plain(given.data) and reader.collate is None:
        return Stability(given, len(reader.rows))
    with reader:
        readings = []
        for seed in (1, 2, 1):
            reader.chance.seed(seed)
            readings.append(reader.read())
            reader.restore()
        first, second, again = readings
        if not _differing(first, second) and first.batch is not None:
            first, second, again = (_by_rows(reading) for reading in readings)
        seen = _compared(reader, first, second, again, first is not readings[0])
        if seen.labels is None or not seen.inputs:
            return seen
        return replace(seen, kept=_is_kept(reader, seen, seen.labels))


def _by_rows(reading: Reading) -> Reading:
    """A batch cut into the rows it was made of; what has no row of its own is part of each."""
    size = len(reading.rows)
    rows = tuple(
        {
            path: np.asarray(part[i]) if isinstance(part, np.ndarray) and part.ndim and len(part) == size else part
            for path, part in (reading.batch or {}).items()
        }
        for i in range(size)
    )
    return Reading(rows, None)


def _differing(one: Reading, other: Reading) -> list[set[str]]:
    """The parts that differ, row by row; empty where none does."""
    found = [
        {path for path in {*a, *b} if path not in a or path not in b or not same(a[path], b[path])}
        for a, b in zip(one.rows, other.rows, strict=True)
    ]
    return found if any(found) else []


def _compared(reader: Reader, first: Reading, second: Reading, again: Reading, by_collate: bool) -> Stability:
    differing = _differing(first, second)
    size, things = len(first.rows), tuple(reader.things)
    if not differing:
        return Stability(reader.source, size, things=things)
    paths = sorted(set[str]().union(*differing))
    targets = tuple(path for path in paths if any(is_target(path, row) for row in first.rows if path in row))
    inputs = tuple(path for path in paths if path not in targets)
    labels = _labels(first.rows) if not targets else None
    spread, largest = _apart(first.rows, second.rows, inputs)
    return Stability(
        reader.source, size, sum(map(bool, differing)), inputs, targets, by_collate, not _differing(first, again),
        spread, largest, labels, paired=_is_paired(first.rows, inputs), stacked=_is_stacked(first.rows, inputs),
        things=things,
    )  # fmt: skip


def _labels(rows: tuple[Parts, ...]) -> tuple[bytes, ...] | None:
    """One label for each row, equal where all targets are; None where they are no labels of few values."""
    found = []
    for row in rows:
        targets = {path: part for path, part in row.items() if is_target(path, row)}
        whole = [_is_whole(part) for part in targets.values()]
        if not whole or not all(whole):
            return None
        found.append(repr(sorted((p, np.asarray(part).tolist()) for p, part in targets.items())).encode())
    return tuple(found)


def _is_whole(part: Any) -> bool:
    if not isinstance(part, np.ndarray):
        return isinstance(part, str)
    return part.dtype.kind in "biu" or bool(part.size < 32 and np.array_equal(part, np.round(part)))


def _apart(one: tuple[Parts, ...], other: tuple[Parts, ...], paths: tuple[str, ...]) -> tuple[float, float]:
    differences, values = [], []
    for a, b in zip(one, other, strict=True):
        for path in paths:
            x, y = a.get(path), b.get(path)
            if not (isinstance(x, np.ndarray) and isinstance(y, np.ndarray) and x.shape == y.shape and x.size):
                continue
            if x.dtype.kind not in "c":
                values.append(np.nan_to_num(x.astype("f8")).reshape(-1))
                differences.append(np.abs(values[-1] - np.nan_to_num(y.astype("f8")).reshape(-1)))
    if not values:
        return 0.0, 0.0
    whole, apart = np.concatenate(values), np.concatenate(differences)
    moved = apart[apart > 0]
    deviation, reach = float(whole.std()), float(np.ptp(whole))
    mean = float(moved.mean()) if len(moved) else 0.0
    return mean / deviation if deviation else 0.0, float(apart.max()) / reach if reach else 0.0


def _is_stacked(rows: tuple[Parts, ...], paths: tuple[str, ...]) -> bool:
    parts = [row.get(path) for row in rows for path in paths]
    return any(isinstance(part, np.ndarray) and part.ndim > 3 and 2 <= len(part) <= _VIEWS for part in parts)


def _is_paired(rows: tuple[Parts, ...], paths: tuple[str, ...]) -> bool:
    """Whether a target of measured values has the shape of an input that differs, as where noise is to be removed."""
    for row in rows:
        shapes = [row[path].shape for path in paths if isinstance(row.get(path), np.ndarray)]
        for path, part in row.items():
            measured = isinstance(part, np.ndarray) and part.dtype.kind == "f" and part.ndim > 0
            if measured and is_target(path, row) and part.shape in shapes:
                return True
    return False


def _is_kept(reader: Reader, seen: Stability, groups: tuple[bytes, ...]) -> bool:
    """Whether an index stands for more than a label: from one random state, rows of one label still differ.

    Drawn anew from their label, or from rows at random, they would be the same to the bit.
    """
    mates = [[row for row, group in zip(reader.rows, groups, strict=True) if group == label] for label in set(groups)]
    pairs = [pair for rows in mates for pair in itertools.pairwise(rows)]
    for one, other in pairs[:PAIRS]:
        readings = []
        for row in (one, other):
            reader.chance.seed(1)
            reading = reader.read([row])
            readings.append(_by_rows(reading) if seen.by_collate else reading)
            reader.restore()
        differing = _differing(*readings)
        if differing and set(seen.inputs) <= differing[0]:
            return True
    return False
