"""The simple models of a ladder that was climbed which do better than a model on the same rows."""

from __future__ import annotations

import numpy as np

from ...bench import Bench
from ...evaluation.answers import Answers
from ...statistics.digits import chance
from ...statistics.families import holm
from ...statistics.paired import Paired, means_against, right_against
from .climb import Ladder, climb

#: rungs that a model is held against beside the constant ones
SIMPLE = ("linear", "nearest neighbour", "gradient boosting")
#: corrected p-value below which a rung is better
SURE = 0.01


def climbed(bench: Bench) -> Ladder:
    """The ladder of a bench; raises what `climb` does."""
    return climb(bench)


def above(bench: Bench, answers: Answers) -> list[str]:
    """Each rung of `SIMPLE` that beats these answers, in words; nothing where no ladder was climbed.

    Right answers by McNemar's exact test, else squared errors by a paired one; corrected after Holm.
    """
    ladder = bench.known(climbed)
    found: dict[str, Paired] = {}
    for rung in ladder.tried() if ladder is not None else ():
        pair = _pair(rung.answers, answers) if rung.id in SIMPLE and rung.answers is not None else None
        if pair is not None:
            found[rung.id] = pair
    told = []
    for (name, pair), p in zip(found.items(), holm([pair.p for pair in found.values()]), strict=True):
        if pair.difference > 0 and p < SURE:
            worth = f"{pair.only[0]} rows right that it gets wrong, {pair.only[1]} the other way" if pair.only else (
                "a smaller squared error"
            )  # fmt: skip
            told.append(f"`{name}` has {worth} ({chance(float(p))})")
    return told


def _pair(rung: Answers, model: Answers) -> Paired | None:
    """The rung against the model on the rows that both answered; above 0 where the rung is better."""
    both = np.intersect1d(rung.rows, model.rows)
    first, second = rung.among(both), model.among(both)
    if first is None or second is None or not len(both):
        return None
    if first.target is None or second.target is None or first.target.shape != second.target.shape:
        return None
    if not np.array_equal(first.target, second.target):  # rows are numbered in another way
        return None
    if first.right is not None and second.right is not None and first.right.ndim == 1:
        return right_against(first.right > 0, second.right > 0)
    if first.answer is None or second.answer is None or first.target.dtype.kind != "f":
        return None
    away = [np.square(each.answer - each.target).reshape(len(both), -1).mean(1) for each in (first, second)
            if each.answer is not None and each.target is not None]  # fmt: skip
    return means_against(away[1], away[0])
