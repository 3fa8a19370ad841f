"""What a rung gives, fold by fold, as answers to all rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...evaluation.answers import Answers
from ...evaluation.losses import TaskLoss
from ...task import Kind
from .aims import Aim
from .fold import Given

Array = np.ndarray[Any, Any]
_FIELDS = ("answer", "probabilities", "loss", "weight", "right", "entries")


def scattered(parts: Sequence[tuple[Given, Array]], count: int) -> Given:
    """Answers to some rows at a time as answers to all of them."""
    if len(parts) == 1:
        return parts[0][0]
    whole: dict[str, Any] = {}
    for name in _FIELDS:
        values = [getattr(given, name) for given, _ in parts]
        if any(value is None for value in values):
            continue
        made = np.empty((count, *values[0].shape[1:]), np.result_type(*values))
        for value, (_, places) in zip(values, parts, strict=True):
            made[places] = value
        whole[name] = made
    return Given(parts[0][0].how, **whole)


def answers_of_given(name: str, aim: Aim, rows: Array, target: Any, given: Given, loss: TaskLoss | None) -> Answers:
    """Answers with the task's own loss."""
    known: dict[str, Any] = {"loss": given.loss, "weight": given.weight}
    known |= {"right": given.right, "entries": given.entries}
    if aim.kind in (Kind.NEXT_TOKEN, Kind.SEGMENTATION):
        return Answers(name, aim.kind, rows, classes=aim.classes, **known)
    chances = given.probabilities
    if aim.kind is Kind.BINARY and chances is not None:
        chances = chances[:, 1]
    asked = chances if chances is not None else given.answer if not aim.classes else None
    if aim.kind is Kind.MULTILABEL and chances is None:
        asked = None
    if known["loss"] is None and asked is not None and loss is not None:
        known["loss"], known["weight"] = loss.of(
            np.array(asked), target
        )  # a copy: what is the same for all rows is one row
    if known["right"] is None and given.answer is not None:
        known |= _right(aim.kind, target, given.answer)
    elif known["right"] is not None and known["entries"] is None:
        known["entries"] = np.ones(len(rows))
    if aim.kind is Kind.RECONSTRUCTION:
        return Answers(name, aim.kind, rows, **known)
    return Answers(name, aim.kind, rows, target, given.answer, chances, classes=aim.classes, **known)


def _right(kind: Kind, target: Array, answer: Array) -> dict[str, Array]:
    """How many entries of each row are answered right, where there is right and wrong."""
    if kind in (Kind.CLASSES, Kind.BINARY):
        return {"right": (answer == target).astype(np.float64), "entries": np.ones(len(target))}
    if kind is Kind.MULTILABEL:
        right = ((answer > 0.5) == (target > 0.5)).sum(1).astype(np.float64)
        return {"right": right, "entries": np.full(len(target), float(target.shape[1]))}
    return {}
