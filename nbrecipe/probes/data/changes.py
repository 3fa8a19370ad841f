"""The same rows of a data set read three times from one random state: what reading changes of what is stored."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...batches import BadInput
from ...bench import Bench
from .reading import Parts, Reader, Reading, parts_of, same
from .source import Source, is_plain, source

#: rows read
ROWS = 8
#: difference, over the largest value, that rounding makes where a change in place is made twice
ROUNDING = 1e-4


@dataclass(frozen=True)
class Change:
    """Something stored that changed at each reading."""

    path: str
    #: as `Kept` has them
    of: str
    counter: bool
    moved: bool


@dataclass(frozen=True)
class Changes:
    """What three readings of the same rows left behind."""

    source: Source
    rows: int
    #: rows whose second and third reading each differ from the one before
    drifting: int = 0
    #: mean difference of the second reading from the first, over the standard deviation of the first
    spread: float = 0.0
    stored: tuple[Change, ...] = ()
    #: whether rows that were not read before are what they would have been
    apart: bool = True
    #: whether putting back what is stored gives the first reading again
    undone: bool = False
    #: why the second reading cannot be made, where the first could
    refused: str = ""
    #: parts that are other numbers once further rows have been read
    reused: tuple[str, ...] = ()


def of_training(bench: Bench) -> Changes:
    """What reading changes of the training data; Missing and BadInput as `source` and `Reader` raise them."""
    return _looked(source(bench, "train"))


def of_validation(bench: Bench) -> Changes:
    """What reading changes of the validation data; Missing and BadInput as `source` and `Reader` raise them."""
    return _looked(source(bench, "val"))


def _looked(given: Source) -> Changes:
    reader = Reader(given)
    if is_plain(given.data) and reader.collate is None:
        return Changes(given, min(len(reader.rows), ROWS))
    with reader:
        count = min(ROWS, max(2, len(reader.rows) // 2))
        rows = reader.rows[:: max(1, len(reader.rows) // count)][:count]
        others = [row for row in reader.rows if row not in rows][:count]
        fresh = _from_one(reader, others)
        reader.restore()
        seen = _three_times(reader, rows)
        late = None if seen.refused else _from_one(reader, others)
        apart = late is None or all(_apart(a, b) == 0 for a, b in zip(fresh.rows, late.rows, strict=True))
        reader.restore()
        again = _from_one(reader, rows)
        undone = all(_apart(a, b) == 0 for a, b in zip(seen.first.rows, again.rows, strict=True))
        reader.restore()
        reused = _reused(reader, rows)
    return Changes(
        given, len(rows), seen.drifting, seen.spread, seen.stored, apart, undone, seen.refused, reused
    )  # fmt: skip


def _from_one(reader: Reader, rows: list[Any]) -> Reading:
    reader.chance.seed(1)
    return reader.read(rows)


@dataclass(frozen=True)
class _Thrice:
    first: Reading
    drifting: int
    spread: float
    stored: tuple[Change, ...]
    refused: str


def _three_times(reader: Reader, rows: list[Any]) -> _Thrice:
    """Read the rows again and again; raises BadInput where the first reading fails."""
    digests, readings, refused = [reader.stored.now()], [], ""
    for turn in range(3):
        try:
            readings.append(_from_one(reader, rows))
        except BadInput as error:
            if not turn:
                raise
            refused = str(error)
            break
        digests.append(reader.stored.now())
    begin = 0 if refused else 1  # what the first reading fills may stay as it is then
    steps = list(itertools.pairwise(digests[begin:]))
    stored = tuple(
        Change(kept.path, kept.of, kept.counter, kept.moved())
        for place, kept in enumerate(reader.stored.kept)
        if all(one[place] != other[place] for one, other in steps)
    )
    if len(readings) < 3:
        return _Thrice(readings[0], 0, 0.0, stored, refused)
    first, second, third = readings
    ways = [(_apart(a, b), _apart(b, c), a, b) for a, b, c in zip(first.rows, second.rows, third.rows, strict=True)]
    drifting = [once for once, twice, a, b in ways if once and (twice or _lost(a, b))]
    return _Thrice(first, len(drifting), float(np.mean(drifting)) if drifting else 0.0, stored, "")


def _lost(one: Parts, other: Parts) -> bool:
    """Whether numbers were finite and are no longer."""
    return any(
        isinstance(part, np.ndarray)
        and part.dtype.kind == "f"
        and bool(np.isfinite(part).all())
        and isinstance(other.get(path), np.ndarray)
        and other[path].dtype.kind == "f"
        and not np.isfinite(other[path]).all()
        for path, part in one.items()
    )


def _reused(reader: Reader, rows: list[Any]) -> tuple[str, ...]:
    """Parts of a row that are overwritten by reading the next ones, so that a batch holds the last row many times."""
    loader = reader.source.loader
    if loader is None or loader.batch_size in (None, 1) or len(rows) < 2:
        return ()
    reader.chance.seed(1)
    live, then = [], []
    for row in reader._fetched(rows):
        live.append(row)
        then.append(parts_of(row))
    now = [parts_of(row) for row in live]
    found = [
        {path for path in {*a, *b} if not same(a.get(path), b.get(path))} for a, b in zip(then[:-1], now, strict=False)
    ]
    return tuple(sorted(set[str]().union(*found)))


def _apart(one: Parts, other: Parts) -> float:
    """0 where two readings of a row are equal but for rounding, else their mean difference in standard deviations."""
    found = 0.0
    for path in {*one, *other}:
        a, b = one.get(path), other.get(path)
        if same(a, b):
            continue
        if not (isinstance(a, np.ndarray) and isinstance(b, np.ndarray)) or a.shape != b.shape or a.dtype.kind in "c":
            found = max(found, 1.0)
            continue
        x, y = a.astype("f8"), b.astype("f8")
        if not np.array_equal(np.isnan(x), np.isnan(y)):
            found = max(found, 1.0)
            continue
        x, y = np.nan_to_num(x), np.nan_to_num(y)
        difference = np.abs(x - y)
        if difference.max() > ROUNDING * max(np.abs(x).max(), np.abs(y).max()):
            found = max(found, float(difference.mean() / (x.std() or np.abs(x).max() or 1.0)))
    return found
