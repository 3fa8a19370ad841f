"""Who on a ladder beats whom beyond chance: one of them against all others on the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...evaluation.answers import Answers, Array
from ...evaluation.slices import each, metric_of
from ...statistics.families import holm
from ...statistics.paired import CHANCE, Paired, means_against, right_against
from .rung import Rung


@dataclass(frozen=True)
class Beaten:
    """One against the others, each of which is in one of three groups."""

    #: rungs that it beats, that beat it, and that chance may explain; the least first
    below: tuple[str, ...]
    above: tuple[str, ...]
    alike: tuple[str, ...]
    #: "accuracy", "MAE", "loss"; what they are compared by
    metrics: tuple[str, ...]
    methods: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many comparisons the p-values are corrected for."""
        return len(self.below) + len(self.above) + len(self.alike)


def beaten(judged: Rung, others: Sequence[Rung]) -> Beaten | None:
    """The p-values are corrected for all comparisons (Holm 1979); None where nothing can be compared."""
    found = [(rung.id, *pair) for rung in others if (pair := _pair(judged.answers, rung.answers)) is not None]
    if not found:
        return None
    sides = _sides(found)
    metrics = tuple(dict.fromkeys(metric for _, metric, _, _ in found))
    methods = tuple(dict.fromkeys(_short(paired.method) for *_, paired in found))
    return Beaten(sides["below"], sides["above"], sides["alike"], metrics, methods)


def _sides(found: Sequence[tuple[str, str, int, Paired]]) -> dict[str, tuple[str, ...]]:
    """Names by what is known of them, in their order."""
    sides: dict[str, tuple[str, ...]] = {"below": (), "above": (), "alike": ()}
    p = holm([paired.p for *_, paired in found])
    for (name, _, better, paired), corrected in zip(found, p, strict=True):
        sure = corrected < CHANCE
        sides["alike" if not sure else "below" if paired.difference * better > 0 else "above"] += (name,)
    return sides


def _short(method: str) -> str:
    """ "exact McNemar test" of "exact McNemar test of 36 examples that …"."""
    return method.partition(" of ")[0]


def _pair(one: Answers | None, other: Answers | None) -> tuple[str, int, Paired] | None:
    """The metric, which way is better, and both on the rows that both answered; None where they share no metric."""
    if one is None or other is None:
        return None
    rows = np.intersect1d(one.rows, other.rows)
    first, second = one.among(rows), other.among(rows)
    if first is None or second is None or not len(rows):
        return None
    metric, better = metric_of(first)
    if metric != metric_of(second)[0]:  # of what is drawn at random only the loss can be expected
        return _losses(first, second)
    if metric == "accuracy" and _whole(first.right) and _whole(second.right):
        return metric, better, right_against(np.asarray(first.right) > 0, np.asarray(second.right) > 0)
    (mine, weights), (theirs, others) = each(first), each(second)
    if weights is None or others is None:
        return (metric, better, means_against(mine, theirs)) if weights is others else None
    return (metric, better, means_against(mine, theirs, weights)) if np.array_equal(weights, others) else None


def _losses(first: Answers, second: Answers) -> tuple[str, int, Paired] | None:
    if first.loss is None or second.loss is None:
        return None
    return "loss", -1, means_against(first.loss, second.loss, first.weight)


def _whole(right: Array | None) -> bool:
    """Whether each row is right or wrong; what is expected of a draw at random is neither."""
    return right is not None and bool(np.isin(right, (0, 1)).all())
