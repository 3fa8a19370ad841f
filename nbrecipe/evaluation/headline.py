"""The one metric by which answers are compared: of slices with the rest, and of two who answered the same rows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..statistics.interval import Interval
from ..statistics.paired import Paired, means_against, right_against
from ..statistics.proportions import share_interval, wilson
from ..task import Kind
from .answers import Answers, Array
from .scores import mean_of


@dataclass(frozen=True)
class Compared:
    """One against another on the same rows."""

    #: "accuracy", "MAE", "loss", …, and +1 where more of it is better
    metric: str
    better: int
    paired: Paired


def metric_of(answers: Answers) -> tuple[str, int]:
    """Its name, and +1 where more of it is better, else -1."""
    if answers.kind is Kind.REGRESSION and answers.answer is not None:
        return "MAE", -1
    names = {Kind.NEXT_TOKEN: "token accuracy", Kind.SEGMENTATION: "pixel accuracy", Kind.MULTILABEL: "label accuracy"}
    if answers.right is not None:
        return names.get(answers.kind, "accuracy"), 1
    return ("MSE", -1) if answers.loss is None else ("loss", -1)


def value_of(answers: Answers) -> tuple[float, Interval]:
    """Its value and interval."""
    metric, _ = metric_of(answers)
    if metric == "accuracy":
        assert answers.right is not None
        return float(answers.right.mean()), wilson(float(answers.right.sum()), len(answers))
    if answers.right is not None:
        entries = answers.entries
        assert entries is not None
        total = float(entries.sum())
        share = float(answers.right.sum()) / total if total else math.nan
        return share, share_interval(answers.right, entries)
    sums, weights = each(answers)
    return mean_of(sums, weights)


def each(answers: Answers) -> tuple[Array, Array | None]:
    """(n,) what it is the mean of, and the weights of the rows; None: 1 each."""
    if answers.right is not None:
        return answers.right.astype(np.float64), answers.entries
    if answers.kind is Kind.REGRESSION and answers.answer is not None and answers.target is not None:
        away = np.abs(answers.answer.astype(np.float64) - answers.target).reshape(len(answers), -1).mean(1)
        return away, None
    if answers.loss is not None:
        return answers.loss, answers.weight
    assert answers.squares is not None
    return answers.squares, answers.entries


def compared(one: Answers, other: Answers) -> Compared | None:
    """The first against the second on the rows that both answered; None where they share no row or no metric.

    What is expected of a draw at random stands in for its answers.
    """
    rows = np.intersect1d(one.rows, other.rows)
    first, second = one.among(rows), other.among(rows)
    if first is None or second is None or not len(rows):
        return None
    metric, better = metric_of(first)
    if metric != metric_of(second)[0]:
        return losses_compared(first, second)
    if metric == "accuracy" and _single(first) and _single(second):
        return Compared(metric, better, right_against(np.asarray(first.right) > 0, np.asarray(second.right) > 0))
    (mine, weights), (theirs, others) = each(first), each(second)
    if weights is None or others is None:
        return Compared(metric, better, means_against(mine, theirs)) if weights is others else None
    alike = np.array_equal(weights, others)
    return Compared(metric, better, means_against(mine, theirs, weights)) if alike else None


def losses_compared(first: Answers, second: Answers) -> Compared | None:
    """The losses of the same rows; None where one of them is not known."""
    if first.loss is None or second.loss is None:
        return None
    return Compared("loss", -1, means_against(first.loss, second.loss, first.weight))


def _single(answers: Answers) -> bool:
    """Whether each row is right or wrong; what is expected of a draw at random is neither."""
    return answers.right is not None and bool(np.isin(answers.right, (0, 1)).all())
