"""What goes into a net and what its layers put out, as small pictures of some examples."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ... import batches
from ...pictures.activations import Layer
from ..weights.first_layer import COLOURS
from .artifacts import Odd, odd

#: pictures kept of each layer, and elements of their longer side
PICTURES, SIDE = 12, 24


def pictured(found: Layer, values: Tensor, chosen: tuple[int, ...], convolved: bool) -> Layer:
    """The layer with pictures of the chosen examples, small."""
    if not len(values) or max(chosen) >= len(values):
        return found
    some = values[list(chosen)].float()
    channels: tuple[int, ...] = ()
    axes = ("position", "unit")
    if convolved and some.ndim == 5:
        some = some[:, :, some.shape[2] // 2]  # the middle of a volume
    if convolved and some.ndim == 4:
        flagged = [c for which in found.artifacts.values() for c in which[:2]][:4]
        spread = _varying(values[:8] if values.ndim == 4 else some).argsort(descending=True).tolist()
        channels = tuple(dict.fromkeys([*flagged, *spread]))[:PICTURES]
        maps, axes = some[:, list(channels)], ("row", "column")
    elif some.ndim == 2:
        maps = values[: max(16, len(chosen))].float()[None, None]
        axes = ("example", "unit")
    elif some.ndim == 3:
        maps, axes = some[:, None], (("channel", "position") if convolved else axes)
    else:
        maps = some.flatten(1, -2)[:, None] if some.ndim > 3 else some[:0]
    if not maps.numel():
        return found
    height, width = maps.shape[-2:]
    sides = _sides(height, width, SIDE) if channels else (min(height, SIDE), min(width, 2 * SIDE))
    small = nn.functional.adaptive_avg_pool2d(maps, sides)
    return replace(found, maps=small.cpu().numpy().astype("f2" if _fits(small) else "f4"), channels=channels, axes=axes)


def _sides(height: int, width: int, most: int) -> tuple[int, int]:
    """Height and width of the same shape, the longer one at most so many."""
    shrink = min(1.0, most / max(height, width))
    return max(1, round(height * shrink)), max(1, round(width * shrink))


def _varying(maps: Tensor) -> Tensor:
    """(channels,) how much each varies over places, told from some of them; what cannot be told is 0."""
    down, across = (max(1, side // SIDE) for side in maps.shape[2:])
    few = maps[:, :, ::down, ::across].float()
    return (few - few.mean((2, 3), keepdim=True)).square_().mean((0, 2, 3)).nan_to_num()


def _fits(values: Tensor) -> bool:
    return bool(values.abs().max() < 6e4)


def images_of(args: Any, kwargs: Any, size: int, rows: tuple[int, ...]) -> tuple[np.ndarray | None, Odd | None]:
    """The first input that is images: the chosen ones as bytes, and what is odd of them already."""
    for tensor in batches.leaves([args, list(kwargs.values())]):
        if not isinstance(tensor, Tensor) or tensor.ndim not in (3, 4) or tensor.shape[0] != size:
            continue
        images = tensor.detach()[:, None] if tensor.ndim == 3 else tensor.detach()
        if images.shape[-1] <= COLOURS < images.shape[1]:
            images = images.movedim(-1, 1)
        if min(images.shape[2:]) < 4 or images.is_complex():
            continue
        images = images.float()
        shown = images[list(rows)]
        shown = shown if shown.shape[1] in (1, 3) else shown.mean(1, keepdim=True)
        height, width = shown.shape[2:]
        shown = nn.functional.adaptive_avg_pool2d(shown, _sides(height, width, 2 * SIDE))
        low, high = shown.amin((1, 2, 3), keepdim=True), shown.amax((1, 2, 3), keepdim=True)
        scaled = ((shown - low) / (high - low).clamp(min=1e-12) * 255).round().to(torch.uint8)
        return scaled.movedim(1, -1).cpu().numpy(), odd(images)
    return None, None
