"""One number to differentiate: the loss of a pass, or a random projection of its outputs where there is none."""

from __future__ import annotations

import torch
from torch import Tensor

from .feeding import Step
from .structure import BadInput


def scalar_of(step: Step) -> Tensor:
    """The loss, or a random projection of the outputs; BadInput where a pass gives neither."""
    loss = step.loss
    if loss is None:
        if step.output is None:
            raise BadInput("the model gives neither a tensor nor a loss, so there is no gradient")
        loss = projected(step.output)
    loss = loss.mean() if loss.ndim else loss
    return loss.real if loss.is_complex() else loss


def projected(output: Tensor) -> Tensor:
    """A loss that treats every output alike: a random projection, from a generator of its own."""
    values = torch.view_as_real(output) if output.is_complex() else output
    if not values.is_floating_point():
        return values.new_zeros((), dtype=torch.float32)
    random = torch.randn(values.shape, generator=torch.Generator().manual_seed(0)).to(values)
    return (values * random).sum() / max(1, values.shape[0] if values.ndim else 1)
