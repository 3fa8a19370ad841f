"""What targets say about inputs and predictions: their lag behind token ids, how often each occurs, right answers."""

from __future__ import annotations

import torch
from torch import Tensor

#: lags of a next-token target that are told apart: its input itself, one ahead (right), two ahead
LAGS = (-1, 0, 1, 2)
#: targets looked at, and values counted of them
MOST, KINDS = 65_536, 64


def lags(ids: Tensor | None, target: Tensor) -> dict[int, float]:
    """Share of targets equal to the token `lag` places after their own; ids and target of shape (N, T)."""
    if ids is None or ids.ndim != 2 or target.numel() == 0:
        return {}
    rows, length = ids.shape
    if target.numel() == ids.numel():
        table, offset = target.detach().reshape(ids.shape), 0
    elif target.numel() == rows * (length - 1) and length > 1:  # a loss on logits[:, :-1]
        table, offset = target.detach().reshape(rows, length - 1), 0
    else:
        return {}
    width, found = table.shape[1], {}
    for lag in LAGS:
        start, stop = max(0, -lag), min(width, length - lag)
        if stop - start < 2:
            continue
        ahead, said = ids[:, start + lag + offset : stop + lag + offset], table[:, start:stop]
        counted = said >= 0
        if bool(counted.any()):
            found[lag] = float((ahead.to(said.device) == said)[counted].float().mean())
    return found


def counts(target: Tensor, ignored: int) -> dict[int, int]:
    """How often the most frequent targets occur, without the ignored one."""
    flat = target.detach().reshape(-1)[:MOST]
    values, number = torch.unique(flat[flat != ignored], return_counts=True)
    order = number.argsort(descending=True)[:KINDS]
    return dict(zip(values[order].tolist(), number[order].tolist(), strict=True))


def accuracy(output: Tensor, target: Tensor, axis: int) -> float | None:
    """Share of targets that the highest score names."""
    if output.ndim <= axis or target.shape != output.shape[:axis] + output.shape[axis + 1 :]:
        return None
    counted = target >= 0
    right = (output.detach().argmax(axis) == target)[counted]
    return float(right.float().mean()) if right.numel() else None
