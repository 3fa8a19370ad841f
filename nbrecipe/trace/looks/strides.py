"""A measured step of an optimizer: gradients, weights and what the step changed in them, by layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ..measures.facts import sample
from ..record.data import Update

if TYPE_CHECKING:
    from .models import Models

#: values of a weight that are looked at: its norm is then right to 3 %, one standard error of 1 / sqrt(2 x 512), and
#: few enough cache lines are touched
VALUES = 512
#: rows of an embedding, and columns of each, that are looked at for a gradient
ROWS, COLUMNS = 4096, 8


class Stride:
    """A step of the optimizer that holds these parameters: made before it, read after it."""

    def __init__(self, parameters: Sequence[Any]) -> None:
        self.parameters = parameters
        drawn = [_drawn(parameter) for parameter in parameters]
        self._sizes = [len(values) for values in drawn]
        #: what a norm of the sample is multiplied by to be that of the whole
        self._scales = [(p.numel() / max(len(values), 1)) ** 0.5 for p, values in zip(parameters, drawn, strict=True)]
        self._before = _table(drawn)

    def update(self, step: int, rates: list[float], models: Models) -> Update:
        """The step in numbers, read back from the device at once."""
        after = _table([_drawn(parameter) for parameter in self.parameters])
        grads = [None if p.grad is None or p.grad.is_sparse else _drawn(p.grad) for p in self.parameters]
        gradient = self._filled(grads)
        graded = gradient != 0
        still = ((after == self._before) & graded).sum(1) / graded.sum(1).clamp_min(1)
        before, after, gradient = (each.float() for each in (self._before, after, gradient))
        norms = [each.norm(dim=1) for each in (gradient, before, after - before)]
        columns = torch.stack([*norms, (before * gradient).sum(1), still]).double().tolist()
        graded_norms, weights, changes = ([n * s for n, s in zip(c, self._scales, strict=True)] for c in columns[:3])
        gradients = [None if g is None else norm for g, norm in zip(grads, graded_norms, strict=True)]
        return Update(
            step=step,
            layers=[models.called(parameter) for parameter in self.parameters],
            gradients=gradients,
            weights=weights,
            changes=changes,
            unchanged=columns[4],
            rates=rates,
            rows=[_rows(parameter, models) for parameter in self.parameters],
            along=_along(gradients, weights, [dot * s * s for dot, s in zip(columns[3], self._scales, strict=True)]),
        )

    def _filled(self, grads: list[Tensor | None]) -> Tensor:
        """The gradients as a table of the same shape; those that are not there are zero."""
        zero = self._before.new_zeros(1)
        each = zip(grads, self._sizes, strict=True)
        return _table([zero.expand(size) if grad is None else grad for grad, size in each])


def _drawn(tensor: Tensor) -> Tensor:
    values = sample(tensor, VALUES)
    return torch.view_as_real(values).flatten() if values.is_complex() else values


def _table(samples: list[Tensor]) -> Tensor:
    """One row for each sample, filled up with zeros; a cast to more digits changes no value."""
    if not samples:
        return torch.zeros(0, 0)
    double = any(values.dtype == torch.float64 for values in samples)
    home, dtype = samples[0].device, torch.float64 if double else torch.float32
    return pad_sequence([values.to(home, dtype) for values in samples], batch_first=True)


def _along(gradients: list[float | None], weights: list[float], dots: list[float]) -> float | None:
    """The cosine between all gradients and all weights."""
    both = [(g, w, dot) for g, w, dot in zip(gradients, weights, dots, strict=True) if g is not None]
    length = math.hypot(*(g for g, _, _ in both)) * math.hypot(*(w for _, w, _ in both))
    return sum(dot for _, _, dot in both) / length if length > 0 else None


def _rows(parameter: Any, models: Models) -> float | None:
    """The share of a table's rows that have a gradient."""
    found = models.parameter(parameter)
    grad = parameter.grad
    if found is None or not found[0].table or grad is None or grad.is_sparse or grad.ndim != 2:
        return None
    picked = grad.detach()[:: max(1, len(grad) // ROWS), :COLUMNS]
    return float((picked != 0).any(1).float().mean())
