"""What answers are worth: each metric with its interval, those that people read first."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..statistics.bootstrap import bootstrap
from ..statistics.digits import told
from ..statistics.interval import Interval
from ..statistics.means import mean_interval
from ..statistics.proportions import share_interval, wilson
from ..task import Kind
from .answers import Answers, Array
from .asked import asked_metrics
from .measures import Confusion, Determined, Labels, Measure, Pixels, Ranked
from .metric import Metric, Score
from .tally import NEAR, SEVERAL

LOSS = "loss"
#: classes for each row of a class, from which on a mean over classes has no interval, for each class adds its own bias:
#: with 50 classes of 10 rows intervals hold the true value in 95 of 100 samples, with 100 of 10 in 84, 300 of 5 in 17
THIN = 5.0


def score(metric: Metric, answers: Answers) -> Score:
    """A metric of answers, with its interval. Raises BadInput where the metric cannot be worked out of these."""
    value, interval = metric.of(counted_rows(answers))
    return Score(metric.name, value, interval, metric.better, told(value, interval), metric.unit)


def metrics_for(
    answers: Answers, asked: Sequence[Any] = (), *, limits: tuple[float, float] | None = None
) -> tuple[Metric, ...]:
    """The metrics that go with these answers, and those that were asked for before them.

    Args:
        asked: names of metrics ("macro F1"), of functions or scorers of scikit-learn ("f1_macro"), functions
            f(y_true, y_pred), or metrics of torchmetrics.
        limits: lowest and highest value of images, for their signal-to-noise ratio.
    """
    usual = _usual(answers, limits)
    if not asked:
        return usual
    return asked_metrics(asked, usual)


def counted_rows(answers: Answers) -> Answers:
    """Without the rows that the loss ignores, and of numbers without those whose answer is none."""
    keep = np.ones(len(answers), bool)
    if answers.kind is Kind.CLASSES and answers.target is not None:
        keep &= answers.target >= 0
    if answers.kind is Kind.REGRESSION and answers.answer is not None:
        keep &= np.isfinite(answers.answer).reshape(len(answers), -1).all(1)
    return answers if keep.all() else answers.at(np.flatnonzero(keep))


def there(column: Array | None) -> Array:
    """A column that these answers have; which of them a kind has is decided where its metrics are listed."""
    assert column is not None
    return column


def _usual(answers: Answers, limits: tuple[float, float] | None) -> tuple[Metric, ...]:
    found: list[Metric] = []
    kind, rows = answers.kind, f"of {len(answers):,} row{'' if len(answers) == 1 else 's'}"
    if kind in (Kind.CLASSES, Kind.BINARY) and answers.answer is not None:
        found += _of_classes(answers, rows)
    elif kind is Kind.MULTILABEL and answers.answer is not None:
        found += _of_labels(answers, rows)
    elif kind is Kind.REGRESSION and answers.answer is not None:
        found += _of_numbers()
    elif kind is Kind.NEXT_TOKEN and answers.right is not None:
        found.append(Metric("token accuracy", 1, _share, "of all tokens that count"))
        if answers.loss is not None:
            found.append(Metric("perplexity", -1, _perplexity, "the exponential of the mean loss"))
    elif kind is Kind.SEGMENTATION and answers.right is not None:
        found.append(Metric("pixel accuracy", 1, _share, "of all pixels that count"))
        if answers.pixels is not None:
            found.append(Metric("mean IoU", 1, _many(lambda a: Pixels(there(a.pixels)).iou), "mean over the classes"))
            found.append(Metric("Dice", 1, _many(lambda a: Pixels(there(a.pixels)).dice), "mean over the classes"))
    elif answers.squares is not None:
        found.append(Metric("MSE", -1, _squares, "in the target's units, squared"))
        if limits is not None and limits[1] > limits[0]:
            found.append(Metric("PSNR", 1, _noise(limits[1] - limits[0]), "in decibels"))
    if answers.loss is not None:
        found.append(Metric(LOSS, -1, _loss, "the mean over what it counts"))
    return tuple(found)


def _of_classes(answers: Answers, rows: str) -> list[Metric]:
    found = [Metric("accuracy", 1, _accuracy, rows)]
    several = len(answers.classes) or _classes(answers)
    if several >= SEVERAL and (answers.near is not None or answers.probabilities is not None):
        found.append(Metric("top-5 accuracy", 1, _near, rows))
    found.append(Metric("balanced accuracy", 1, _tabled(Confusion.balanced_of), "mean over the classes"))
    found.append(Metric("macro F1", 1, _tabled(Confusion.f1_of), "mean over the classes"))
    if _yes(answers) is not None:
        found.append(Metric("AUC", 1, _many(lambda a: Ranked(_wanted(a), _given(a)).auc), "area under the ROC curve"))
        found.append(Metric("average precision", 1, _many(lambda a: Ranked(_wanted(a), _given(a)).precision)))
    return found


def _of_labels(answers: Answers, rows: str) -> list[Metric]:
    def labels(a: Answers) -> Labels:
        return Labels(there(a.target), there(a.answer), a.probabilities)

    found = [
        Metric("exact match", 1, _exact, rows),
        Metric("micro F1", 1, _many(lambda a: labels(a).micro), "all labels together"),
        Metric("macro F1", 1, _many(lambda a: labels(a).macro), "mean over the labels"),
    ]
    if answers.probabilities is not None:
        found.append(Metric("mean average precision", 1, _many(lambda a: labels(a).precision), "mean over the labels"))
    return found


def _of_numbers() -> list[Metric]:
    unit = "in the target's units"
    return [
        Metric("MAE", -1, _by_row(lambda away: np.abs(away).mean(1)), unit),
        Metric("RMSE", -1, _root(_by_row(lambda away: np.square(away).mean(1))), unit),
        Metric(
            "R²",
            1,
            _many(lambda a: Determined(there(a.target), there(a.answer)).r2),
            "share of the variance that is explained",
        ),
    ]


def _accuracy(answers: Answers) -> tuple[float, Interval]:
    right, total = float(there(answers.right).sum()), float(len(answers))
    return (right / total if total else math.nan), wilson(right, total)


def _exact(answers: Answers) -> tuple[float, Interval]:
    whole = int((there(answers.right) == answers.entries).sum())
    return (whole / len(answers) if len(answers) else math.nan), wilson(whole, len(answers))


def _near(answers: Answers) -> tuple[float, Interval]:
    near = answers.near
    if near is None:
        given = there(answers.probabilities)
        own = np.take_along_axis(given, there(answers.target)[:, None], 1)
        near = ((given > own).sum(1) < NEAR) & np.isfinite(own[:, 0])
    right = int(near.sum())
    return (right / len(near) if len(near) else math.nan), wilson(right, len(near))


def _share(answers: Answers) -> tuple[float, Interval]:
    right, entries = there(answers.right), there(answers.entries)
    total = float(entries.sum())
    return (float(right.sum()) / total if total else math.nan), share_interval(right, entries)


def _loss(answers: Answers) -> tuple[float, Interval]:
    return mean_of(answers.loss, answers.weight)


def mean_of(sums: Any, weights: Any) -> tuple[float, Interval]:
    """Sums over weights, and its interval."""
    total = float(np.sum(weights)) if weights is not None else float(len(sums))
    return (float(np.sum(sums)) / total if total else math.nan), mean_interval(sums, weights)


def _perplexity(answers: Answers) -> tuple[float, Interval]:
    return _mapped(*_loss(answers), _exponential)


def _exponential(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf


def _squares(answers: Answers) -> tuple[float, Interval]:
    return mean_of(answers.squares, answers.entries)


def _noise(span: float) -> Callable[[Answers], tuple[float, Interval]]:
    def ratio(square: float) -> float:
        return math.inf if square <= 0 else 10 * math.log10(span * span / square)

    def of(answers: Answers) -> tuple[float, Interval]:
        value, interval = _squares(answers)
        return ratio(value), Interval(ratio(interval.high), ratio(interval.low), interval.method)

    return of


def _by_row(each: Callable[[Array], Array]) -> Callable[[Answers], tuple[float, Interval]]:
    """The mean over rows of a distance between answer and target."""

    def of(answers: Answers) -> tuple[float, Interval]:
        away = (there(answers.answer).astype(np.float64) - there(answers.target)).reshape(len(answers), -1)
        return mean_of(each(away), None)

    return of


def _root(of: Callable[[Answers], tuple[float, Interval]]) -> Callable[[Answers], tuple[float, Interval]]:
    return lambda answers: _mapped(*of(answers), lambda value: math.sqrt(max(value, 0.0)))


def _mapped(value: float, interval: Interval, way: Callable[[float], float]) -> tuple[float, Interval]:
    """Through a rising function, which takes the ends of an interval with it."""
    return way(value), Interval(way(interval.low), way(interval.high), interval.method, interval.level)


def _many(made: Callable[[Answers], Measure]) -> Callable[[Answers], tuple[float, Interval]]:
    """A metric that is worked out for many draws at once."""

    def of(answers: Answers) -> tuple[float, Interval]:
        if not len(answers):
            return math.nan, Interval(-math.inf, math.inf, "no rows")
        measure = made(answers)
        return float(measure(np.arange(len(answers)))), bootstrap(measure, len(answers), many=True)

    return of


def _tabled(by_counts: Callable[[Confusion, Array], Array]) -> Callable[[Answers], tuple[float, Interval]]:
    """A metric of how often each answer meets each target: these counts are drawn rather than the rows."""

    def of(answers: Answers) -> tuple[float, Interval]:
        if not len(answers):
            return math.nan, Interval(-math.inf, math.inf, "no rows")
        table = _confusion(answers)
        value = float(by_counts(table, np.bincount(table.kinds)[None])[0])
        met = len(np.unique(there(answers.target)))
        if met * met > THIN * len(answers):
            few = f"{met:,} classes have about {max(1, len(answers) // met)} rows each"
            return value, Interval(-math.inf, math.inf, f"{few}, too few for a mean over classes")
        return value, bootstrap(partial(by_counts, table), len(answers), kinds=table.kinds)

    return of


def _confusion(answers: Answers) -> Confusion:
    answer = there(answers.answer)
    known = np.where(np.isfinite(answer), answer, -1)
    return Confusion(there(answers.target).astype(np.int64), known.astype(np.int64))


def _classes(answers: Answers) -> int:
    if answers.probabilities is not None and answers.probabilities.ndim == 2:
        return int(answers.probabilities.shape[1])
    return int(answers.target.max()) + 1 if answers.target is not None and len(answers) else 0


def _yes(answers: Answers) -> Array | None:
    """(n,) probabilities of "yes", where there are two answers."""
    given = answers.probabilities
    if given is None or not np.isfinite(given).all():
        return None
    return given if given.ndim == 1 else given[:, 1] if given.shape[1] == 2 else None


def _given(answers: Answers) -> Array:
    return there(_yes(answers))


def _wanted(answers: Answers) -> Array:
    return there(answers.target)
