"""What the rungs of a ladder are worth: by one metric, and by the task's own loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...batches import BadInput
from ...evaluation.answers import Answers
from ...evaluation.metric import Metric, Score
from ...evaluation.scores import LOSS, metrics_for, score
from ...task import Kind
from .climb import Ladder
from .rung import Rung

#: metrics that are worked out of what is right alone, so that they can be expected of what is drawn at random
EXPECTED = ("accuracy", "token accuracy", "pixel accuracy", "perplexity", LOSS)
#: kinds of which a single answer is kept for each row
WITH_ANSWERS = (Kind.CLASSES, Kind.BINARY, Kind.MULTILABEL, Kind.REGRESSION)


@dataclass(frozen=True)
class Scored:
    """A rung with its worth; None where it has no answers, or the metric cannot be expected of them."""

    rung: Rung
    score: Score | None
    loss: Score | None


def scored(ladder: Ladder, asked: Sequence[Any] = ()) -> tuple[Metric | None, tuple[Scored, ...]]:
    """The metric of a ladder, and its rungs by it, the least first; those without answers last.

    Raises BadInput for a metric that is none, and for one that fails on every rung.
    """
    tried = [rung for rung in ladder.tried() if rung.answers is not None]
    metric, loss = _metrics(tried, asked)
    found = []
    refused: list[BadInput] = []
    for rung in ladder.rungs:
        worth: list[Score | None] = []
        for one in (metric, loss):
            try:
                worth.append(None if one is None or rung.answers is None else _score(one, rung.answers))
            except BadInput as error:
                worth.append(None)
                refused.append(error)
        found.append(Scored(rung, *worth))
    if refused and tried and all(each.score is None for each in found):
        raise refused[0]
    return metric, tuple(sorted(found, key=_height))


def _metrics(tried: list[Rung], asked: Sequence[Any]) -> tuple[Metric | None, Metric | None]:
    """The metric that was asked for, or the first that people read; and the loss."""
    known = [rung.answers for rung in tried if rung.answers is not None and rung.answers.answer is not None]
    some = [*known, *(rung.answers for rung in tried if rung.answers is not None)]
    if not some:
        return None, None
    metrics = metrics_for(some[0], asked)
    losses = [m for each in some if each.loss is not None for m in metrics_for(each) if m.name == LOSS]
    return (metrics[0] if metrics else None), (losses[0] if losses else None)


def _score(metric: Metric, answers: Answers) -> Score | None:
    """None for what cannot be expected of answers that are drawn at random."""
    if answers.answer is None and answers.kind in WITH_ANSWERS and metric.name not in EXPECTED:
        return None
    if metric.name == LOSS and answers.loss is None:
        return None
    found = score(metric, answers)
    return found if not np.isnan(found.value) else None


def _height(each: Scored) -> tuple[int, float]:
    """Where a rung stands: those without a score at the foot, those without answers at the end."""
    if each.rung.answers is None:
        return (2, 0.0)
    if each.score is None:
        return (0, 0.0)
    return (1, each.score.value * (each.score.better or 1))
