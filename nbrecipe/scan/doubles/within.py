"""Copies inside a split: how many, how many of them chance would make, and what made them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...bench import Bench
from ..columns.kinds import Kind
from .chance import RARE, as_draws
from .groups import Groups, by_chance, certain, grouped, step_of, times
from .tables import Table, read_rows, train_table, val_table

#: row pairs that are told
TOLD = 5
#: share of the rows of a class that are copies: one that was oversampled, and one that was not
RAISED, LEFT = 0.2, 0.02
#: share of the inputs that stand again whose labels differ: rows that were judged more than once
JUDGED = 0.05
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Doubles:
    """Rows of a split that stand in it again, with the same label."""

    table: Table
    groups: Groups
    #: bound on the chance that independent draws repeat like this
    chance: float = 1.0
    #: rows that repeat an earlier one and hold too many bits for that to be chance
    sure: float = 0.0
    #: rows that chance doubles, at most, among those of few bits
    expected: float = 0.0
    #: (row, the earlier row that it equals), those that cannot be chance first
    pairs: tuple[tuple[int, int], ...] = ()
    #: k where row i + k equals row i, and k where every row stands k times
    step: int = 0
    times: int = 0
    #: classes that were rare before their rows were repeated
    raised: tuple[Any, ...] = ()
    #: whether equal inputs often have other labels too
    judged: bool = False

    @property
    def extra(self) -> int:
        """Rows that repeat an earlier one."""
        return self.groups.extra

    @property
    def unlike_draws(self) -> bool:
        """Whether no independent draws repeat like this, whatever they are drawn from."""
        return self.chance < RARE

    @property
    def counted(self) -> float:
        """Rows that repeat an earlier one and not by chance."""
        return float(self.extra) if self.unlike_draws else self.sure

    @property
    def share(self) -> float:
        """The same, as a share of all rows."""
        return self.counted / max(len(self.table), 1)


def train_doubles(bench: Bench) -> Doubles:
    """Copies inside the training split. Raises Missing and BadInput as a scan does."""
    return doubles(bench.once(train_table))


def val_doubles(bench: Bench) -> Doubles:
    """Copies inside the validation split; raises the same."""
    return doubles(bench.once(val_table))


SPLITS: tuple[Callable[[Bench], Doubles], ...] = (train_doubles, val_doubles)


def doubles(table: Table) -> Doubles:
    """What stands in a table more than once."""
    groups = grouped(table.whole, table.alone)
    if not groups.extra:
        return Doubles(table, groups)
    sure, first = _sure(table, groups)
    inputs = grouped(table.inputs)
    few = inputs.several[:2000]
    differing = sum(len(np.unique(table.labels[inputs.members(group)])) > 1 for group in few)
    return Doubles(
        table,
        groups,
        chance=as_draws(groups.sizes, groups.alone),
        sure=sure,
        expected=by_chance(table, len(table)),
        pairs=_pairs(table, groups, first),
        step=step_of(groups, table.rows),
        times=times(groups),
        raised=_raised(table, groups),
        judged=differing >= JUDGED * len(few),
    )


def _sure(table: Table, groups: Groups) -> tuple[float, Array]:
    """Rows that repeat an earlier one and not by chance, and groups of such rows."""
    several = groups.several
    seen = certain(table, groups.firsts[several], len(table))
    at = np.searchsorted(np.sort(groups.firsts[several]), seen[:, 0])
    group = several[np.argsort(groups.firsts[several], kind="stable")][at]
    more = groups.sizes[group] - 1
    share = float((more * seen[:, 1]).sum() / max(more.sum(), 1))
    safe = group[seen[:, 1] == 1]
    return share * groups.extra, safe


def _pairs(table: Table, groups: Groups, first: Array) -> tuple[tuple[int, int], ...]:
    rest = np.setdiff1d(groups.several, first)
    rest = rest[np.argsort(groups.firsts[rest])]
    found = []
    for group in [*first[np.argsort(groups.firsts[first])].tolist(), *rest.tolist()][:TOLD]:
        earlier, later = table.rows[groups.members(group)[:2]]
        found.append((int(later), int(earlier)))
    return tuple(found)


def _raised(table: Table, groups: Groups) -> tuple[Any, ...]:
    """The classes whose rows were repeated so that they are no longer rare."""
    plan = table.scan.plan
    if plan.label is None or plan.kinds[plan.label] is not Kind.CLASS:
        return ()
    classes, first, rows = np.unique(table.labels, return_index=True, return_counts=True)
    once = np.array([*table.classes], np.uint64)
    every = np.union1d(classes, once)
    if not 2 <= len(every) <= 1000 or sum(table.classes.values()) < table.alone:
        return ()
    rows = _counted(every, classes, rows, table)
    distinct = _counted(every, *np.unique(table.labels[groups.firsts], return_counts=True), table)
    share = 1 - distinct / rows
    more, left = share > RAISED, share < LEFT
    if not more.any() or not left.any() or (rows - distinct)[more].sum() < 0.9 * groups.extra:
        return ()
    if distinct[more].max() >= distinct[left].max() or rows[more].max() > 1.1 * rows[left].max():
        return ()
    first = first[np.searchsorted(classes, every[more])]
    labels = read_rows(table.scan, table.rows[first]).columns.get(plan.label, [])
    return tuple(plain_label(label) for label in labels)


def _counted(every: Array, classes: Array, counts: Array, table: Table) -> Array:
    """So many rows of each class, those that are left out of the table counted in."""
    out = np.array([table.classes.get(label, 0) for label in every.tolist()], np.int64)
    out[np.searchsorted(every, classes)] += counts
    return out


def plain_label(label: Any) -> Any:
    """A label as one would write it: a class, or the flags that are set."""
    array = np.asarray(label)
    if array.dtype.kind not in "biuf":
        return str(label)
    if array.size > 1:
        flags = np.flatnonzero(array.reshape(-1))
        return int(flags[0]) if len(flags) == 1 else flags.tolist()
    value = array.item()
    return int(value) if float(value).is_integer() else float(value)
