"""Units that start as copies, followed for a few tiny steps: do they ever differ?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ...batches import Step, leaves
from ...batches.models import plain
from ...batches.scalar import projected
from ...bench import Bench
from .signal import forward, signal, training
from .symmetry import Twins, judged, suspects

#: steps after which the gradient has passed every gate that starts at zero: head, gate, branch end, modulation
STEPS = 4
#: of a weight's size; tiny, so that nothing saturates, and large against rounding
STEP_SIZE = 0.01


def lasting_twins(bench: Bench) -> tuple[Twins, ...]:
    """The weights whose copies are still copies after `STEPS` steps; weights are afterwards as before.

    Takes steps only where the first gradient left a doubt. The steps follow a random projection of the outputs, which
    treats every output alike, so that classes missing from the batch are no copies.
    """
    doubtful = {twins.name for twins in bench.once(signal).twins if twins.still}
    if not doubtful:
        return ()
    model, fed = plain(bench.get("model")), bench.get("feed")
    with bench.untouched():
        found = [suspect for suspect in suspects(model) if suspect.name in doubtful]
        before = [suspect.weight.detach().clone() for suspect in found]
        twins: tuple[Twins, ...] = ()
        for _ in range(STEPS):
            with training(model, fed.size), torch.enable_grad():
                _nudge(model, _target(forward(bench, model, fed)))
            changes = [s.weight.detach() - old for s, old in zip(found, before, strict=True)]
            twins = tuple(one for one in judged(found, changes) if one.still)
            if not twins:
                break
    return twins


def _target(step: Step) -> Tensor:
    """What the steps lower: a projection of every output, or the loss where outputs are out of reach."""
    outputs = [t for t in leaves(step.raw) if isinstance(t, Tensor) and t.ndim and t.requires_grad]
    if outputs:
        return torch.stack([projected(output) for output in outputs]).sum()
    assert step.loss is not None
    return step.loss.mean()


def _nudge(model: nn.Module, loss: Tensor) -> None:
    """A step along the gradient, of a fixed size for each weight: rows that are equal stay exactly so."""
    weights = [p for p in model.parameters() if p.requires_grad]
    gradients: Iterator[Any] = iter(torch.autograd.grad(loss, weights, allow_unused=True))
    with torch.no_grad():
        for weight, gradient in zip(weights, gradients, strict=True):
            if gradient is None:
                continue
            dense = gradient.to_dense() if gradient.is_sparse else gradient
            size = dense.abs().square().mean().sqrt()
            if size > 0:
                own = max(float(weight.abs().square().mean().sqrt()), STEP_SIZE)
                weight.sub_(dense * (STEP_SIZE * own / size))
