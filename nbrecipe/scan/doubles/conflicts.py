"""Equal inputs with different labels: how many, how much their labels agree, and what made them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...bench import Bench
from .groups import certain, grouped
from .tables import Table, read_rows, train_table
from .within import TOLD, plain_label

#: rows between equal inputs, at most, that were listed behind each other
NEXT = 2
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Conflicts:
    """Inputs of a split that have more than one label."""

    table: Table
    #: inputs that stand more than once, and those of them with more than one label
    several: int = 0
    inputs: int = 0
    #: rows that a model that answers equal inputs alike gets wrong, whatever it answers
    unfit: int = 0
    #: share of the conflicts whose rows hold too many bits to be equal by chance
    sure: float = 0.0
    #: how far the labels of equal inputs agree, from 0 (as labels dealt out at random) to 1, and its standard error
    agreement: float = 1.0
    error: float = 0.0
    #: share of the values that stand once
    once: float = 1.0
    #: whether equal inputs stand behind each other
    listed: bool = False
    #: (row, its label, another row with this input, its label)
    pairs: tuple[tuple[int, Any, int, Any], ...] = ()

    @property
    def counted(self) -> float:
        """Rows that cannot be answered right, where the inputs are equal by more than chance."""
        return self.sure * self.unfit


def train_conflicts(bench: Bench) -> Conflicts:
    """Conflicts inside the training split. Raises Missing and BadInput as a scan does."""
    return conflicts(bench.once(train_table))


def conflicts(table: Table) -> Conflicts:
    """Inputs of a table that have more than one label."""
    every = grouped(table.inputs, table.alone)
    again = np.sort(every.order[np.repeat(every.sizes > 1, every.sizes)])
    several, once = len(every.several), every.once
    del every
    if not several:
        return Conflicts(table)
    found = _among(table, table.only(again), once)
    return found if found is not None else Conflicts(table, several=several)


def _among(table: Table, again: Table, once: float) -> Conflicts | None:
    """The same of the rows whose inputs stand more than once; None where their labels agree."""
    by_input, by_whole = grouped(again.inputs), grouped(again.whole)
    group = np.empty(len(again), np.int32)
    group[by_input.order] = np.repeat(np.arange(len(by_input.sizes), dtype=np.int32), by_input.sizes)
    owner = group[by_whole.firsts]
    differing = np.flatnonzero(np.bincount(owner, minlength=len(by_input.sizes)) > 1)
    if not len(differing):
        return None
    most = np.zeros(len(by_input.sizes), np.int64)
    np.maximum.at(most, owner, by_whole.sizes)
    pairs_alike = np.bincount(owner, weights=by_whole.sizes * (by_whole.sizes - 1.0), minlength=len(by_input.sizes))
    alike = pairs_alike / (by_input.sizes * (by_input.sizes - 1.0))
    shares = np.unique(again.labels, return_counts=True)[1] / len(again)
    chance = float(np.square(shares).sum())
    seen = certain(again, by_input.firsts[differing], len(table))
    firsts = by_input.firsts[differing]
    gaps = [again.rows[by_input.members(g)[1]] - again.rows[by_input.members(g)[0]] for g in differing[:500]]
    return Conflicts(
        table,
        several=len(by_input.sizes),
        inputs=len(differing),
        unfit=int((by_input.sizes - most)[differing].sum()),
        sure=float(seen[:, 1].mean()) if len(seen) else 0.0,
        agreement=(float(alike.mean()) - chance) / max(1 - chance, 1e-9),
        error=0.5 / len(by_input.sizes) ** 0.5 / max(1 - chance, 1e-9),
        once=once,
        listed=float(np.median(gaps)) <= NEXT,
        pairs=_pairs(again, by_input, differing[np.lexsort((firsts, ~np.isin(firsts, seen[seen[:, 1] == 1, 0])))]),
    )


def _pairs(table: Table, groups: Any, differing: Array) -> tuple[tuple[int, Any, int, Any], ...]:
    found = []
    for group in differing[:TOLD].tolist():
        members = groups.members(group)
        other = members[np.flatnonzero(table.labels[members] != table.labels[members[0]])[0]]
        rows = table.rows[[members[0], other]]
        named = read_rows(table.scan, rows).columns.get(table.scan.plan.label or "", [])
        if len(named) == 2:
            found.append((int(rows[0]), plain_label(named[0]), int(rows[1]), plain_label(named[1])))
    return tuple(found)
