"""Rows whose label a model that has not seen it would not give: confident learning, by cleanlab.

Northcutt, Jiang and Chuang 2021, "Confident Learning". How much of the disagreement is noise of the labels, and how
much the weakness of a cheap model, is read off the rows that it is surest of: a model's own errors fade out among
them, wrong labels do not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...bench import Bench
from ...libraries import library
from ...statistics.proportions import wilson
from .given import given_rows
from .linear import FOLDS
from .probabilities import OutOfFold, out_of_fold
from .rows import Rows, train_rows

Array = np.ndarray[Any, Any]
#: standard errors of the bounds
SURE = 3.0


@dataclass(frozen=True)
class Suspect:
    """A row whose label is doubted; `confidence` is the probability of the label suggested."""

    row: int
    given: Any
    suggested: Any
    confidence: float


@dataclass(frozen=True)
class Noise:
    """All rows, ranked, and how many of them are likely to be labelled wrong."""

    rows: Rows
    #: (n,) places of the rows, the most doubtful first, and the quality of their labels, 0 to 1
    order: Array
    quality: Array
    table: Array
    #: rows that confident learning calls wrong
    count: int
    #: share of rows that are given another label than predicted: of all, and of the surest quarter and the next one
    disagree: float
    surest: float
    next_surest: float
    #: bounds of that share among the surer half
    low: float
    high: float
    #: share of rows that guessing the most frequent class would get wrong
    guess: float
    #: chance of so uneven a choice of wrong labels among the surer half, were they drawn by their frequency
    uniform: float
    model: str

    @property
    def graded(self) -> bool:
        """Whether some rows are answered more surely than others, so that the surest half can be told."""
        sure = np.sort(self.table.max(1))
        return bool(sure[len(sure) // 2] < sure[-1])

    def suspects(self, most: int | None = None) -> list[Suspect]:
        """The most doubtful rows with the label given and the one suggested."""
        answers, classes = self.table.argmax(1), self.rows.classes
        return [
            Suspect(int(self.rows.rows[i]), classes[self.rows.labels[i]], classes[answers[i]],
                    float(self.table[i, answers[i]]))
            for i in self.order[:most]
        ]  # fmt: skip


def train_noise(bench: Bench) -> Noise:
    """The labels of the training data, by `pred_probs` of the bench or by a cheap model.

    Raises what `train_rows` or `given_rows` raises, and BadInput where a library is missing.
    """
    if bench.pred_probs is not None:
        return noise(*bench.once(given_rows))
    rows = bench.once(train_rows)
    return noise(rows, bench.once(train_probabilities))


def train_probabilities(bench: Bench) -> OutOfFold:
    """Out-of-fold probabilities of the training data by a cheap model; raises the same."""
    return out_of_fold(bench.once(train_rows))


def noise(rows: Rows, given: OutOfFold) -> Noise:
    """Rank rows by probabilities, which may come from any model that has not seen the labels of the rows it judges."""
    table, labels = given.table, rows.labels
    rank, filters = library("cleanlab.rank", "cleanlab"), library("cleanlab.filter", "cleanlab")
    quality = rank.get_label_quality_scores(labels, table, method="normalized_margin")
    issues = filters.find_label_issues(labels, table, n_jobs=1)
    sure = np.argsort(-table.max(1), kind="stable")
    wrong = table.argmax(1) != labels
    quarter = max(1, len(rows) // 4)
    half = sure[: 2 * quarter]
    bounds = wilson(int(wrong[half].sum()), len(half), math.erf(SURE / math.sqrt(2)))
    counts = np.bincount(labels, minlength=len(rows.classes))
    return Noise(
        rows, np.argsort(quality, kind="stable"), quality, table, int(issues.sum()), float(wrong.mean()),
        float(wrong[sure[:quarter]].mean()), float(wrong[half[quarter:]].mean()), bounds.low, bounds.high,
        float(1 - counts.max() / len(rows)), _evenness(table.argmax(1)[half], labels[half], counts), given.model,
    )  # fmt: skip


def _evenness(told: Array, labels: Array, counts: Array) -> float:
    """p-value of a chi-squared test: given that a label is wrong, is it any of the others by its frequency?"""
    classes = len(counts)
    wrong = told != labels
    seen = np.zeros((classes, classes))
    np.add.at(seen, (told[wrong], labels[wrong]), 1)
    others = np.broadcast_to(counts.astype(float), (classes, classes)) * (1 - np.eye(classes))
    expected = others / others.sum(1, keepdims=True) * seen.sum(1, keepdims=True)
    there = expected > 0
    statistic = float((np.square(seen - expected)[there] / expected[there]).sum())
    freedom = max(1.0, float(there.sum() - (seen.sum(1) > 0).sum()))
    # Wilson and Hilferty 1931
    z = ((statistic / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))) / math.sqrt(2 / (9 * freedom))
    return 0.5 * math.erfc(z / math.sqrt(2))


def enough(rows: Rows) -> bool:
    """Whether each class has rows in every fold, twice."""
    return bool(rows.classes) and int(np.bincount(rows.labels).min()) >= 2 * FOLDS
