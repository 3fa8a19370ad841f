"""Validation rows that stand in train: how many, how many of them chance would put there, and how they came there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...bench import Bench
from ..counts.copies import MOST
from .chance import RARE, across_as_split, as_draws
from .groups import MOSTLY, Groups, certain, grouped, times
from .tables import Table, together, train_table, val_table
from .within import TOLD

#: share of the values of both splits that stand once, from which on the rows come from no short list of values
ONCE = 0.9
#: chance of draws from any list to repeat like this, below which rows of many bits are excused by no list
LISTED = 1e-3
#: how many copies of each of how few values there are where rows come from a short list
SHORT = 10
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Overlap:
    """Validation rows whose inputs stand in train."""

    train: Table
    val: Table
    #: of the values of both splits together
    groups: Groups
    #: validation rows that stand in train: all, those with the same label, and those of many bits
    met: int = 0
    same: int = 0
    sure: float = 0.0
    #: rows that chance puts there, by how often rows stand again inside the splits
    expected: float = 0.0
    #: bounds on the chance that independent draws repeat like this, and that a random split deals out pairs like this
    chance: float = 1.0
    dealt: float = 1.0
    #: (train row, validation row)
    pairs: tuple[tuple[int, int], ...] = ()
    #: train row minus validation row where it is the same for most; None where there is no such rule
    offset: int | None = None

    @property
    def unlike_draws(self) -> bool:
        """Whether no independent draws repeat like this, whatever they are drawn from."""
        return self.chance < RARE

    @property
    def counted(self) -> float:
        """Validation rows that stand in train with their label and not by chance."""
        return float(self.same) if self.unlike_draws else self.sure

    @property
    def short_list(self) -> bool:
        """Whether the rows may come from a short list of values, each drawn again and again."""
        sizes = self.groups.sizes
        if self.unlike_draws:
            return bool(times(self.groups)) and self.groups.values < SHORT * float(np.median(sizes))
        return self.chance > LISTED and self.groups.once < ONCE


def overlap(bench: Bench) -> Overlap:
    """What validation shares with train. Raises Missing and BadInput as a scan does."""
    train, val = bench.once(train_table), bench.once(val_table)
    return shared(train, val)


def shared(train: Table, val: Table) -> Overlap:
    """What two splits share."""
    train, val = _few(train, val)
    groups = grouped(np.concatenate([train.whole, val.whole]), train.alone + val.alone)
    inside = np.isin(val.inputs, train.inputs)
    if not inside.any():
        return Overlap(train, val, groups)
    same = np.isin(val.whole, train.whole)
    pairs = _pairs(train, val, same if same.any() else inside)
    sure = _sure(train, val, pairs)
    share = float((sure == 1).sum() / max((sure >= 0).sum(), 1))
    return Overlap(
        train,
        val,
        groups,
        met=int(inside.sum()),
        same=int(same.sum()),
        sure=share * int(same.sum()),
        expected=_expected(train, val),
        chance=as_draws(groups.sizes, groups.alone),
        dealt=_dealt(train, val, groups),
        pairs=tuple((int(t), int(v)) for t, v in pairs[np.argsort(-sure, kind="stable")[:TOLD]]),
        offset=_offset(pairs),
    )


def _few(train: Table, val: Table) -> tuple[Table, Table]:
    """The rows of both whose hashes are of one kind, so many together as are kept of one split."""
    if train.scan.part.copies.spilled or val.scan.part.copies.spilled:
        return together(train, val)
    thin = max(train.thinned, val.thinned)
    train, val = train.thin(thin), val.thin(thin)
    while len(train) + len(val) > MOST:
        thin += 1
        train, val = train.thin(thin), val.thin(thin)
    return train, val


def _pairs(train: Table, val: Table, chosen: Array) -> Array:
    """(train row, validation row) of these validation rows, each with the first such row of train."""
    keys = (train.whole, val.whole) if np.isin(val.whole[chosen], train.whole).all() else (train.inputs, val.inputs)
    values, first = np.unique(keys[0], return_index=True)
    at = np.searchsorted(values, keys[1][chosen])
    return np.stack([train.rows[first[at]], val.rows[chosen]], axis=1)


def _sure(train: Table, val: Table, pairs: Array) -> Array:
    """1 for pairs that hold too many bits to meet by chance, 0 for those that do not, -1 where nobody looked."""
    at = np.searchsorted(train.rows, pairs[:, 0])
    seen = certain(train, np.unique(at), len(train) + len(val))
    out = np.full(len(train.rows), -1)
    out[seen[:, 0]] = seen[:, 1]
    told: Array = out[at]
    return told


def _expected(train: Table, val: Table) -> float:
    """Pairs inside train say how likely two rows are equal, where both splits are drawn alike."""
    sizes = grouped(train.inputs).sizes.astype(float)
    alike = float((sizes * (sizes - 1)).sum()) / max(len(train) * (len(train) - 1), 1)
    return min(float(len(val)), len(val) * len(train) * alike)


def _dealt(train: Table, val: Table, groups: Groups) -> float:
    twos = np.flatnonzero(groups.sizes == 2)
    ends = np.stack([groups.order[groups.starts[twos]], groups.order[groups.starts[twos] + 1]], axis=1)
    between = int(((ends < len(train.rows)).sum(1) == 1).sum())
    return across_as_split(len(twos), between, len(train), len(val))


def _offset(pairs: Array) -> int | None:
    if len(pairs) < 4:
        return None
    values, counts = np.unique(pairs[:, 0] - pairs[:, 1], return_counts=True)
    return int(values[counts.argmax()]) if counts.max() >= MOSTLY * len(pairs) else None
