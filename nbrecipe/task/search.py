"""The best constant answer of any loss, found by minimising it: for functions that are not understood."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

#: rounds of LBFGS, each of up to 20 evaluations; a smooth loss of a constant is done after one or two
_ROUNDS = 6
#: a loss that still falls by this share of its size in the last round, or further out, has no lowest value
_STILL_FALLING = 0.01


def best_constant(
    loss_of: Callable[[Tensor], Tensor], output: Tensor, target: object, axis: int
) -> tuple[float, Tensor] | None:
    """The lowest loss of any output that is the same for all examples, and its numbers along `axis`.

    Starts from zeros and from the targets' means. None where the loss has no gradient or falls without end.
    """
    found: tuple[float, Tensor] | None = None
    for start in _starts(output, target, axis):
        end = _descend(loss_of, output, start, axis)
        if end is None:
            return None
        if found is None or end[0] < found[0]:
            found = end
    return found


def spread_out(constant: Tensor, like: Tensor, axis: int) -> Tensor:
    """One number per channel, as an output of this shape."""
    shape = [1] * like.ndim
    if like.ndim:
        shape[axis] = constant.numel()
    return constant.to(like.dtype).reshape(shape).expand_as(like)


def _starts(output: Tensor, target: object, axis: int) -> list[Tensor]:
    width = output.shape[axis] if output.ndim > 1 else 1
    starts = [torch.zeros(width, dtype=output.dtype, device=output.device)]
    if isinstance(target, Tensor) and target.numel() == output.numel():
        values = target.to(output.dtype).reshape(output.shape)
        starts.append(values.movedim(axis, -1).reshape(-1, width).mean(0))
    return starts


def _descend(
    loss_of: Callable[[Tensor], Tensor], output: Tensor, start: Tensor, axis: int
) -> tuple[float, Tensor] | None:
    constant = start.clone().requires_grad_(True)
    optimizer = torch.optim.LBFGS([constant], line_search_fn="strong_wolfe", max_iter=20)

    def closure() -> float:
        optimizer.zero_grad()
        loss = loss_of(spread_out(constant, output, axis))
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    losses: list[float] = []
    try:
        with torch.enable_grad():
            for _ in range(_ROUNDS):
                losses.append(float(optimizer.step(closure)))  # type: ignore[no-untyped-call]
            losses.append(closure())
    except (RuntimeError, NotImplementedError, ValueError, TypeError):
        return None
    end = constant.detach()
    with torch.no_grad():
        beyond = float(loss_of(spread_out(2 * end, output, axis)))
    fallen = max(losses[-2] - losses[-1], losses[-1] - beyond)
    if not all(map(math.isfinite, losses)) or fallen > _STILL_FALLING * max(abs(losses[-1]), 1e-6):
        return None
    return losses[-1], end
