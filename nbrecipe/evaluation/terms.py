"""The terms that a mean loss is made of: one sum for each example, and what the mean divides by."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..task import LossCall

#: losses of one class for each entry
INDEXED = ("cross_entropy", "nll_loss")


class Terms(NamedTuple):
    """Of some examples."""

    #: (rows,) each
    sums: Tensor
    weights: Tensor
    #: the loss of each entry, and its weight, as they lie in the batch; None where there is one for each row
    entries: tuple[Tensor, Tensor] | None = None


def terms(call: LossCall, rows: int) -> Terms | None:
    """(rows,) sums of the loss over the entries of each example, and (rows,) weights: sums over weights is the mean.

    The weights are those that torch divides by: entries that are not ignored, or their class weights. A loss that is
    summed has entries for weights. None where entries cannot be told apart by example.
    """
    each = call.each().detach()
    weights = _weights(call, each)
    if rows < 1 or each.numel() % rows or weights.numel() % rows:
        return None
    entries = (each, weights) if each.numel() > rows and each.numel() == weights.numel() else None
    return Terms(_by_row(each, rows), _by_row(weights, rows), entries)


def _by_row(values: Tensor, rows: int) -> Tensor:
    return values if values.shape == (rows,) else values.reshape(rows, -1).sum(1)


def _weights(call: LossCall, each: Tensor) -> Tensor:
    weight: Tensor | None = call.options.get("weight")
    if call.name in INDEXED and not call.target.is_floating_point():
        return _of_classes(call, each, weight)
    if call.name == "kl_div" and call.reduction == "batchmean":
        return torch.ones_like(each).reshape(len(call.input), -1)[:, :1]
    if call.name in ("mse_loss", "l1_loss", "huber_loss") and weight is not None and call.reduction == "mean":
        return weight.expand_as(each)
    return torch.ones_like(each)


def _of_classes(call: LossCall, each: Tensor, weight: Tensor | None) -> Tensor:
    counted: Tensor = call.target != call.options.get("ignore_index", -100)
    if weight is None or call.reduction == "sum":
        return counted
    return weight.to(each.dtype)[torch.where(counted, call.target, 0)] * counted
