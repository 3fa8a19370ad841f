"""Two that answered the same rows: by how much the first is better, and whether that could be chance."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..batches import BadInput
from ..statistics.digits import against as told_against
from ..statistics.families import holm
from ..statistics.paired import Paired
from .answers import Answers, Array
from .headline import compared, losses_compared, metric_of, value_of
from .scores import counted_rows, mean_of


@dataclass(frozen=True)
class Against:
    """One metric of both."""

    metric: str
    first: float
    second: float
    paired: Paired
    #: "0.912 against 0.905: could be chance, p = 0.31"
    told: str


def against(first: Answers, second: Answers) -> tuple[Against, ...]:
    """The metric that people read first, and the loss; their p-values are corrected for each other (Holm 1979).

    Raises BadInput where the two did not answer the same rows.
    """
    one, other = _aligned(first, second)
    found = {
        pair.metric: pair.paired for pair in (compared(one, other), losses_compared(one, other)) if pair is not None
    }
    corrected = holm([paired.p for paired in found.values()])
    made = []
    for (metric, paired), p in zip(found.items(), corrected, strict=True):
        fixed = replace(paired, p=float(p))
        mine, theirs = _means(metric, one), _means(metric, other)
        made.append(Against(metric, mine, theirs, fixed, told_against(mine, theirs, fixed)))
    return tuple(made)


def _means(metric: str, answers: Answers) -> float:
    return value_of(answers)[0] if metric == metric_of(answers)[0] else mean_of(answers.loss, answers.weight)[0]


def _aligned(first: Answers, second: Answers) -> tuple[Answers, Answers]:
    """Both in the order of the rows, where a loader shuffles."""
    one, other = _sorted(counted_rows(first)), _sorted(counted_rows(second))
    if len(one) != len(other) or not np.array_equal(one.rows, other.rows):
        shared = np.intersect1d(one.rows, other.rows)
        if not len(shared) or len(np.unique(one.rows)) < len(one) or len(np.unique(other.rows)) < len(other):
            raise BadInput(f"`{first.name}` and `{second.name}` did not answer the same rows, so no pairs can be made")
        one, other = _only(one, shared), _only(other, shared)
    if one.kind is not other.kind:
        raise BadInput(f"`{first.name}` learned {one.kind} and `{second.name}` {other.kind}: they cannot be compared")
    return one, other


def _sorted(answers: Answers) -> Answers:
    return answers.at(np.argsort(answers.rows, kind="stable"))


def _only(answers: Answers, rows: Array) -> Answers:
    return answers.at(np.flatnonzero(np.isin(answers.rows, rows)))
