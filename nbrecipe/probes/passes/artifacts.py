"""Odd channels of feature maps: constant, checkerboarded, or all border.

A checkerboard is what a pattern of period two leaves in the mean over all examples and places: transposed convolutions
whose kernel does not divide by their stride leave it (Odena, Dumoulin and Olah, "Deconvolution and Checkerboard
Artifacts", 2016). What lies in the images themselves stands at any place, and averages out.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

#: a map's sides, at least: below, a border is most of it
SIDE = 8
#: share of a channel's variance that its four phases of period two, or border against inside, must explain
CHECKERED, BORDERED = 0.1, 0.5
#: F of the phases, with 3 degrees of freedom, above which they differ: far beyond chance for thousands of channels
CERTAIN = 12.0
#: spread over level below which a channel is constant
FLAT = 1e-5
#: examples looked at
EXAMPLES = 8


@dataclass(frozen=True)
class Odd:
    """Which channels are odd, each (channels,)."""

    constant: Tensor
    checkerboard: Tensor
    border: Tensor


def odd(maps: Tensor, inputs: Odd | None = None) -> Odd | None:
    """Judge (examples, channels, height, width); None for maps too small.

    What the inputs have too is not held against a layer.
    """
    if maps.ndim != 4 or min(maps.shape[2:]) < SIDE or not maps.is_floating_point():
        return None
    some = maps[:EXAMPLES].float()
    mean = some.mean((0, 2, 3), keepdim=True)
    square = (some - mean).square_()
    variance, mean = square.mean((0, 2, 3)), mean.flatten()
    if not bool(torch.isfinite(variance).all()):
        return None
    moving = variance.sqrt() > FLAT * mean.abs()
    constant = ~moving & (mean != 0)
    inside = some[..., 1:-1, 1:-1]
    checkerboard = moving & _checkered(inside, square[..., 1:-1, 1:-1].mean((0, 2, 3)))
    border = moving & (_bordered(inside, mean, variance, some.shape) > BORDERED)
    if inputs is not None:
        checkerboard &= not bool(inputs.checkerboard.any())
        border &= not bool(inputs.border.any())
    return Odd(constant, checkerboard, border)


def _checkered(maps: Tensor, square: Tensor) -> Tensor:
    """(channels,) whether means by phase, even and odd rows and columns, differ; `square` is about the variance."""
    height, width = (side // 2 for side in maps.shape[-2:])
    even = maps[..., : 2 * height, : 2 * width]
    phases = even.reshape(*maps.shape[:2], height, 2, width, 2).mean((0, 2, 4)).flatten(1).mT
    count = even.numel() / even.shape[1]
    share = phases.var(0, correction=0) / square.clamp(min=1e-30)
    f = (share / 3) / ((1 - share).clamp(min=1e-9) / max(count - 4, 1))
    return (share > CHECKERED) & (f > CERTAIN)


def _bordered(inside: Tensor, whole: Tensor, variance: Tensor, shape: torch.Size) -> Tensor:
    """(channels,) the share of variance between the outermost ring and what it surrounds."""
    height, width = shape[2:]
    share = (height - 2) * (width - 2) / (height * width)
    inner = inside.mean((0, 2, 3))
    ring = (whole - share * inner) / (1 - share)
    return share * (1 - share) * (inner - ring).square() / variance.clamp(min=1e-30)
