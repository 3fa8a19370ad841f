"""What a cheap model of the training data answers to the validation data, class by class."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...batches import BadInput
from ...bench import Bench, Missing
from ...libraries import library
from ...scan import held
from ...scan.columns.block import Block
from ...scan.counts.sample import end_to_end
from .features import without_detail
from .linear import indicators, predicted
from .neighbours import nearest, votes
from .rows import prepared, some

Array = np.ndarray[Any, Any]
#: accuracy beyond a guess, as a share of what can be gained, from which on a cheap model has a say
KNOWS = 0.4


@dataclass(frozen=True)
class Across:
    """Counts of answers, and what the same model knows of the training labels."""

    classes: tuple[Any, ...]
    #: (label, answer) counts of the validation rows whose label training knows, or may know by another name
    table: Array
    #: accuracy out of sample on the training rows, and what guessing gives
    train_accuracy: float
    guess: float
    train_rows: int
    #: classes, by place, that training has
    known: tuple[int, ...]
    model: str

    def matched(self) -> dict[int, int]:
        """The answer that stands for each class, no answer for two, so that most rows are right. Needs SciPy."""
        solve = library("scipy.optimize", "scikit-learn").linear_sum_assignment
        rows, columns = solve(self.table, maximize=True)
        return {int(i): int(j) for i, j in zip(rows, columns, strict=True)}


def by_own_names(bench: Bench, classes: Collection[int]) -> str:
    """A sentence where a cheap model of the training data finds these classes in validation by their own names."""
    try:
        seen = bench.once(across)
    except (BadInput, Missing):
        return ""
    if seen.train_accuracy - seen.guess < KNOWS * (1 - seen.guess):
        return ""
    own = all(seen.table[place].argmax() == place for place, name in enumerate(seen.classes) if name in classes)
    return f"a cheap model ({seen.model}) of the training data finds these classes by their own names" if own else ""


def across(bench: Bench) -> Across:
    """Fit on a part of the training rows, ask for the rest of them and for the validation rows.

    Raises what a scan raises, and BadInput where the splits have other columns, or no classes.
    """
    train, val = bench.once(held.train_scan), bench.once(held.val_scan)
    if train.plan.kinds != val.plan.kinds or train.plan.label != val.plan.label:
        raise BadInput(f"`{train.name}` and `{val.name}` do not hold the same columns")
    first, second = (Block(b.rows, without_detail(b.columns, train.plan.inputs)) for b in (some(train), some(val)))
    count = len(first)
    joined = end_to_end([first, second])
    numbered = Block(np.arange(len(joined)), joined.columns)
    rows = prepared(numbered, train.plan, train.rows)
    if not rows.classes:
        raise BadInput("the label is a number: no class can have another name")
    inside = rows.rows < count
    fit = inside & (np.cumsum(inside) % 5 != 0)
    tables = {}
    for name, model in {"linear": _linear, "nearest neighbours": _neighbours}.items():
        tables[name] = model(rows.features[fit], rows.labels[fit], rows.features[~fit], len(rows.classes)).argmax(1)
    rest = inside[~fit]
    labels = rows.labels[~fit]
    right = {name: float((told[rest] == labels[rest]).mean()) for name, told in tables.items()}
    best = max(right, key=lambda name: right[name])
    told = tables[best][~rest]
    counts = np.zeros((len(rows.classes),) * 2, np.int64)
    np.add.at(counts, (labels[~rest], told), 1)
    guess = float(np.bincount(rows.labels[inside]).max() / inside.sum())
    known = tuple(int(i) for i in np.unique(rows.labels[inside]))
    return Across(rows.classes, counts, right[best], guess, int(inside.sum()), known, best)


def _linear(features: Array, labels: Array, asked: Array, classes: int) -> Array:
    return predicted(features, indicators(labels, classes), asked)


def _neighbours(features: Array, labels: Array, asked: Array, classes: int) -> Array:
    near, _ = nearest(asked, features)
    return votes(labels[near], classes)
