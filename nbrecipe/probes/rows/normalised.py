"""Along which axis numbers are normalised: probabilities that sum to 1, or their logarithms; read off the values."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .softmaxes import Judged, Softmaxes

#: how far sums may be off for rounding before a format is too coarse to tell
COARSE = 0.01


@dataclass(frozen=True)
class Crossed:
    """A loss is given numbers that are normalised along another axis than that of its classes."""

    loss: str
    shape: tuple[int, ...]
    axis: int
    #: the axis of the classes, and the least and largest sum along it
    classes: int
    sums: tuple[float, float]


def crossed(seen: Softmaxes) -> Crossed | None:
    """The first loss whose input is normalised along a wrong axis, and not along the right one."""
    for judged in seen.losses:
        for values, classes in _views(judged, seen.output):
            found = _crossed(judged, values, classes)
            if found is not None:
                return found
    return None


def _views(judged: Judged, output: Tensor | None) -> list[tuple[Tensor, int]]:
    """What the loss is given and its axis of classes; the model's answer too, where the loss is given it flattened."""
    values = judged.input
    if values.ndim < 2:
        return []
    if judged.name == "ctc_loss":
        return [(values, values.ndim - 1)]
    if judged.name == "kl_div":
        return [(values, axis) for axis in _along(judged.target.to(values), values.shape)]
    found = [(values, 1)]
    flat = output is not None and output.ndim > 2 and values.ndim == 2 and output.shape[-1] == values.shape[1]
    if output is not None and flat and torch.equal(output.flatten(0, -2)[:1].to(values), values[:1]):
        found.append((output, output.ndim - 1))
    return found


def _along(target: Tensor, shape: torch.Size) -> list[int]:
    """The one axis along which targets are normalised."""
    if target.shape != shape:
        return []
    axes = [axis for axis in range(target.ndim) if shape[axis] > 1 and _is_normalised(target, axis)]
    return axes if len(axes) == 1 else []


def _crossed(judged: Judged, values: Tensor, classes: int) -> Crossed | None:
    if values.dtype not in (torch.float32, torch.float64) or values.shape[classes] < 2 or not values.numel():
        return None
    log = bool((values <= 0).all())
    if not log and (judged.name != "cross_entropy" or bool((values < 0).any())):
        return None
    if _is_normalised(values, classes):
        return None
    for axis, length in enumerate(values.shape):
        if axis != classes and length > 1 and _is_normalised(values, axis):
            sums = _sums(values, classes)
            return Crossed(judged.name, tuple(values.shape), axis, classes, (float(sums.min()), float(sums.max())))
    return None


def _sums(values: Tensor, axis: int) -> Tensor:
    return (values.double().exp() if bool((values <= 0).all()) else values.double()).sum(axis)


def _is_normalised(values: Tensor, axis: int) -> bool:
    """Whether every sum along the axis is 1 but for rounding: the error of a sum of that many numbers of that size."""
    largest = float(values.abs()[values.isfinite()].max()) if bool(values.isfinite().any()) else 0.0
    allowed = torch.finfo(values.dtype).eps * (16 + values.shape[axis]) * (1 + largest)
    return allowed < COARSE and bool(((_sums(values, axis) - 1).abs() <= allowed).all())
