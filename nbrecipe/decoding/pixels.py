"""Tensors that are images, as pixels: which axis is which, how values become colours, masks and boxes on top."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..batches.structure import fields_of
from ..finding import number
from ..pictures.batch import Box
from .normalisation import Scale

#: channels that are colours
COLOURS = (1, 3, 4)
#: pixels a side that are drawn, and frames of a video
SIDE, FRAMES = 160, 6
#: times that one side of an image is longer than the other from which on each is made shorter on its own
LONG = 4
#: value that bytes kept as floats reach in some image of a batch
BRIGHT = 64
#: pixels that images have at least a side
LEAST = 4
#: correlation of neighbours from which a row of numbers is an image laid flat; columns in no order have none
ALIKE = 0.3


def as_images(values: Tensor) -> Tensor | None:
    """The tensor as (N, C, H, W), or (N, F, C, H, W) for videos; None where its axes cannot be those of images."""
    shape = values.shape
    if values.is_complex() or values.ndim not in (4, 5) or min(shape[-2:]) < 1:
        return None
    if values.ndim == 5:
        if shape[1] in COLOURS and shape[2] not in COLOURS:
            values = values.transpose(1, 2)  # (N, C, T, H, W)
        elif shape[2] not in COLOURS:
            return None
        return values if min(values.shape[-2:]) >= LEAST else None
    if shape[1] not in COLOURS and shape[3] in COLOURS:
        values = values.permute(0, 3, 1, 2)
    return values if min(values.shape[-2:]) >= LEAST else None


def flat_side(values: Tensor) -> tuple[int, int] | None:
    """(channels, side) where rows of a matrix are square images laid flat: neighbours on both axes are alike."""
    if values.ndim != 2 or not values.is_floating_point() or len(values) < 2:
        return None
    for channels in (1, 3):
        side = math.isqrt(values.shape[1] // channels)
        if side >= 8 and channels * side * side == values.shape[1]:
            across, down = neighbours(values.reshape(-1, channels, side, side)[:64])
            if min(across, down) > ALIKE:
                return channels, side
    return None


def neighbours(images: Tensor) -> tuple[float, float]:
    """Correlation of each value of (N, C, H, W) with the next one across and down, within images and channels."""
    values = images.detach().float().nan_to_num()
    centred = values - values.mean((-2, -1), keepdim=True)
    power = float(centred.square().mean())
    if power <= 0 or min(values.shape[-2:]) < 2:
        return 0.0, 0.0
    across = float((centred[..., 1:] * centred[..., :-1]).mean()) / power
    down = float((centred[..., 1:, :] * centred[..., :-1, :]).mean()) / power
    return across, down


def drawn(images: Tensor | Sequence[Tensor], count: int, scale: Scale | None) -> tuple[list[np.ndarray], str]:
    """The first images as uint8 (H, W) or (H, W, 3), small enough to show, and how their values became colours."""
    whole = [images] if isinstance(images, Tensor) else list(images)
    keep, told = colouring(whole, scale)
    channels = whole[0].shape[-3]
    shown = images[:count] if isinstance(images, Tensor) else whole[:count]
    if channels not in COLOURS:
        told += f"; channel 1 of {channels}"
    if isinstance(images, Tensor) and images.ndim == 5 and len(_array(shown[0])) < images.shape[1]:
        told += f"; {len(_array(shown[0]))} of {images.shape[1]} frames"
    return [_strip(keep(_array(image))) for image in shown], told  # one by one: large ones take much as doubles


def colouring(whole: Sequence[Tensor], scale: Scale | None) -> tuple[Callable[[Any], Any], str]:
    """What turns the values of such images into 0 to 255, and how that is said."""
    fitting = scale if scale is not None and scale.fits(whole[0].shape[-3]) else None
    return _colouring(_ends(whole), fitting, whole[0].dtype is torch.uint8)


def painted(image: Tensor, colours: Callable[[Any], Any], side: int = SIDE) -> np.ndarray:
    """One image (C, H, W), or a video (F, C, H, W), as uint8, at most about `side` pixels a side."""
    return _strip(colours(_array(image)), side)


def _ends(whole: Sequence[Tensor]) -> np.ndarray:
    """(2, C) least and greatest finite value of each channel."""
    lows, highs = [], []
    for part in (some for image in whole for some in (image if image.ndim > 3 else [image])):
        flat = part.detach().movedim(-3, 0).flatten(1)
        flat = flat.float() if not flat.is_floating_point() else flat
        lows.append(flat.nan_to_num(torch.inf, torch.inf, torch.inf).amin(1))
        highs.append(flat.nan_to_num(-torch.inf, -torch.inf, -torch.inf).amax(1))
    ends = [torch.stack(lows).amin(0), torch.stack(highs).amax(0)]
    both: np.ndarray = torch.stack(ends).float().cpu().numpy().astype("f8")
    return np.where(np.isfinite(both), both, 0.0)


def _colouring(ends: np.ndarray, scale: Scale | None, are_bytes: bool) -> tuple[Any, str]:
    """What turns values into 0 to 255, and how that is said."""
    low, high = float(ends[0].min()), float(ends[1].max())
    refused = ""
    if scale is not None:
        raw = scale.undone(ends, 1)
        for top in (1.0, 255.0):
            if raw.min() >= -0.02 * top and raw.max() <= 1.02 * top and (top == 1 or raw.max() > 64):
                return _undoing(scale, 255 / top), f"un-normalised with {scale.name}"
        span = f"{number(float(raw.min()), 3)} to {number(float(raw.max()), 3)}"
        refused = f"un-normalising with {scale.name} would give {span}; "
    if low >= 0 and high <= 1:
        return (lambda x: x * 255), refused + "drawn as they are, from 0 to 1"
    if low >= 0 and high <= 255 and (are_bytes or high > BRIGHT):
        return (lambda x: x), refused + "drawn as they are, from 0 to 255"
    if scale is None and -1 <= low < -0.5 and 0.5 < high <= 1:
        return (lambda x: (x + 1) * 127.5), "drawn from -1 as black to 1 as white"
    span = f"{number(low, 3)} as black to {number(high, 3)} as white"
    told = f"{refused}scaled from {span}"
    told += "" if scale is not None else ": no normalisation was found, `--mean` and `--std` give it"
    return (lambda x: (x - low) * (255 / ((high - low) or 1.0))), told


def _undoing(scale: Scale, times: float) -> Any:
    return lambda x: scale.undone(x, -3) * times


def _array(image: Tensor) -> np.ndarray:
    """(C, H, W) or (F, C, H, W), as float64."""
    if image.ndim == 4:
        image = image[:: max(1, -(-len(image) // FRAMES))][:FRAMES]
    values: np.ndarray = image.detach().float().nan_to_num().cpu().numpy().astype("f8")
    return values


def _strip(image: np.ndarray, side: int = SIDE) -> np.ndarray:
    """Pixels of one image, or of the frames of one video side by side."""
    frames = [_small(frame, side) for frame in (image if image.ndim == 4 else image[None])]
    gap = np.full((frames[0].shape[0], 2, *frames[0].shape[2:]), 128, np.uint8)
    parts = [part for frame in frames for part in (gap, frame)][1:]
    return np.concatenate(parts, axis=1)


def _small(image: np.ndarray, side: int) -> np.ndarray:
    image = image[:3] if image.shape[0] in (3, 4) else image[:1]
    down, across = strides(image.shape[-2:], side)
    if down * across > 1:
        height, width = image.shape[-2] // down, image.shape[-1] // across
        cut = image[:, : height * down, : width * across]
        image = cut.reshape(len(image), height, down, width, across).mean((2, 4))
    pixels = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0))


def strides(shape: Sequence[int], side: int = SIDE) -> tuple[int, int]:
    """Pixels that become one, down and across: as many both ways, but in what is much longer one way."""
    down, across = (max(1, -(-length // side)) for length in shape)
    return (down, across) if max(shape) > LONG * min(shape) else (max(down, across),) * 2


def masks(target: Any, size: int, sides: tuple[int, int]) -> list[np.ndarray] | None:
    """Targets of one class for each pixel, as whole numbers; None where the target is something else."""
    if not isinstance(target, Tensor) or target.ndim not in (3, 4) or len(target) != size:
        return None
    if tuple(target.shape[-2:]) != sides or target.is_complex():
        return None
    if target.ndim == 4 and target.shape[1] == 1:
        target = target[:, 0]
    values = target.detach().cpu()
    if values.ndim == 4:
        one_hot = bool(((values == 0) | (values == 1)).all()) and values.shape[1] > 1
        if not one_hot:
            return None
        values = torch.where(values.sum(1) > 0, values.float().argmax(1), -1)
    if values.is_floating_point():
        if not bool((values == values.round()).all()) or values.unique().numel() > 32:
            return None
    elif values.dtype is torch.uint8 and int(values.max()) > 64 and values.unique().numel() > 64:
        return None
    down, across = strides(sides)
    height, width = sides[0] // down * down, sides[1] // across * across  # as the pixels are cut
    return [mask.long().numpy()[:height:down, :width:across] for mask in values[:32]]


def boxes(target: Any, sides: Sequence[tuple[int, int]], names: Mapping[int, str]) -> list[tuple[Box, ...]] | None:
    """The boxes of detections, one dict an example; None where the targets are something else."""
    if not isinstance(target, (list, tuple)) or not all(
        (fields_of(item) or {}).get("boxes") is not None for item in target
    ):
        return None
    found = []
    for item, (height, width) in zip(target, sides, strict=False):
        fields = fields_of(item) or {}
        corners = torch.as_tensor(fields["boxes"]).detach().float().reshape(-1, 4).cpu().tolist()
        labels = fields.get("labels")
        told = [] if labels is None else [names.get(int(label), str(int(label))) for label in torch.as_tensor(labels)]
        share = 1.0 if all(0 <= value <= 1 for corner in corners for value in corner) else 0.0
        across, down = (share or width), (share or height)
        found.append(
            tuple(
                Box(a / across, b / down, c / across, d / down, told[i] if i < len(told) else "")
                for i, (a, b, c, d) in enumerate(corners)
            )
        )
    return found
