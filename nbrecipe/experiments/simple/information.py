"""Whether inputs tell anything of the labels: three kinds of cheap models, out of fold, against permuted labels.

Predictions are made once. What they would score were the labels in any other order is a sum over all permutations,
which has a plain form: each prediction is then one of a row it knows nothing of, and no model has to be fitted again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...bench import Bench
from .linear import folds, indicators, out_of_fold
from .neighbours import nearest, votes
from .rows import Rows, train_rows, val_rows

Array = np.ndarray[Any, Any]
#: units of the random layer; standard errors of the bound: one in a thousand, one-sided
UNITS, SURE = 256, 3.1


@dataclass(frozen=True)
class Informed:
    """What cheap models know of the labels."""

    #: balanced accuracy, or correlation, of each model
    scores: dict[str, float]
    #: the best of them, what permuted labels give, and how far the best is from there to a perfect score
    score: float
    chance: float
    skill: float
    #: what its skill may be at most, and at least, but for one chance in a thousand each
    most: float
    least: float
    #: chance of such a score with labels permuted, three models counted
    p: float
    rows: int
    classes: int


def informed(rows: Rows) -> Informed:
    """Score linear, neighbour and random-layer models of the labels."""
    classes = len(rows.classes)
    told = {name: model(rows) for name, model in _MODELS.items()}
    judge = _of_classes if classes else _of_numbers
    scores = {name: judge(table, rows.labels, classes) for name, table in told.items()}
    best = max(scores, key=lambda name: scores[name][0] - scores[name][1])
    score, chance, deviation, _ = scores[best]
    room = max(1 - chance, 1e-9)
    skill, error = (score - chance) / room, SURE * deviation / room
    p = min(1.0, len(scores) * min(s[3] for s in scores.values()))
    if not classes:  # in shares of the variance
        skill, error = skill * skill, (skill + error) ** 2 - skill * skill
    told_scores = {name: s[0] for name, s in scores.items()}
    return Informed(told_scores, score, chance, skill, skill + error, skill - error, p, len(rows), classes)


def train_informed(bench: Bench) -> Informed:
    """The same of the training data; raises what `train_rows` does."""
    return informed(bench.once(train_rows))


def val_informed(bench: Bench) -> Informed:
    """The same of the validation data; raises what `val_rows` does."""
    return informed(bench.once(val_rows))


def _linear(rows: Rows) -> Array:
    return out_of_fold(rows.features, _targets(rows), folds(len(rows), blocks=False, labels=_strata(rows)))


def _random_layer(rows: Rows) -> Array:
    """A ridge regression on units that a network would start with: it sees what columns make together."""
    random = np.random.default_rng(0)
    x = rows.features / max(float(np.sqrt(np.square(rows.features).sum(1).mean())), 1e-12)
    weights = random.normal(size=(x.shape[1], UNITS)) * 2
    hidden = np.maximum(x @ weights + random.normal(size=UNITS), 0)
    return out_of_fold(hidden, _targets(rows), folds(len(rows), blocks=False, labels=_strata(rows)))


def _neighbours(rows: Rows) -> Array:
    near, _ = nearest(rows.features)
    labels = rows.labels[near]
    return votes(labels, len(rows.classes)) if rows.classes else labels.mean(1, keepdims=True)


_MODELS = {"linear": _linear, "nearest neighbours": _neighbours, "random layer": _random_layer}


def _targets(rows: Rows) -> Array:
    return indicators(rows.labels, len(rows.classes)) if rows.classes else rows.labels[:, None].astype(np.float64)


def _strata(rows: Rows) -> Array | None:
    return rows.labels if rows.classes else None


def _of_classes(table: Array, labels: Array, classes: int) -> tuple[float, float, float, float]:
    """Balanced accuracy, its mean and deviation over all permutations of the labels, and a p-value.

    Mean and deviation are exact, the p-value is that of the normal law which they tend to (Hoeffding 1951, "A
    Combinatorial Central Limit Theorem"). A score below chance counts where it is half of it: labels then avoid those
    of their neighbours, as in a sum modulo n. A little below it is what leaving rows out does to labels by chance.
    """
    counts = np.bincount(labels, minlength=classes).astype(float)
    answers = (table / np.maximum(counts, 1)).argmax(1)
    given = np.bincount(answers, minlength=classes).astype(float)
    worth = np.diag(1 / (classes * np.maximum(counts, 1)))  # of an answer c where the label is d
    score = float(worth[answers, labels].sum())
    rows = len(labels)
    by_answer, by_label = worth @ counts / rows, given @ worth / rows
    mean = float(given @ by_answer)
    centred = worth - by_answer[:, None] - by_label[None] + mean / rows
    deviation = max(math.sqrt(float(given @ np.square(centred) @ counts) / (rows - 1)), 1e-12)
    far = (score - mean) / deviation
    if score < mean:
        return score, mean, deviation, math.erfc(-far / math.sqrt(2)) if score < mean / 2 else 1.0
    return score, mean, deviation, max(0.5 * math.erfc(far / math.sqrt(2)), 1e-300)


def _of_numbers(table: Array, labels: Array, classes: int) -> tuple[float, float, float, float]:
    """Correlation with the labels; of permuted ones it is 0 with a deviation of 1 / sqrt(rows)."""
    told = table[:, 0]
    if told.std() < 1e-12 or labels.std() < 1e-12:
        return 0.0, 0.0, 1 / math.sqrt(len(labels)), 1.0
    score = float(np.corrcoef(told, labels)[0, 1])
    positive, deviation = max(score, 0.0), 1 / math.sqrt(len(labels))
    return positive, 0.0, deviation, max(math.erfc(positive / deviation / math.sqrt(2)), 1e-300)
