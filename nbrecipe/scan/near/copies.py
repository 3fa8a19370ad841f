"""Near copies inside a split and across splits: candidates by their keys, verified on the rows themselves."""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...bench import Bench
from ..columns.block import Block
from ..columns.kinds import Kind
from ..counts.sample import drawn, picked, places, taken
from ..doubles.bits import bits
from ..doubles.chance import needed
from ..doubles.tables import Table, few_of, read_rows, train_table, val_table
from ..plan import Plan
from ..sources.arrays import Arrays
from . import ragged
from .alike import PAIRS, REFERENCES, Looks, certainly, differing
from .keys import MOST as KEPT
from .keys import Kept, columns_of, picked_keys, values_of
from .moved import MOVED, Moves
from .pairs import MOST, candidates
from .reworded import TEXTS, reworded
from .series import Waves

#: pairs that are read again, at most: where rows are read one by one, and else as many as these bytes hold; bytes of
#: the rows that are looked at at once, and seconds for all
LOOKED, BYTES, AT_ONCE, SECONDS = 500, 256 << 20, 16 << 20, 10.0
LACKING = 'to find texts of which a few words were changed takes datasketch: `pip install "nbrecipe[data]"`'
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Alike:
    """Two rows that are nearly equal, and in what they differ."""

    first: int
    second: int
    told: str
    #: whether no third row is nearly as near
    sole: bool = False


@dataclass(frozen=True)
class Copies:
    """Near copies: of each row that has one, the nearest by row."""

    pairs: tuple[Alike, ...] = ()
    #: candidates, and how many of them were read again
    candidates: int = 0
    looked: int = 0
    #: whether there may be more among rows that nobody looked at
    partly: bool = False
    #: what would have to be installed to look for more
    lacking: str = ""

    @property
    def count(self) -> str:
        """How many rows are near copies, in words: "12", "at least 12"."""
        return ("at least " if self.partly else "") + f"**{len(self.pairs)}**"

    @property
    def sole(self) -> int:
        """Rows whose near copy is far nearer than any third row."""
        return sum(pair.sole for pair in self.pairs)


def near_train(bench: Bench) -> Copies:
    """Rows of train that are nearly another one. Raises Missing and BadInput as a scan does."""
    return near_within(bench.once(train_table))


def near_val(bench: Bench) -> Copies:
    """Rows of validation that are nearly another one; raises the same."""
    return near_within(bench.once(val_table))


def near_both(bench: Bench) -> Copies:
    """Validation rows (second) that are nearly one of train (first); raises the same."""
    return near_across(bench.once(train_table), bench.once(val_table))


def near_within(table: Table) -> Copies:
    """Rows of a table that are nearly an earlier one."""
    rows, (*keys, equal) = _keys(table)
    if len(rows) < 2:
        return Copies()
    pairs = candidates((keys[0], keys[1], keys[2]), equal)
    return _with_words(_verified(table, table, rows[pairs[:, 0]], rows[pairs[:, 1]]), table, table)


def near_across(train: Table, val: Table) -> Copies:
    """Rows of `val` (second) that are nearly one of `train` (first); none where they hold other columns."""
    if dict(train.scan.plan.inputs) != dict(val.scan.plan.inputs):
        return Copies()
    (ours, mine), (theirs, yours) = _keys(train), _keys(val)
    limit, partly = 1 << 64, False
    while len(ours) + len(theirs) > KEPT:
        limit, partly = limit // 2, True
        ours, mine = picked_keys(ours, mine, places(ours) < np.uint64(limit))
        theirs, yours = picked_keys(theirs, yours, places(theirs) < np.uint64(limit))
    if not len(ours) or not len(theirs):
        return Copies()
    first, second, outline, equal = (np.concatenate(both) for both in zip(mine, yours, strict=True))
    side = np.repeat(np.array([0, 1], np.int8), [len(ours), len(theirs)])
    pairs = candidates((first, second, outline), equal, side)
    seen = _verified(train, val, ours[pairs[:, 0]], theirs[pairs[:, 1] - len(ours)])
    return _with_words(dataclasses.replace(seen, partly=seen.partly or partly), train, val)


def _with_words(copies: Copies, one: Table, other: Table) -> Copies:
    """The same, and of texts also those of the samples that differ in a few words."""
    plan, names = one.scan.plan, columns_of(one.scan.plan)
    if len(names) != 1 or plan.kinds[names[0]] is not Kind.TEXT or len(plan.inputs) > 1:
        return copies
    if importlib.util.find_spec("datasketch") is None:
        return dataclasses.replace(copies, lacking=LACKING)
    ours, theirs = (_kept(table) for table in (one, other))
    pairs = reworded(ours, None if one is other else theirs, names[0])
    firsts = np.array([first for first, _, _ in pairs], np.int64)
    held = bits(plan, ours, _lined(ours, firsts)) if len(pairs) else np.empty(0)
    rows = len(one) + (len(other) if other is not one else 0)
    met = {pair.second: pair for pair in copies.pairs}
    for (first, second, share), enough in zip(pairs, held, strict=True):
        if share * enough > needed(rows):
            met.setdefault(second, Alike(first, second, f"{100 * (1 - share):.0f} % of their words"))
    partly = copies.partly or max(len(one), len(other)) > TEXTS
    looked = copies.looked + len(pairs)
    return Copies(tuple(met[row] for row in sorted(met)), copies.candidates + len(pairs), looked, partly)


def _kept(table: Table) -> Block:
    """The rows of the sample that the table has."""
    sample = table.scan.part.sample.block()
    return taken(sample, table.among(sample.rows))


def _keys(table: Table) -> tuple[Array, Kept]:
    """The rows of a table whose keys were kept, and their keys."""
    rows, keys = table.scan.part.near.table()
    return (rows, keys) if table.drawn is None else picked_keys(rows, keys, np.isin(rows, table.drawn))


def _verified(one: Table, other: Table, first: Array, second: Array) -> Copies:
    """The candidates that are near copies, a few at a time, the nearest first."""
    found, most = len(first), _most(one, other)
    thinned = any(table.scan.part.near.limit < 1 << 64 for table in (one, other))
    known, end = _Known(one, other), time.monotonic() + SECONDS
    step = few_of(one.scan, most, AT_ONCE)
    met: dict[int, Alike] = {}
    looked = gone = 0
    for low in range(0, min(found, most), step):
        pairs = slice(low, min(low + step, most))
        looked += _look(known, one, other, first[pairs], second[pairs], met)
        gone = min(low + step, most)
        if time.monotonic() > end:
            break
    return Copies(tuple(met[row] for row in sorted(met)), found, looked, found > gone or found >= MOST or thinned)


class _Known:
    """What is known of the data before pairs are looked at, and how far apart its images are, once one asks."""

    def __init__(self, one: Table, other: Table) -> None:
        self.plan, self.sample = one.scan.plan, one.scan.part.sample.block()
        self.rows = len(one) + (len(other) if other is not one else 0)

    @functools.cached_property
    def looks(self) -> Looks:
        known = self.sample.columns[columns_of(self.plan)[0]]
        assert isinstance(known, np.ndarray)
        return Looks(known[drawn(len(known), REFERENCES)], self.rows)

    @functools.cached_property
    def moves(self) -> Moves:
        return Moves(self.sample.columns[columns_of(self.plan)[0]], self.rows)

    @functools.cached_property
    def waves(self) -> Waves:
        return Waves(list(self.sample.columns[columns_of(self.plan)[0]]), self.rows)


def _look(known: _Known, one: Table, other: Table, first: Array, second: Array, met: dict[int, Alike]) -> int:
    """Read some pairs again, note the near copies among them, and tell how many could be read."""
    ours, theirs = read_rows(one.scan, np.unique(first)), read_rows(other.scan, np.unique(second))
    good = np.isin(first, ours.rows) & np.isin(second, theirs.rows)
    first, second = first[good], second[good]
    if not len(first):
        return 0
    near = _told(known, _lined(ours, first), _lined(theirs, second))
    for a, b, (told, sole) in zip(first.tolist(), second.tolist(), near, strict=True):
        if told and (b not in met or sole > met[b].sole):
            met[b] = Alike(a, b, told, sole)
    return len(first)


def _most(one: Table, other: Table) -> int:
    kept_whole = all(len(table) <= len(table.scan.part.sample.block()) for table in (one, other))
    at_once = isinstance(one.scan.source, Arrays) and isinstance(other.scan.source, Arrays)
    return few_of(one.scan, MOST if kept_whole or at_once else LOOKED, BYTES)


def _lined(block: Block, rows: Array, at: Array | None = None) -> Block:
    at = np.searchsorted(block.rows, rows) if at is None else at
    return Block(rows, {name: picked(values, at) for name, values in block.columns.items()})


def _told(seen: _Known, first: Block, second: Block) -> list[tuple[str, bool]]:
    """In what the rows of each pair differ, "" where they are no near copies, and whether no third is as near."""
    plan, sample, rows, names = seen.plan, seen.sample, seen.rows, columns_of(seen.plan)
    kind = plan.kinds[names[0]]
    left, right = values_of(first, names), values_of(second, names)
    others = [_same(first, second, column) for column in plan.inputs if column not in names]
    equal = np.all(others, axis=0) if others else np.ones(len(first), bool)
    alone = Plan({name: plan.kinds[name] for name in names}, None, plan.most)
    if kind is Kind.TEXT:
        sure = equal & (bits(alone, sample, first) > needed(rows))
        return [("case, spaces or signs" if good else "", bool(good)) for good in sure]
    if kind is Kind.IMAGE and isinstance(sample.columns.get(names[0]), list):
        return ragged.told(list(sample.columns[names[0]]), list(left), list(right), equal, rows,
                           lambda few: bits(alone, sample, _lined(first, first.rows[few], few)),
                           seen.moves)  # fmt: skip
    if kind is Kind.SEQUENCE:
        near = seen.waves.told(list(left), list(right))
        return [pair if same else ("", False) for pair, same in zip(near, equal.tolist(), strict=True)]
    if not (isinstance(left, np.ndarray) and isinstance(right, np.ndarray) and left.shape == right.shape):
        return [("", False)] * len(first)
    size = int(np.prod(left.shape[1:]))
    telling = equal if kind is Kind.IMAGE else equal & ~_whole(left)
    changed = np.where(telling, differing(left, right), -1)
    few = np.flatnonzero(changed >= 0)
    held = bits(alone, sample, _lined(first, first.rows[few], few))
    changed[few] = np.where(certainly(changed[few], size, held, needed(rows)), changed[few], -1)
    known = sample.columns.get(names[0])
    sole, moved = np.zeros(len(first), bool), np.zeros(len(first), bool)
    if kind is Kind.IMAGE and isinstance(known, np.ndarray) and known.shape[1:] == left.shape[1:]:
        sole = equal & (seen.looks.chance(left, right) < PAIRS)
        moved = equal & seen.moves.told(list(left), list(right))
    return [
        (_values(c, size) if c >= 0 else MOVED if m else "compression or brightness" if s else "", s or m)
        for c, s, m in zip(changed.tolist(), sole.tolist(), moved.tolist(), strict=True)
    ]


def _values(changed: int, size: int) -> str:
    if not changed:
        return "digits behind the third"
    return f"{changed} of {size} values"


def _whole(table: Array) -> Array:
    """Rows of whole numbers: counts, categories and ids, of which another is another thing."""
    flat = table.reshape(len(table), -1)
    out: Array = (flat == np.floor(flat)).all(1)
    return out


def _same(first: Block, second: Block, column: str) -> Array:
    left, right = first.columns[column], second.columns[column]
    return np.array([np.array_equal(np.asarray(a), np.asarray(b)) for a, b in zip(left, right, strict=True)], bool)
