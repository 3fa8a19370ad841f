"""Which class is answered where another is right, and which pairs are confused most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..statistics.interval import Interval
from ..statistics.proportions import wilson
from ..task import Kind
from .answers import Answers, Array
from .scores import counted_rows

#: pairs that are told, and classes up to which the whole table is
PAIRS, CLASSES = 10, 40
#: classes up to which all are drawn, and how many of more
FEW, MOST = 12, 10


@dataclass(frozen=True)
class Pair:
    """A class and what it is taken for."""

    target: str
    answer: str
    count: int
    #: share of the rows of the target's class, and its interval
    share: float
    interval: Interval


@dataclass(frozen=True)
class Confused:
    """How often each class is taken for each."""

    names: tuple[str, ...]
    #: (classes, classes) rows: target, answer; None where the classes are too many to read
    table: Array | None
    pairs: tuple[Pair, ...]
    #: pairs that are confused and not told
    left: int = 0
    #: the classes that are drawn: all of a few, else those that are confused most
    drawn: tuple[str, ...] = ()
    #: (drawn, drawn + 1) rows: target, answer; the last column counts those of every other answer
    core: Array | None = None


def confused(answers: Answers) -> Confused | None:
    """The table and its largest entries off the diagonal; None where answers are no classes."""
    if answers.kind not in (Kind.CLASSES, Kind.BINARY) or answers.target is None or answers.answer is None:
        return None
    answers = counted_rows(answers)
    target = np.asarray(answers.target).astype(np.int64)
    given = np.asarray(answers.answer)
    answer = np.where(np.isfinite(given), given, -1).astype(np.int64)
    known = answer >= 0
    classes = np.unique(np.concatenate([target, answer[known]]))
    rows, columns = np.searchsorted(classes, target[known]), np.searchsorted(classes, answer[known])
    names = tuple(str(answers.classes[c]) if c < len(answers.classes) else str(c) for c in classes.tolist())
    codes, counts = np.unique(rows * len(classes) + columns, return_counts=True)
    apart = codes // max(1, len(classes)) != codes % max(1, len(classes))
    order = np.argsort(-counts[apart], kind="stable")
    totals = np.bincount(np.searchsorted(classes, target), minlength=len(classes))
    pairs = []
    for code, count in zip(codes[apart][order[:PAIRS]], counts[apart][order[:PAIRS]], strict=True):
        i, j = divmod(int(code), len(classes))
        share, interval = int(count) / int(totals[i]), wilson(int(count), int(totals[i]))
        pairs.append(Pair(names[i], names[j], int(count), share, interval))
    table = None
    if len(classes) <= CLASSES:
        table = np.zeros((len(classes), len(classes)), np.int64)
        np.add.at(table, (rows, columns), 1)
    chosen = _drawn(len(classes), codes[apart][order])
    core = _core(chosen, rows, columns)
    drawn = tuple(names[k] for k in chosen.tolist())
    return Confused(names, table, tuple(pairs), int(apart.sum()) - len(pairs), drawn, core)


def _drawn(count: int, codes: Array) -> Array:
    """The places of the classes that are drawn, in their order: `codes` are confused pairs, the most frequent first."""
    if count <= FEW:
        return np.arange(count)
    places = np.stack(np.divmod(codes, count), 1).reshape(-1)
    _, first = np.unique(places, return_index=True)
    found: Array = np.sort(places[np.sort(first)[:MOST]])
    return found


def _core(chosen: Array, rows: Array, columns: Array) -> Array:
    """(chosen, chosen + 1) how often each of them is answered as each, and as any other."""
    here = np.isin(rows, chosen)
    answers = np.where(np.isin(columns, chosen), np.searchsorted(chosen, columns), len(chosen))
    table = np.zeros((len(chosen), len(chosen) + 1), np.int64)
    np.add.at(table, (np.searchsorted(chosen, rows[here]), answers[here]), 1)
    return table
