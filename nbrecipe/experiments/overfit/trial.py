"""The floor of a loss written by hand: what it gives for a perfect prediction, where that is as good as nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ...task import LossCall

#: a logit that leaves 4e-18 for the other classes, and a share that leaves 1e-6
SURE, SHARE = 40.0, 1 - 1e-6
#: a loss this small a part of its start is nothing: smoothing terms and clamps leave no more
NOTHING = 1e-3


def perfect_loss(
    call: LossCall, output: Tensor, axis: int, loss_of: Callable[[Tensor], Tensor], start: float
) -> float | None:
    """The loss of the labels themselves, given as logits, probabilities or log-probabilities; None where it is not
    small, so that a penalty or an unknown scale may stand in it.

    `call` is the usual loss of such targets, `output` what the model gave, `axis` that of its classes.
    """
    if not start > 0:
        return None
    found = []
    for perfect in _perfect(call, axis):
        try:
            with torch.no_grad():
                loss = float(loss_of(perfect.reshape(output.shape).to(output)))
        except Exception:
            continue
        if math.isfinite(loss) and 0 <= loss <= NOTHING * start:
            found.append(loss)
    return min(found) if found else None


def _perfect(call: LossCall, axis: int) -> Iterator[Tensor]:
    if call.name == "mse_loss":
        yield call.target
        return
    if call.name == "cross_entropy":
        classes = call.input.shape[1] if call.input.ndim > 1 else call.input.shape[0]
        right = torch.nn.functional.one_hot(call.target.long(), classes).float()
        right = right.movedim(-1, 1) if axis == 1 and right.ndim > 2 else right
    else:
        right = call.target
    yield SURE * (2 * right - 1)
    shares = right * SHARE + (1 - right) * (1 - SHARE)
    yield shares
    yield shares.log()
