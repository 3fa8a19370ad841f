"""Which tensors a training step on the batch reaches: the gradients of its loss, taken without writing any."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...batches import BadInput
from ...batches.models import plain
from ...batches.scalar import projected
from ...bench import Bench
from ...task.refusal import refuse_lazy, told
from ..passes.signal import forward, training


def reached(bench: Bench, tensors: Sequence[Tensor], *, output: bool = False) -> list[Tensor | None]:
    """The gradient of the loss at each tensor, None where the loss does not depend on it.

    One pass in train mode with dropout off; with `output` it is a projection of the main output that is differentiated,
    as it is where there is no loss. Raises BadInput for a forward or backward pass that fails.
    """
    model, fed = plain(bench.get("model")), bench.get("feed")
    refuse_lazy(model)
    with training(model, fed.size), torch.enable_grad():
        step = forward(bench, model, fed)
    loss = step.loss
    if step.output is not None and (output or loss is None):
        loss = projected(step.output)
    if loss is None or not loss.requires_grad or not tensors:
        return [None] * len(tensors)
    loss = loss.mean() if loss.ndim else loss
    try:
        # a graph that the user holds in an attribute may be part of this one, and has to stay
        return list(
            torch.autograd.grad(loss.real if loss.is_complex() else loss, tensors, allow_unused=True, retain_graph=True)
        )
    except RuntimeError as error:
        raise BadInput(f"the backward pass fails on this batch: {told(error)}") from error
