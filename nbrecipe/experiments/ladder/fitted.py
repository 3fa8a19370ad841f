"""Rungs that scikit-learn fits: a linear model, the nearest neighbour, gradient boosting."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...batches import BadInput
from ...libraries import sklearn
from ...task import Kind
from .fold import Fold, Given, Maker
from .reading import SEED

Array = np.ndarray[Any, Any]
#: steps of the logistic regression; rows × features × classes of which one step is made
STEPS, LINEAR_WORK = 200, 400_000_000
#: pairs of rows × features of the nearest neighbour; rows by which its errors are told
PAIRS_WORK, TOLD = 200_000_000_000, 1000
#: rows × columns × trees of the gradient boosting, and its rounds
BOOST_WORK, ROUNDS = 800_000_000, 100


class NotHere(BadInput):
    """A rung that does not belong to such data; it is left out without a word."""


def fitted() -> Iterator[Maker]:
    """The rungs that learn from single rows."""
    yield Maker("linear", "that the task needs more than a weighted sum of the inputs",
                "sees no interaction of inputs, and no shape that moves about", _linear)  # fmt: skip
    yield Maker("nearest neighbour", "that more was learned than to remember the training rows",
                "compares whole inputs, whatever in them matters", _nearest)  # fmt: skip
    yield Maker("gradient boosting", "that a network earns its keep on a table",
                "sees the columns one by one, in steps", _boosting)  # fmt: skip


def drawn(fold: Fold, most: int) -> Array:
    """At most so many of the rows to fit on, of every class some, drawn at random."""
    count = len(fold.fit)
    if count <= most:
        return np.arange(count)
    order = np.random.default_rng(SEED).permutation(count)
    return np.sort(order[: max(most, 1)])


def _linear(fold: Fold) -> Given:
    if fold.aim.kind is Kind.RECONSTRUCTION:
        raise NotHere("without a bottleneck it copies its input")
    made, kind = fold.encoded, fold.aim.kind
    outputs = max(len(fold.aim.classes), _width(fold))
    rows = drawn(fold, max(1000, LINEAR_WORK // (made.fit.shape[1] * outputs)) if not made.sparse else len(fold.fit))
    x, y = made.fit[rows], fold.fit.target[rows]
    if kind is Kind.REGRESSION:
        solver = {"solver": "sparse_cg"} if made.sparse else {}
        model = sklearn("linear_model").Ridge(alpha=1.0, **solver)
        told = _fitted(model, _wide(x), y).predict(_wide(made.ask))
        return Given(f"Ridge(alpha=1) on {made.told}", told.reshape(fold.ask.target.shape), fitted=len(rows))
    logistic = sklearn("linear_model").LogisticRegression(C=1.0, max_iter=STEPS)
    how = f"LogisticRegression(C=1) on {made.told}"
    if kind is Kind.MULTILABEL:
        chances = _each_label(logistic, x, y, made.ask)
        return Given(f"{how}, one for each label", (chances > 0.5).astype(float), chances, fitted=len(rows))
    return _classified(fold, _fitted(logistic, x, y), made.ask, how, len(rows))


def _wide(x: Any) -> Any:
    """In doubles: the normal equations square what floats round."""
    return x.astype(np.float64)


def _width(fold: Fold) -> int:
    shape = np.shape(fold.fit.target)
    return int(np.prod(shape[1:])) if len(shape) > 1 else 1


def _fitted(model: Any, x: Any, y: Array) -> Any:
    if _of_one_class(y, model):
        raise BadInput("the training data have one class alone: nothing can be told apart")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a baseline need not converge to the last digit
        return model.fit(x, y if y.ndim == 1 else y.reshape(len(y), -1))


def _of_one_class(y: Array, model: Any) -> bool:
    """Whether a classifier has but one class to learn."""
    return bool(sklearn("base").is_classifier(model) and y.ndim == 1 and (y == y[0]).all())


def _each_label(logistic: Any, x: Any, y: Array, asked: Any) -> Array:
    chances = np.empty((asked.shape[0], y.shape[1]))
    for k in range(y.shape[1]):
        labels = y[:, k] > 0.5
        if labels.all() or not labels.any():
            chances[:, k] = (labels.sum() + 1) / (len(labels) + 2)
        else:
            chances[:, k] = _fitted(sklearn("base").clone(logistic), x, labels).predict_proba(asked)[:, 1]
    return chances


def _classified(fold: Fold, model: Any, asked: Any, how: str, rows: int) -> Given:
    """What a classifier tells, in the order of our classes; one that it has not seen has a small chance."""
    told, count = model.predict_proba(asked), len(fold.aim.classes)
    chances = np.zeros((len(told), count))
    chances[:, model.classes_] = told
    unseen = count - len(model.classes_)
    if unseen:
        least = 1 / (rows + count)
        chances = chances * (1 - unseen * least) + least * ~np.isin(np.arange(count), model.classes_)
    return Given(how, model.classes_[told.argmax(1)], chances, fitted=rows)


def _nearest(fold: Fold) -> Given:
    if fold.aim.kind is Kind.RECONSTRUCTION:
        raise NotHere("the nearest image is another image")
    made = fold.encoded
    width = made.fit.shape[1] if not made.sparse else max(1, made.fit.nnz // max(1, made.fit.shape[0]))
    rows = drawn(fold, max(1000, int(PAIRS_WORK / (max(len(fold.ask), TOLD) * width))))
    x, y = made.fit[rows], fold.fit.target[rows]
    finder = sklearn("neighbors").NearestNeighbors(n_neighbors=1, algorithm="brute").fit(x)
    answer = y[finder.kneighbors(made.ask, return_distance=False)[:, 0]]
    how = f"the answer of the nearest training row, by Euclidean distance of {made.told}"
    if fold.aim.kind is Kind.REGRESSION:
        return Given(how, answer, fitted=len(rows))
    some = np.sort(np.random.default_rng(SEED).permutation(len(rows))[:TOLD])
    off = _off(finder, x, y, some)
    how += f"; certain by 1 - {float(np.mean(off)):.3g}, its errors among the training rows"
    if fold.aim.kind is Kind.MULTILABEL:
        chances = np.where(answer > 0.5, 1 - off, off)
        return Given(how, (answer > 0.5).astype(float), chances, fitted=len(rows))
    count = len(fold.aim.classes)
    chances = np.full((len(answer), count), float(off) / max(count - 1, 1))
    chances[np.arange(len(answer)), answer] = 1 - float(off) if count > 1 else 1.0
    return Given(how, answer, chances, fitted=len(rows))


def _off(finder: Any, x: Any, y: Array, some: Array) -> Array:
    """How often the nearest other row has another answer, with one error and one hit added."""
    if len(y) < 2:
        return np.full(y.shape[1:], 0.5) if y.ndim > 1 else np.float64(0.5)
    near = finder.kneighbors(x[some], n_neighbors=2, return_distance=False)
    other = np.where(near[:, 0] == some, near[:, 1], near[:, 0])
    wrong = np.asarray(y[other] != y[some]) if y.ndim == 1 else (y[other] > 0.5) != (y[some] > 0.5)
    return np.asarray((wrong.sum(0) + 1) / (len(some) + 2))


def _boosting(fold: Fold) -> Given:
    kind = fold.aim.kind
    if not fold.encoded.table or fold.encoded.sparse:
        raise NotHere("no table")
    if kind not in (Kind.CLASSES, Kind.BINARY, Kind.REGRESSION) or np.ndim(fold.fit.target) > 1:
        raise BadInput("scikit-learn's gradient boosting answers one class or one number a row")
    made = fold.encoded
    trees = ROUNDS * (len(fold.aim.classes) if len(fold.aim.classes) > 2 else 1)
    rows = drawn(fold, max(2000, BOOST_WORK // (made.fit.shape[1] * trees)))
    room, settings = sklearn("ensemble"), {"max_iter": ROUNDS, "early_stopping": False, "random_state": SEED}
    name = "HistGradientBoostingRegressor" if kind is Kind.REGRESSION else "HistGradientBoostingClassifier"
    how = f"{name}() of {ROUNDS} rounds on {made.told}"
    model = _fitted(getattr(room, name)(**settings), made.fit[rows], fold.fit.target[rows])
    if kind is Kind.REGRESSION:
        return Given(how, model.predict(made.ask), fitted=len(rows))
    return _classified(fold, model, made.ask, how, len(rows))
