"""Metrics in closed form, of the rows with given numbers, drawn once or in many draws at the same time.

Each takes (draws, rows) numbers of rows, or (rows,), and gives (draws,) values, as `bootstrap(many=True)` wants them.
They equal scikit-learn's of the same name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Measure = Callable[[Array], Any]


def counted(drawn: Array, n: int) -> Array:
    """(draws, n) how often each row was drawn."""
    table = np.atleast_2d(drawn)
    flat = (table + n * np.arange(len(table))[:, None]).reshape(-1)
    return np.bincount(flat, minlength=n * len(table)).reshape(len(table), n).astype(np.float64)


class Confusion:
    """How often each class was answered where each is right, of any rows; an answer that is no class has a column."""

    def __init__(self, target: Array, answer: Array) -> None:
        self.classes = np.unique(np.concatenate([target, answer[answer >= 0]]))
        self._size = len(self.classes) + 1
        told = np.where(answer >= 0, np.searchsorted(self.classes, np.maximum(answer, 0)), self._size - 1)
        #: the number of each row's pair of target and answer among those that occur
        pairs, self.kinds = np.unique(np.searchsorted(self.classes, target) * self._size + told, return_inverse=True)
        self._there, self._said = pairs // self._size, pairs % self._size

    def balanced(self, rows: Array) -> Any:
        """The mean over the classes of the share that is found."""
        return _like(rows, self.balanced_of(self._counts(rows)))

    def balanced_of(self, counts: Array) -> Array:
        """The same of (draws, kinds) numbers of rows of each kind."""
        return _balanced(*self._sums(counts))

    def f1(self, rows: Array) -> Any:
        """The mean over the classes of F1."""
        return _like(rows, self.f1_of(self._counts(rows)))

    def f1_of(self, counts: Array) -> Array:
        """The same of (draws, kinds) numbers of rows of each kind."""
        return _f1(*self._sums(counts))

    def _counts(self, rows: Array) -> Array:
        return counted(self.kinds[rows], len(self._there))

    def _sums(self, counts: Array) -> tuple[Array, Array, Array]:
        """(draws, classes) rows of each class that are found, that are there and that are answered."""
        same = self._there == self._said
        hits = _added(counts[:, same], self._there[same], self._size)
        return hits, _added(counts, self._there, self._size), _added(counts, self._said, self._size)


def _added(counts: Array, places: Array, size: int) -> Array:
    """(draws, size - 1) sums of the columns of each place; the last place is that of no class."""
    order = np.argsort(places, kind="stable")
    ordered, table = places[order], np.zeros((len(counts), size))
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    if len(starts):
        table[:, ordered[starts]] = np.add.reduceat(counts[:, order], starts, 1)
    return table[:, :-1]


def _balanced(hits: Array, there: Array, said: Array) -> Array:
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nanmean(np.where(there > 0, hits / there, np.nan), 1))


def _f1(hits: Array, there: Array, said: Array) -> Array:
    size = there + said
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nanmean(np.where(size > 0, 2 * hits / size, np.nan), 1))


class Ranked:
    """Yes and no, in the order of their scores."""

    def __init__(self, target: Array, score: Array) -> None:
        self._n = len(score)
        order = np.argsort(-score, kind="stable")
        #: where each row stands in that order
        self._places = np.empty(self._n, np.int64)
        self._places[order] = np.arange(self._n)
        ordered = score[order]
        self._yes = target[order] > 0.5
        self._starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))

    def _steps(self, rows: Array) -> tuple[Array, Array]:
        """(draws, scores) of yes and of no at each score that occurs, the highest first."""
        weights = counted(self._places[rows], self._n)
        yes = weights * self._yes
        weights -= yes
        if len(self._starts) == self._n:
            return yes, weights
        return np.add.reduceat(yes, self._starts, 1), np.add.reduceat(weights, self._starts, 1)

    def auc(self, rows: Array) -> Any:
        """The chance that a yes has a higher score than a no."""
        yes, no = self._steps(rows)
        above = np.cumsum(yes, 1)
        total = above[:, -1].copy()
        above -= yes / 2
        with np.errstate(invalid="ignore"):
            return _like(rows, np.einsum("ij,ij->i", no, above) / (total * no.sum(1)))

    def precision(self, rows: Array) -> Any:
        """Average precision: the mean of the precision at every yes."""
        yes, no = self._steps(rows)
        hits, size = np.cumsum(yes, 1), np.cumsum(yes + no, 1)
        total = hits[:, -1].copy()
        with np.errstate(invalid="ignore", divide="ignore"):
            hits /= np.maximum(size, 1, out=size)  # where there is nothing yet there are no hits either
            return _like(rows, np.einsum("ij,ij->i", yes, hits) / total)


class Labels:
    """Several yes or no for each row."""

    def __init__(self, target: Array, answer: Array, score: Array | None) -> None:
        yes, said = target > 0.5, answer > 0.5
        #: (n, 3, labels): found, said, there
        self._counts = np.stack([yes & said, said, yes], 1).astype(np.float64).reshape(len(yes), -1)
        self._labels = yes.shape[1]
        self._ranked = [] if score is None else [Ranked(yes[:, k], score[:, k]) for k in range(yes.shape[1])]

    def _sums(self, rows: Array) -> Array:
        return (counted(rows, len(self._counts)) @ self._counts).reshape(-1, 3, self._labels)

    def micro(self, rows: Array) -> Any:
        """F1 of all labels together."""
        hits, said, there = self._sums(rows).sum(2).T
        return _like(rows, np.divide(2 * hits, said + there, out=np.zeros_like(hits), where=said + there > 0))

    def macro(self, rows: Array) -> Any:
        """The mean over the labels of F1; 0 of a label that is neither there nor said, as in scikit-learn."""
        hits, said, there = self._sums(rows).transpose(1, 0, 2)
        each = np.divide(2 * hits, said + there, out=np.zeros_like(hits), where=said + there > 0)
        return _like(rows, each.mean(1))

    def precision(self, rows: Array) -> Any:
        """The mean over the labels that occur of average precision."""
        each = np.stack([np.atleast_1d(one.precision(rows)) for one in self._ranked])
        return _like(rows, np.nanmean(each, 0))


class Pixels:
    """What of each class is found in images: (n, 3, classes) pixels in both, in the answer, in the target."""

    def __init__(self, pixels: Array) -> None:
        self._shape, self._flat = pixels.shape[1:], pixels.reshape(len(pixels), -1).astype(np.float64)

    def _sums(self, rows: Array) -> Array:
        return (counted(rows, len(self._flat)) @ self._flat).reshape(-1, *self._shape)

    def iou(self, rows: Array) -> Any:
        """The mean over the classes of intersection over union; classes in neither are left out."""
        both, said, there = self._sums(rows).transpose(1, 0, 2)
        with np.errstate(invalid="ignore"):
            return _like(rows, np.nanmean(both / (said + there - both), 1))

    def dice(self, rows: Array) -> Any:
        """The mean over the classes of Dice, which is F1 of the pixels."""
        both, said, there = self._sums(rows).transpose(1, 0, 2)
        with np.errstate(invalid="ignore"):
            return _like(rows, np.nanmean(2 * both / (said + there), 1))


class Determined:
    """How much of the targets' variance is explained: R²; of several values the mean over them."""

    def __init__(self, target: Array, answer: Array) -> None:
        wanted, told = (values.reshape(len(values), -1).astype(np.float64) for values in (target, answer))
        centred = wanted - wanted.mean(0)
        parts = np.concatenate([np.square(wanted - told), centred, np.square(centred)], 1)
        self._parts, self._count = parts, wanted.shape[1]

    def r2(self, rows: Array) -> Any:
        """One less the squared error over that of the mean of the targets."""
        counts = counted(rows, len(self._parts))
        sums = (counts @ self._parts).reshape(len(counts), 3, self._count)
        spread = sums[:, 2] - np.square(sums[:, 1]) / counts.sum(1)[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            return _like(rows, (1 - sums[:, 0] / np.where(spread > 0, spread, np.nan)).mean(1))


def _like(rows: Array, values: Array) -> Any:
    """(draws,) values, or the one of a single draw."""
    return values if np.ndim(rows) > 1 else values[0]
