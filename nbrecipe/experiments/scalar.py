"""One number to differentiate: the loss of a pass, or a random sum of its outputs where there is none."""

from __future__ import annotations

import torch
from torch import Tensor

from ..batches import BadInput, Step


def scalar_of(step: Step) -> Tensor:
    """The loss, or a random sum of the outputs; BadInput where a pass gives neither."""
    if step.loss is None and step.output is None:
        raise BadInput("the model gives neither a tensor nor a loss, so there is no gradient")
    loss = step.loss if step.loss is not None else random_sum(step.output)
    loss = loss.mean() if loss.ndim else loss
    return loss.real if loss.is_complex() else loss


def random_sum(output: Tensor | None) -> Tensor:
    """The sum of all outputs with random weights, which treats them alike; from a generator of its own."""
    assert output is not None
    values = torch.view_as_real(output) if output.is_complex() else output
    if not values.is_floating_point():
        return values.new_zeros((), dtype=torch.float32)
    weights = torch.randn(values.shape, generator=torch.Generator().manual_seed(0)).to(values)
    return (values * weights).sum()
