"""A model beside one answer for all rows: its own loss of each, row by row."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..bench import Bench
from ..finding import number
from ..statistics.paired import sign_test
from ..task import Kind
from .answers import Answers, Array
from .known import table_of, trained_on
from .passing import Passed

#: losses of numbers that one answer is best for: the mean of the targets, or their median
SQUARED, ABSOLUTE = "mse_loss", "l1_loss"
NAMES = {SQUARED: "squared error", ABSOLUTE: "absolute error"}
#: standard errors beyond which a difference is no chance: one in 30 000 of a normal estimate
SURE = 4.0
CHANCE = math.erfc(SURE / math.sqrt(2))
#: share of the variance that a straight line explains, and its slope, where answers are in another unit
EXPLAINED, FACTOR = 0.5, 3.0


@dataclass(frozen=True)
class Beside:
    """The losses of a model and of a constant on the same rows."""

    loss: str
    #: the constant, in words
    told: str
    model: float
    constant: float
    #: rows that the model is nearer to, and farther from; the chance of so uneven a split, either way
    better: int
    worse: int
    p: float
    rows: int


def numbers_beside(bench: Bench, passed: Passed) -> list[Beside]:
    """The model beside the best constant for these rows, and beside the best one for the training rows.

    That is the mean of targets or their median, by the model's own loss. Empty for other losses.
    """
    train = trained_on(bench)
    if passed.task.call is None or passed.task.call.name not in NAMES:
        return []
    given = [passed.answers, *([] if train is None else [train.answers])]
    found = (beside(passed.answers, known, passed.task.call.name) for known in given)
    return [one for one in found if one is not None]


def in_other_units(answers: Answers) -> str:
    """A sentence where the targets are the answers times a factor plus a constant, that is, in another unit."""
    if answers.answer is None or answers.target is None:
        return ""
    given, target = (_table(part) for part in (answers.answer, answers.target))
    kept = np.isfinite(given).all(1) & np.isfinite(target).all(1)
    if given.shape[1] != 1 or target.shape[1] != 1 or kept.sum() < 3:
        return ""
    given, target = given[kept, 0], target[kept, 0]
    if not given.std() or not target.std():
        return ""
    share = float(np.corrcoef(given, target)[0, 1])
    factor = float(target.std() / given.std())
    if share**2 < EXPLAINED or not (factor > FACTOR or factor < 1 / FACTOR):
        return ""
    left, fit = number(float(target.mean() - factor * given.mean()), 3), number(share**2, 2)
    return f"the targets are about {number(factor, 3)} times the answers, plus {left} (r² {fit})"


def beside(answers: Answers, known: Answers, loss: str) -> Beside | None:
    """The same of answers, the constant being taken from the targets of others."""
    if answers.kind is not Kind.REGRESSION or answers.answer is None or answers.target is None or known.target is None:
        return None
    target, given, train = (_table(part) for part in (answers.target, answers.answer, known.target))
    if target.shape != given.shape or train.shape[1:] != target.shape[1:] or not len(train):
        return None
    constant = np.nanmean(train, 0) if loss == SQUARED else np.nanmedian(train, 0)
    own, others = _loss(given - target, loss), _loss(constant - target, loss)
    kept = np.isfinite(own) & np.isfinite(others)
    own, others = own[kept], others[kept]
    if not len(own):
        return None
    better, worse = int((own < others).sum()), int((own > others).sum())
    what, whose = "mean" if loss == SQUARED else "median", "these" if known is answers else "the training"
    told = f"{number(float(constant[0]))}, the {what} of {whose} targets," if constant.size == 1 else (
        f"the {what} of {whose} targets"
    )  # fmt: skip
    p = sign_test(better, worse)
    return Beside(NAMES[loss], told, float(own.mean()), float(others.mean()), better, worse, p, len(own))


def trained_beside(bench: Bench) -> bool:
    """Whether the model beats the best constant on training rows by more than chance; False where none are known."""
    train = trained_on(bench)
    if train is None:
        return False
    table = table_of(train.answers)
    if table:
        common = max(table, key=lambda label: sum(table[label].values()))
        better = sum(row.get(label, 0) for label, row in table.items() if label != common)
        worse = sum(table[common].values()) - table[common].get(common, 0)
        return better > worse and sign_test(better, worse) < CHANCE
    if train.task.call is None or train.task.call.name not in NAMES:
        return False
    seen = beside(train.answers, train.answers, train.task.call.name)
    return seen is not None and seen.model < seen.constant and seen.better > seen.worse and seen.p < CHANCE


def _table(values: Array) -> Array:
    """(rows, entries) in double precision."""
    return values.astype(np.float64).reshape(len(values), -1)


def _loss(away: Array, loss: str) -> Array:
    found: Array = (np.square(away) if loss == SQUARED else np.abs(away)).mean(1)
    return found
