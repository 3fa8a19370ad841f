"""How the scores that a loss was given are read as predictions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ...film import Kind as Shown
from ...task.predictions import Classes, Predictions, Values, YesNo

#: values of an example up to which it is shown as numbers and not as a picture
WIDE = 16
CLASSES, YES_NO = ("cross_entropy", "nll_loss"), ("binary_cross_entropy", "binary_cross_entropy_with_logits")
NUMBERS = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")


def reading_of(
    name: str, target: Tensor, output: Tensor, ids: Tensor | None, options: Mapping[str, Any]
) -> Predictions | None:
    """How the scores of this loss are read; None for a loss whose predictions have no picture."""
    if name in CLASSES and not target.is_floating_point():
        return _classes(name, target, ids, int(options.get("ignore_index", -100)))
    count = len(target) if target.ndim else 1
    shape: tuple[int, ...] = (count, target.numel() // max(count, 1))
    if name in YES_NO and target.numel() == output.numel():
        kind = Shown.IMAGES if target.ndim > 2 else Shown.CLASSES if shape[1] == 1 else Shown.MULTILABEL
        shape = tuple(target.shape) if kind is Shown.IMAGES else shape
        flat = target.flatten().float()
        return YesNo(kind, shape, flat, torch.ones_like(flat, dtype=torch.bool), probable=name == YES_NO[0])
    if name in NUMBERS and target.shape == output.shape:
        kind = Shown.IMAGES if target.ndim > 2 or shape[1] > WIDE else Shown.REGRESSION
        shape = tuple(target.shape) if target.ndim > 2 else shape
        return Values(kind, shape, target.flatten().float())
    return None


def _classes(name: str, target: Tensor, ids: Tensor | None, skip: int) -> Predictions:
    kind = Shown.CLASSES
    shape: tuple[int, ...] = (target.numel(), 1)
    rows = len(ids) if ids is not None else 0
    if target.ndim == 2 or (rows and target.numel() % rows == 0 and target.numel() // rows > 1):
        count = len(target) if target.ndim == 2 else rows
        kind, shape = Shown.TOKENS, (count, target.numel() // count)
    elif target.ndim > 2:
        kind, shape = Shown.IMAGES, tuple(target.shape)
    flat = target.flatten().long()
    ignored = skip if bool((flat == skip).any()) else None
    return Classes(kind, shape, flat, flat != skip, logarithms=name == "nll_loss", ignored=ignored)
