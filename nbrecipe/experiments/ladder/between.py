"""What is missing in the simple approach: rows that one rung gets wrong and the next gets right."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...evaluation.answers import Answers
from ...task import Kind

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Gap:
    """Two rungs, the lower and the higher, and the rows that only the higher gets right."""

    lower: Answers
    higher: Answers
    #: places among the answers, those first of which the higher one is most certain
    places: Array
    #: whether rows are right or wrong; of numbers they are nearer or further
    exact: bool = True

    @property
    def rows(self) -> Array:
        """Their numbers in the data set."""
        return self.higher.rows[self.places]


def gaps(ladder: Sequence[Answers]) -> tuple[Gap, ...]:
    """Of answers in the order of their worth, the gap between each and the next; those over the same rows alone."""
    found = [_gap(*pair) for pair in itertools.pairwise(ladder)]
    return tuple(gap for gap in found if gap is not None)


def missed(ladder: Sequence[Answers]) -> Array:
    """Numbers of the rows that none of these gets right, by the loss of the last where it has one."""
    wrong = [found for each in ladder if (found := _wrong(each)) is not None]
    if not wrong or len(wrong) < len(ladder) or len({len(each) for each in ladder}) != 1:
        return np.empty(0, np.int64)
    places = np.flatnonzero(np.logical_and.reduce(wrong))
    loss = ladder[-1].loss
    if loss is not None:
        places = places[np.argsort(-loss[places], kind="stable")]
    return ladder[-1].rows[places]


def _gap(lower: Answers, higher: Answers) -> Gap | None:
    if not np.array_equal(lower.rows, higher.rows):
        again = lower.among(higher.rows)
        if again is None:
            return None
        lower = again
    low, high = _wrong(lower), _wrong(higher)
    if low is not None and high is not None:
        places = np.flatnonzero(low & ~high)
        return Gap(lower, higher, places[np.argsort(-_certain(higher)[places], kind="stable")])
    if lower.kind is Kind.REGRESSION and lower.answer is not None and higher.answer is not None:
        nearer = _off(lower) - _off(higher)
        return Gap(lower, higher, np.argsort(-nearer, kind="stable")[: int((nearer > 0).sum())], exact=False)
    return None


def _wrong(answers: Answers) -> Array | None:
    """(n,) whether a row is answered wrong anywhere; None where nothing is right or wrong."""
    if answers.answer is None or answers.right is None or answers.entries is None:
        return None
    return np.asarray(answers.right < answers.entries)


def _certain(answers: Answers) -> Array:
    """The chance that is given to the answer."""
    given = answers.probabilities
    if given is None:
        return np.zeros(len(answers))
    if given.ndim == 1:
        return np.asarray(np.maximum(given, 1 - given))
    if answers.kind is Kind.MULTILABEL:
        return np.asarray(np.maximum(given, 1 - given).min(1))
    return np.asarray(given.max(1))


def _off(answers: Answers) -> Array:
    assert answers.answer is not None
    assert answers.target is not None
    return np.asarray(np.abs(answers.answer - answers.target).reshape(len(answers), -1).mean(1))
