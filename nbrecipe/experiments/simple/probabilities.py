"""The probability of each class for each row, by a cheap model that has not seen the row's label."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...libraries import sklearn
from .linear import FOLDS, folds
from .neighbours import nearest, votes
from .rows import Rows

Array = np.ndarray[Any, Any]
#: passes of the logistic regression; weight of the frequencies of the classes beside the votes of the neighbours
PASSES, PRIOR = 50, 1.0
#: rows times columns times classes of a fit, seconds of work; columns that are kept anyway
WORK, LEAST = 6_000_000, 64


@dataclass(frozen=True)
class OutOfFold:
    """Probabilities of the classes, and what they come from."""

    #: (rows, classes)
    table: Array
    #: "logistic regression", "nearest neighbours", ...
    model: str
    #: cross-entropy, in nats, of each model that was tried
    losses: dict[str, float]

    @property
    def answers(self) -> Array:
        """The most probable class of each row."""
        best: Array = self.table.argmax(1)
        return best


def out_of_fold(rows: Rows, seed: int = 0) -> OutOfFold:
    """Probabilities of a logistic regression, of the neighbours, and of both together: those with the least loss.

    Raises BadInput where scikit-learn is missing.
    """
    classes = len(rows.classes)
    fold = folds(len(rows), blocks=False, labels=rows.labels, seed=seed)
    tried = {
        "logistic regression": _logistic(rows.features, rows.labels, fold, classes),
        "nearest neighbours": _neighbours(rows.features, rows.labels, classes),
    }
    tried["logistic regression and nearest neighbours"] = np.mean(list(tried.values()), axis=0)
    losses = {name: _loss(table, rows.labels) for name, table in tried.items()}
    best = min(losses, key=lambda name: losses[name])
    return OutOfFold(tried[best], best, losses)


def _logistic(features: Array, labels: Array, fold: Array, classes: int) -> Array:
    maker = sklearn("linear_model").LogisticRegression
    table = np.zeros((len(labels), classes))
    features = _fewer(features, WORK // (len(labels) * classes))
    scale = 1 / max(float(np.sqrt(np.square(features).sum(1).mean())), 1e-12)  # a row has length 1 in the mean
    for one in range(FOLDS):
        inside = fold == one
        model = maker(C=10.0, max_iter=PASSES, tol=1e-3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it need not converge to rank rows
            model.fit(features[~inside] * scale, labels[~inside])
        table[np.ix_(inside, model.classes_)] = model.predict_proba(features[inside] * scale)
    return table


def _fewer(features: Array, most: int) -> Array:
    """The directions in which rows differ most, where there are more than so many."""
    most = max(most, LEAST)
    if features.shape[1] <= most:
        return features
    centred = features - features.mean(0)
    return np.asarray(centred @ np.linalg.eigh(centred.T @ centred)[1][:, -most:])


def _neighbours(features: Array, labels: Array, classes: int) -> Array:
    """Votes of the neighbours, and the frequencies of the classes as one vote more."""
    near, _ = nearest(features)
    prior = np.bincount(labels, minlength=classes) / len(labels)
    table: Array = (votes(labels[near], classes) * near.shape[1] + PRIOR * prior) / (near.shape[1] + PRIOR)
    return table


def _loss(table: Array, labels: Array) -> float:
    return float(-np.log(np.maximum(table[np.arange(len(labels)), labels], 1e-12)).mean())
