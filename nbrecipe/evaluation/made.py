"""Answers from what a pass kept of a model's scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..task import Kind, Task
from .answers import Answers, Array


def answers_from(name: str, task: Task, kept: dict[str, Array], classes: tuple[Any, ...], shares: bool) -> Answers:
    """Scores as probabilities and answers, and which of them are right. `shares`: scores are probabilities already."""
    if not kept:
        return Answers(name, task.kind, np.zeros(0, np.int64), classes=classes)
    given = {"loss": kept.get("loss"), "weight": kept.get("weight")}
    made: dict[str, Any] = {key: value.astype(np.float64) for key, value in given.items() if value is not None}
    if task.kind is Kind.CLASSES and "target" in kept:
        made |= _classes(task, kept, shares)
    elif "scores" in kept:
        made |= _values(task, kept, shares)
    else:
        made |= {key: kept.get(key) for key in ("right", "entries", "pixels", "squares")}
    return Answers(name, task.kind, kept["rows"], classes=classes, **made)


def _classes(task: Task, kept: dict[str, Array], shares: bool) -> dict[str, Any]:
    ignored = -100 if task.call is None else task.call.options.get("ignore_index", -100)
    target = np.where(kept["target"] == ignored, -1, kept["target"])
    made: dict[str, Any] = {"target": target, "near": kept.get("near"), "answer": kept.get("answer")}
    if "scores" in kept:
        probabilities = _shares(torch.from_numpy(kept["scores"]), task, shares)
        none = ~probabilities.sum(1).isfinite()  # torch is ten times faster than numpy along so short an axis
        answer = torch.where(none, -1, probabilities.max(1).indices)
        made |= {"probabilities": probabilities.numpy(), "answer": answer.numpy()}
    counted = target >= 0
    return made | {"right": counted & (made["answer"] == target), "entries": counted.astype(np.int64)}


def _shares(scores: Tensor, task: Task, shares: bool) -> Tensor:
    if shares:
        return scores
    logged = task.call is not None and task.call.name in ("nll_loss", "kl_div")
    return scores.exp() if logged else scores.softmax(1)


def _values(task: Task, kept: dict[str, Array], shares: bool) -> dict[str, Any]:
    """Numbers as they are; of yes or no what a probability of a half divides."""
    scores, target = kept["scores"], kept["target"]
    if scores.shape[1] == 1:
        scores, target = scores[:, 0], target[:, 0]
    none = ~np.isfinite(scores)
    if task.kind is Kind.REGRESSION:
        return {"target": target, "answer": np.where(none, np.nan, scores)}
    probabilities = scores if shares else torch.from_numpy(scores).sigmoid().numpy()
    wanted = (target >= 0.5).astype(np.float32)
    answer = np.where(np.isnan(scores), np.nan, probabilities > 0.5).astype(np.float32)
    right = (answer == wanted).reshape(len(wanted), -1)
    entries = np.full(len(wanted), right.shape[1])
    return {"target": wanted, "answer": answer, "probabilities": probabilities, "right": right.sum(1),
            "entries": entries}  # fmt: skip
