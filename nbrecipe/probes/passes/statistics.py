"""Numbers taken of an activation while it passes, cheap enough to take of every one."""

from __future__ import annotations

import torch
from torch import Tensor

#: values looked at per call; more add no precision to a mean and cost time
ENOUGH = 1 << 18


def spread(values: Tensor, size: int) -> tuple[float, float]:
    """Variance across examples, averaged over units, and the second moment."""
    values = values.detach()
    if values.is_complex():
        values = torch.view_as_real(values)
    if values.ndim == 0 or not values.is_floating_point():
        return float("nan"), float("nan")
    axis = 1 if values.ndim > 1 and values.shape[0] != size and values.shape[1] == size else 0
    few = thinned(values, axis).float()
    mean = few.mean(axis, keepdim=True)
    variance = float((few - mean).square_().mean())  # two passes are eight times faster than torch.var_mean
    return variance, variance + float(mean.square().mean())


def thinned(values: Tensor, keep: int) -> Tensor:
    """Positions thinned evenly until about `ENOUGH` values are left; axis `keep` and channels of images stay whole."""
    axes = [a for a in range(values.ndim) if a != keep and not (a == 1 and values.ndim > 3)]
    for axis in sorted(axes, key=lambda a: -values.shape[a]):
        step = min(-(-values.numel() // ENOUGH), -(-values.shape[axis] // 4))
        if step > 1:
            values = values.movedim(axis, 0)[::step].movedim(0, axis)
    return values


def off_units(values: Tensor, channels_first: bool) -> Tensor:
    """(units,) whether each was off at every position of every example; those of a convolution are its channels."""
    axis = 1 if values.ndim > 2 and channels_first else values.ndim - 1
    others = [a for a in range(values.ndim) if a != axis]
    off: list[bool] = (values.amax(others) if others else values).le(0).tolist()
    return torch.tensor(off)
