"""The simple models of a ladder that was climbed which do better than a model on the same rows."""

from __future__ import annotations

import numpy as np

from ...bench import Bench
from ...evaluation.answers import Answers
from ...evaluation.headline import Compared, compared
from ...statistics.digits import chance
from ...statistics.families import holm
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

    By a paired test of the metric that people read first; corrected after Holm.
    """
    ladder = bench.known(climbed)
    found: dict[str, Compared] = {}
    for rung in ladder.tried() if ladder is not None else ():
        pair = _pair(rung.answers, answers) if rung.id in SIMPLE and rung.answers is not None else None
        if pair is not None:
            found[rung.id] = pair
    told = []
    for (name, pair), p in zip(found.items(), holm([pair.paired.p for pair in found.values()]), strict=True):
        if pair.paired.difference * pair.better > 0 and p < SURE:
            only, less = pair.paired.only, "greater" if pair.better > 0 else "smaller"
            worth = f"a {less} {pair.metric}"
            if only is not None:
                worth = f"{only[0]} rows right that it gets wrong, {only[1]} the other way"
            told.append(f"`{name}` has {worth} ({chance(float(p))})")
    return told


def _pair(rung: Answers, model: Answers) -> Compared | None:
    """The rung against the model; None where their rows have other targets, and so are numbered in another way."""
    rows = np.intersect1d(rung.rows, model.rows)
    first, second = rung.among(rows), model.among(rows)
    if first is None or second is None or first.target is None or second.target is None:
        return None
    return compared(first, second) if np.array_equal(first.target, second.target) else None
