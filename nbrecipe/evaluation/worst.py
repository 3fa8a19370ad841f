"""The examples that cost most, the worst first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..finding import number, percent
from ..task import Kind
from .answers import Answers, Array
from .headline import each

#: examples that are told, and values of one
MOST, VALUES = 12, 4


@dataclass(frozen=True)
class Worst:
    """One example."""

    #: its place in the answers, and its number in the data
    place: int
    row: int
    #: its mean loss, or the distance of its answer where no loss is known
    loss: float
    #: "answered `dog` (97 %), is `cat`"
    told: str


def worst(answers: Answers, most: int = MOST) -> tuple[Worst, ...]:
    """Those with the greatest loss of their own; NaN, which is worse than all, first."""
    losses = losses_of(answers)
    if losses is None:
        return ()
    order = np.argsort(-np.where(np.isnan(losses), np.inf, losses), kind="stable")
    counted = order[~(np.asarray(answers.weight)[order] == 0)] if answers.weight is not None else order
    return tuple(
        Worst(place, int(answers.rows[place]), float(losses[place]), said(answers, place))
        for place in counted[:most].tolist()
    )


def losses_of(answers: Answers) -> Array | None:
    """(n,) the loss of each example by itself, the mean over its entries; None where none is known."""
    if answers.loss is not None:
        if answers.kind is Kind.CLASSES or answers.weight is None:  # what a class weighs, its rows cost
            return answers.loss
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(answers.weight > 0, answers.loss / answers.weight, 0.0)
    if answers.right is not None or (answers.answer is None and answers.squares is None):
        return None
    sums, weights = each(answers)
    return sums if weights is None else sums / weights


def said(answers: Answers, place: int) -> str:
    """Answer and target of one example in words."""
    if answers.target is None or answers.answer is None:
        if answers.right is None or answers.entries is None:
            return ""
        return f"{int(answers.right[place])} of {int(answers.entries[place])} right"
    answer, target = answers.answer[place], answers.target[place]
    if answers.kind is Kind.MULTILABEL:
        return f"answered {_labels(answers, answer)}, is {_labels(answers, target)}"
    if answers.kind is Kind.REGRESSION:
        return f"answered {_numbers(answer)}, is {_numbers(target)}"
    if not np.isfinite(answer) or answer < 0:
        return f"no answer, is {_class(answers, target)}"
    return f"answered {_class(answers, answer)}{_sure(answers, place)}, is {_class(answers, target)}"


def _sure(answers: Answers, place: int) -> str:
    if answers.probabilities is None or answers.answer is None:
        return ""
    given = answers.probabilities[place]
    share = float(given.max()) if given.ndim else float(given if answers.answer[place] else 1 - given)
    return f" ({percent(share, 0)})" if np.isfinite(share) else ""


def _class(answers: Answers, value: object) -> str:
    place = int(value)  # type: ignore[call-overload]
    if place < 0:
        return "not counted"
    return f"`{answers.classes[place] if place < len(answers.classes) else place}`"


def _labels(answers: Answers, row: Array) -> str:
    on = np.flatnonzero(row > 0.5)[:VALUES].tolist()
    return ", ".join(_class(answers, k) for k in on) or "none"


def _numbers(value: Array) -> str:
    flat = np.asarray(value).reshape(-1)
    told = ", ".join(number(float(one)) for one in flat[:VALUES])
    return told + (", …" if len(flat) > VALUES else "")
