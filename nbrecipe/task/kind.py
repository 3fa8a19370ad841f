"""What is being learned: classes, a number, tokens, an image; read off targets, outputs and the loss's own call."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..batches import Feed, leaves
from .call import LossCall


class Kind(str, enum.Enum):
    """What a model learns to give for an example."""

    CLASSES = "classes"  # one of C classes: output (N, C), target (N,) or soft (N, C)
    BINARY = "binary"  # yes or no: output (N,) or (N, 1)
    MULTILABEL = "multi-label"  # several yes or no: output and target (N, K)
    REGRESSION = "regression"  # numbers: output and target (N, ...) of few values an example
    NEXT_TOKEN = "next token"  # a class at every position of a sequence: ids in, (N, T, V) out
    SEGMENTATION = "segmentation"  # a class or a yes/no at every pixel
    RECONSTRUCTION = "reconstruction"  # an image or a signal out
    OWN = "own"  # only a loss is known: the model's own, or a function not understood

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Task:
    """What is learned from one batch, before any training.

    `call` is the understood call that gave the loss; None for a loss written by hand and for a sum of several losses.
    `output` is the model's main tensor (what the loss was given, where the model's own cannot be told), `loss` the
    user's loss as they reduce it (the mean where they do not); both are those of the batch at hand, detached.
    """

    kind: Kind
    feed: Feed
    output: Tensor | None
    target: Any
    loss: Tensor | None
    call: LossCall | None
    #: number of classes, labels or values per example; None where unknown
    classes: int | None
    #: the loss of these targets for any output of the shape of `output`; None where it cannot be asked
    loss_of: Callable[[Tensor], Tensor] | None


#: rows and columns from which on (N, H, W) is taken for images rather than for short sequences of vectors
_IMAGE_SIDE = 8


def kind_of(call: LossCall | None, fed: Feed, output: Tensor | None) -> tuple[Kind, int | None]:
    """The kind of task and its number of classes, labels or values per example."""
    if call is not None and call.name in ("cross_entropy", "nll_loss", "kl_div"):
        return _classes(call, fed, output)
    if call is not None:
        return _values(_unflattened(call.input, output), call.target, fed, yes_no=call.name.startswith("binary"))
    target = fed.target
    if output is None or not isinstance(target, Tensor):
        return Kind.OWN, None
    if target.numel() == output.numel() and (target.is_floating_point() or target.dtype is torch.bool):
        return _values(output, target, fed, yes_no=_is_yes_no(target))
    if target.is_floating_point() or output.ndim < 2:
        return Kind.OWN, None
    return _indexed(output, target)


def _classes(call: LossCall, fed: Feed, output: Tensor | None) -> tuple[Kind, int | None]:
    """Cross-entropy's input is (N, C), (N, C, T) or (N, C, H, W), or any of them flattened to (M, C)."""
    classes = call.input.shape[1] if call.input.ndim > 1 else call.input.shape[0]
    inner = max(call.input.ndim - 2, 0)
    if inner == 0 and call.input.ndim == 2:
        inner = _flattened_axes(call.input.shape[0], fed, output)
    kind = (Kind.CLASSES, Kind.NEXT_TOKEN, Kind.SEGMENTATION)[min(inner, 2)]
    return kind, classes


def _flattened_axes(rows: int, fed: Feed, output: Tensor | None) -> int:
    """How many axes beside the batch were flattened into these rows."""
    shapes = [t.shape for t in (fed.target, output) if isinstance(t, Tensor) and t.ndim]
    ids = [t.shape for t in leaves([fed.args, fed.kwargs]) if isinstance(t, Tensor) and t.ndim and _is_ids(t)]
    for shape in (*shapes, *ids):
        for axes in range(len(shape), 0, -1):
            # causal language models that shift inside drop one position of each row
            if shape[:axes].numel() == rows or (axes == 2 and shape[0] * (shape[1] - 1) == rows):
                return sum(length > 1 for length in shape[1:axes])
    return 0


def _indexed(output: Tensor, target: Tensor) -> tuple[Kind, int | None]:
    """A loss written by hand, with class indices for target."""
    highest = int(target.max()) if target.numel() else 0
    if output.shape[:-1] == target.shape and output.shape[-1] > highest:
        inner, classes = output.ndim - 2, output.shape[-1]
    elif output.shape[:1] + output.shape[2:] == target.shape and output.shape[1] > highest:
        inner, classes = output.ndim - 2, output.shape[1]
    elif target.numel() == output.numel():
        return Kind.REGRESSION, output[0].numel()
    else:
        return Kind.OWN, None
    return (Kind.CLASSES, Kind.NEXT_TOKEN, Kind.SEGMENTATION)[min(inner, 2)], classes


def _values(output: Tensor, target: Tensor, fed: Feed, *, yes_no: bool) -> tuple[Kind, int | None]:
    """One number for each number of the target."""
    count = output[0].numel() if output.ndim > 1 else 1
    sides = [length for length in output.shape[1:] if length > 1]
    image = len(output.shape) >= 4 or (len(sides) == 2 and min(sides) >= _IMAGE_SIDE)
    if _is_input(target, fed):
        return Kind.RECONSTRUCTION, count
    if yes_no:
        if image:
            return (Kind.SEGMENTATION if _is_yes_no(target) else Kind.RECONSTRUCTION), count
        return (Kind.BINARY if count == 1 else Kind.MULTILABEL), count
    return (Kind.RECONSTRUCTION if image and count > 1 else Kind.REGRESSION), count


def _unflattened(given: Tensor, output: Tensor | None) -> Tensor:
    """The model's output where the loss was given the same numbers in another shape."""
    return output if output is not None and output.ndim and output.numel() == given.numel() else given


def _is_input(target: Tensor, fed: Feed) -> bool:
    flat = target.flatten()
    inputs = [item for item in leaves([fed.args, fed.kwargs]) if isinstance(item, Tensor)]
    return target.numel() > len(target) and any(
        t.numel() == flat.numel() and t.is_floating_point() and torch.equal(t.flatten().to(flat.dtype), flat)
        for t in inputs
    )


def _is_ids(tensor: Tensor) -> bool:
    return not (tensor.is_floating_point() or tensor.is_complex() or tensor.dtype is torch.bool)


def _is_yes_no(target: Tensor) -> bool:
    return target.dtype is torch.bool or bool(((target == 0) | (target == 1)).all())
