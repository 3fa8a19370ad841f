"""How good the answers are for each class, and for each part of the rows that share a value of something."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from ..finding import number
from ..statistics.apart import means_apart, shares_apart
from ..statistics.families import holm
from ..statistics.interval import Interval
from ..statistics.proportions import wilson
from ..task import Kind
from .answers import Answers, Array
from .headline import each, metric_of, value_of
from .scores import counted_rows, mean_of

#: distinct numbers from which on they are cut into parts, and into how many parts of as many rows each
VALUES, PARTS = 12, 4
#: slices that are told, those with most rows first
MOST = 40


@dataclass(frozen=True)
class Slice:
    """Some of the rows."""

    name: str
    rows: int
    value: float
    interval: Interval
    #: chance of a value so far from that of the other rows, were all alike; corrected for the slices (Holm 1979)
    p: float
    #: of a class: how often it is answered, and the share of these that is right; None elsewhere
    answered: int | None = None
    precision: float | None = None


@dataclass(frozen=True)
class Slices:
    """All slices by one thing; the worst first."""

    by: str
    #: "accuracy", "token accuracy", "MAE", "loss"
    metric: str
    better: int
    rows: tuple[Slice, ...]
    #: slices that are not told
    left: int = 0
    #: rows of all slices, and the sum of their values
    total: int = 0
    whole: float = 0.0
    #: whether each was tested against the others; not where they share rows
    tested: bool = True


def by_class(answers: Answers) -> Slices | None:
    """The share of each class that is found; None where there are no classes, or one alone."""
    if answers.kind not in (Kind.CLASSES, Kind.BINARY) or answers.target is None or answers.answer is None:
        return None
    answers = counted_rows(answers)
    assert answers.target is not None
    found = _sliced(answers, answers.target.astype(np.int64), "class", lambda v: _called(answers, int(v)))
    if found is None:
        return None
    given = np.asarray(answers.answer)
    rows = []
    for one, value in zip(*found, strict=True):
        said = given == value
        right = int((said & (answers.target == value)).sum())
        rows.append(replace(one, answered=int(said.sum()), precision=right / said.sum() if said.any() else None))
    return _told(answers, rows, "class")


def by_label(answers: Answers) -> Slices | None:
    """The share of each label that is found, of several that may hold at once; None where there are none.

    Its rows are those that have the label. Nothing is tested: labels share their rows.
    """
    if answers.kind is not Kind.MULTILABEL or answers.target is None or answers.answer is None:
        return None
    answers = counted_rows(answers)
    there, said = (np.asarray(given).reshape(len(answers), -1) > 0.5 for given in (answers.target, answers.answer))
    rows = []
    for place in np.flatnonzero(there.any(0)).tolist():
        right, holds, answered = (int(one[:, place].sum()) for one in (there & said, there, said))
        share = right / answered if answered else None
        rows.append(Slice(_called(answers, place), holds, right / holds, wilson(right, holds), 1.0, answered, share))
    return replace(_told(answers, rows, "label"), metric="recall", tested=False) if len(rows) > 1 else None


def by_overlap(answers: Answers) -> Slices | None:
    """The overlap (IoU) of each class of pixels in answer and target; None where these are not known.

    Its rows are the images in which the class stands or is seen. Nothing is tested: classes share their pixels.
    """
    if answers.pixels is None or not len(answers):
        return None
    both, said, there = np.asarray(answers.pixels, np.float64).transpose(1, 2, 0)
    rows = []
    for place, union in enumerate(said + there - both):
        if union.any():
            value, interval = mean_of(both[place], union)
            rows.append(Slice(_called(answers, place), int((union > 0).sum()), value, interval, 1.0))
    return replace(_told(answers, rows, "class"), metric="IoU", tested=False) if len(rows) > 1 else None


def by_value(answers: Answers, values: Any, by: str) -> Slices | None:
    """The same for the rows that share a value; many numbers are cut into quarters. None where all rows share one.

    `values` has one entry for each answer.
    """
    keys, names = _keys(np.asarray(values))
    found = _sliced(answers, keys, by, lambda key: names[int(key)])
    return None if found is None else _told(answers, found[0], by)


def _called(answers: Answers, place: int) -> str:
    return str(answers.classes[place]) if 0 <= place < len(answers.classes) else str(place)


def _keys(values: Array) -> tuple[Array, list[str]]:
    """A number for each row, and what each number means."""
    if values.dtype.kind == "f" or (values.dtype.kind in "iu" and len(np.unique(values)) > VALUES):
        floats = values.astype(np.float64)
        known = floats[np.isfinite(floats)]
        if len(np.unique(known)) > VALUES:
            return _quarters(floats, known)
        values = np.where(np.isfinite(floats), floats, np.nan)
    distinct, keys = np.unique(values.astype(str) if values.dtype.kind == "O" else values, return_inverse=True)
    return keys.reshape(-1), [_spelled(value) for value in distinct.tolist()]


def _spelled(value: Any) -> str:
    if isinstance(value, float):
        return "missing" if math.isnan(value) else f"{value:.0f}" if value.is_integer() else number(value)
    return str(value)


def _quarters(values: Array, known: Array) -> tuple[Array, list[str]]:
    edges = np.unique(np.quantile(known, np.linspace(0, 1, PARTS + 1)))
    keys = np.clip(np.searchsorted(edges, values, "right") - 1, 0, len(edges) - 2)
    names = [f"{number(a)} to {number(b)}" for a, b in pairwise(edges)]
    missing = ~np.isfinite(values)
    return np.where(missing, len(names), keys), [*names, "missing"]


def _sliced(
    answers: Answers, keys: Array, by: str, name_of: Callable[[Any], str]
) -> tuple[list[Slice], list[Any]] | None:
    distinct = np.unique(keys)
    if len(distinct) < 2:
        return None
    rows = []
    for key in distinct:
        here = keys == key
        value, interval = value_of(answers.at(np.flatnonzero(here)))
        rows.append(Slice(name_of(key), int(here.sum()), value, interval, _chance(answers, here)))
    # of two parts each is the other's rest: one test, told twice
    corrected = holm([one.p for one in rows]) if len(rows) > 2 else [one.p for one in rows]
    return [replace(one, p=float(p)) for one, p in zip(rows, corrected, strict=True)], distinct.tolist()


def _told(answers: Answers, rows: list[Slice], by: str) -> Slices:
    metric, better = metric_of(answers)
    most = sorted(rows, key=lambda one: -one.rows)[:MOST]
    worst = sorted(most, key=lambda one: (math.isnan(one.value), better * one.value))
    total, whole = sum(one.rows for one in rows), sum(one.value * one.rows for one in rows)
    return Slices(by, metric, better, tuple(worst), len(rows) - len(most), total, whole)


def _chance(answers: Answers, here: Array) -> float:
    """The chance that the rows of a slice are as good as the others."""
    if metric_of(answers)[0] == "accuracy":
        right = np.asarray(answers.right).astype(bool)
        return shares_apart(int(right[here].sum()), int(here.sum()), int(right[~here].sum()), int((~here).sum()))
    sums, weights = each(answers)
    with np.errstate(invalid="ignore", divide="ignore"):
        values = sums if weights is None else sums / weights
    known = np.isfinite(values)
    return means_apart(values[here & known], values[~here & known])
