"""Equal rows by group: how often each stands, where, and what regular order they stand in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..counts.copies import by_key, runs
from .bits import bits
from .chance import needed
from .tables import Table, few_of, read_rows, some

#: groups whose bits are looked at
GROUPS = 500
#: share of the groups that a rule has to fit
MOSTLY = 0.9
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Groups:
    """Positions in a table by the value that stands there: order[starts[i] : starts[i] + sizes[i]] are equal rows."""

    order: Array
    starts: Array
    sizes: Array
    #: values that stand once and are left out above
    alone: int = 0

    @property
    def values(self) -> int:
        """How many different values there are."""
        return len(self.sizes) + self.alone

    @property
    def once(self) -> float:
        """The share of the values that stand once."""
        return (int((self.sizes == 1).sum()) + self.alone) / max(self.values, 1)

    @property
    def extra(self) -> int:
        """Rows that repeat an earlier one."""
        return len(self.order) - len(self.sizes)

    @property
    def several(self) -> Array:
        """The groups of more than one row."""
        return np.flatnonzero(self.sizes > 1)

    @property
    def firsts(self) -> Array:
        """The position of the first row of each group."""
        out: Array = self.order[self.starts]
        return out

    def members(self, group: int) -> Array:
        """The positions of one group, in their order."""
        out: Array = self.order[self.starts[group] : self.starts[group] + self.sizes[group]]
        return out


def grouped(keys: Array, alone: int = 0) -> Groups:
    """Equal keys together, in the order of their positions; so many more stand alone."""
    order = by_key(keys)
    return Groups(order, *runs(keys[order]), alone)


def certain(table: Table, positions: Array, rows: int) -> Array:
    """Which of some of these rows hold too many bits to meet another of so many by chance, by position."""
    chosen = positions[some(table.rows[positions], few_of(table.scan, GROUPS))]
    block = read_rows(table.scan, table.rows[chosen])
    held = bits(table.scan.plan, table.scan.part.sample.block(), block) if len(block) else np.empty(0)
    enough = dict(zip(block.rows.tolist(), (held > needed(rows)).tolist(), strict=True))
    return np.array([[p, enough[row]] for p, row in zip(chosen.tolist(), table.rows[chosen].tolist(), strict=True)
                     if row in enough], dtype=np.int64).reshape(-1, 2)  # fmt: skip


def by_chance(table: Table, rows: int) -> float:
    """Rows of a table that meet another of so many by chance, at most: those that hold few bits, by what they hold."""
    sample = table.scan.part.sample.block()
    inside = table.among(sample.rows)
    chosen = inside[some(sample.rows[inside], few_of(table.scan, GROUPS))]
    if not len(chosen):
        return 0.0
    block = read_rows(table.scan, sample.rows[chosen])
    held = bits(table.scan.plan, sample, block)
    few = held <= needed(rows)
    return float(np.where(few, -np.expm1(-rows * np.exp2(-held)), 0).mean() * len(table))


def step_of(groups: Groups, rows: Array) -> int:
    """k where most rows that stand again stand again k rows later; 0 where there is no such rule."""
    several = groups.several
    if len(several) < 4:
        return 0
    firsts = groups.order[groups.starts[several]]
    seconds = groups.order[groups.starts[several] + 1]
    gaps = rows[seconds] - rows[firsts]
    values, counts = np.unique(gaps, return_counts=True)
    return int(values[counts.argmax()]) if counts.max() >= MOSTLY * len(gaps) else 0


def times(groups: Groups) -> int:
    """k where (nearly) every value stands k or k + 1 times; 0 where some stand once."""
    if groups.alone >= 0.01 * groups.values:
        return 0
    sizes = np.concatenate([groups.sizes, np.ones(groups.alone, np.int32)])
    low, high = (int(end) for end in np.quantile(sizes, (0.01, 0.99)))
    return low if low > 1 and high <= low + 1 else 0
