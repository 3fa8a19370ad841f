"""How often each class stands among the targets that a class loss takes."""

from __future__ import annotations

import torch
from torch import Tensor

from ...bench import Bench
from ...task import LossCall, Task
from ...task.expected import as_taken
from .start import known_labels

CLASS_LOSSES = ("cross_entropy", "nll_loss")


def class_call(task: Task) -> LossCall | None:
    """The call that gave the loss, where it is one on class indices."""
    call = task.call
    return None if call is None or call.name not in CLASS_LOSSES or call.target.is_floating_point() else call


def label_counts(bench: Bench) -> Tensor | None:
    """Labels of each class, ignored ones too, over as many targets as are cheap to reach; None for no class indices.

    They are those of the batch where the loss takes other targets than the loader gives.
    """
    task = bench.get("task")
    call = class_call(task)
    if call is None:
        return None
    classes = call.input.shape[1] if call.input.ndim > 1 else call.input.shape[0]
    taken = as_taken(task, known_labels(bench)).detach().cpu().flatten().long()
    return torch.bincount(taken[(taken >= 0) & (taken < classes)], minlength=classes)
