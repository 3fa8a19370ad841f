"""Ridge regression out of fold: one factorisation for each fold serves every set of labels that is tried."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
FOLDS = 5
#: what is added to the diagonal, as a share of its mean; small beside a signal, large beside rounding
RIDGE = 1e-2


def folds(rows: int, *, blocks: bool, count: int = FOLDS, labels: Array | None = None, seed: int = 0) -> Array:
    """(rows,) the fold of each row: stretches in order, or at random, evenly within each class where `labels` are."""
    if blocks:
        return np.arange(rows) * count // max(rows, 1)
    random = np.random.default_rng(seed)
    order = random.permutation(rows)
    if labels is not None:
        order = order[np.argsort(labels[order], kind="stable")]
    fold = np.empty(rows, np.int64)
    fold[order] = np.arange(rows) % count
    return fold


def out_of_fold(features: Array, targets: Array, fold: Array) -> Array:
    """(rows, targets) what a ridge regression on the other folds predicts of each row."""
    told = np.zeros(targets.shape, np.float64)
    for one in np.unique(fold):
        inside = fold == one
        told[inside] = predicted(features[~inside], targets[~inside], features[inside])
    return told


def predicted(features: Array, targets: Array, asked: Array) -> Array:
    """(asked, targets) what a ridge regression on some rows predicts of others."""
    centre, middle = features.mean(0), targets.mean(0)
    x, y = (features - centre).astype(np.float64), targets - middle
    if x.shape[1] <= len(x):
        gram = x.T @ x
        weights = np.linalg.solve(gram + _small(gram), x.T @ y)
        return np.asarray((asked - centre) @ weights + middle)
    gram = x @ x.T
    return np.asarray((asked - centre) @ (x.T @ np.linalg.solve(gram + _small(gram), y)) + middle)


def indicators(labels: Array, classes: int) -> Array:
    """(rows, classes) 1 at the class of each row."""
    return np.eye(classes)[labels]


def _small(gram: Array) -> Array:
    small: Array = np.eye(len(gram)) * (RIDGE * np.trace(gram) / len(gram) + 1e-12)
    return small
