"""What the last operation of a model lets through, read off the graph, and the lowest loss within it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ...task import LossCall
from ...task.predictions import rows_of

#: how close rows of probabilities must come to a sum of one in float32
_ONE = 1e-4
#: stands for infinity in a logit: exp(-40) is nothing in float32
_FAR = 40.0
#: operations that move numbers and do not change them
_MOVES = (
    "View", "UnsafeView", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Permute", "T", "Select", "Slice", "Alias",
    "ToCopy", "Clone", "Expand", "Flatten", "Unbind", "Split",
)  # fmt: skip


@dataclass(frozen=True)
class Bounds:
    """All that the outputs can be, and the operation that makes it so."""

    low: float
    high: float
    by: str

    def __str__(self) -> str:
        high = "infinity" if math.isinf(self.high) else f"{self.high:g}"
        return f"({self.low:g}, {high})"


_BOUNDS = {
    "Softmax": Bounds(0, 1, "softmax"),
    "Sigmoid": Bounds(0, 1, "sigmoid"),
    "Tanh": Bounds(-1, 1, "tanh"),
    "Relu": Bounds(0, math.inf, "ReLU"),
    "Softplus": Bounds(0, math.inf, "softplus"),
    "Exp": Bounds(0, math.inf, "exponential"),
}


def bounds_of(scores: Tensor) -> Bounds | None:
    """The bounds of these scores, which still have their graph; None where nothing bounds them for sure."""
    node = scores.grad_fn
    while node is not None:
        name = node.name().rstrip("0123456789").removesuffix("Backward")
        if name in _BOUNDS:
            return _BOUNDS[name]
        if name not in _MOVES or not node.next_functions:
            break
        node = node.next_functions[0][0]
    return _BOUNDS["Softmax"] if _sums_to_one(scores.detach()) else None


def best_within(call: LossCall, bounds: Bounds) -> float | None:
    """A loss that no outputs within these bounds can undercut; None where that is not worked out."""
    low, high = bounds.low, min(bounds.high, _FAR)
    with torch.no_grad():
        if call.name == "cross_entropy":
            best = _label_against_rest(call, low, high)
        elif call.name == "binary_cross_entropy_with_logits":
            best = call.target.logit().clamp(low, high)
        elif call.name in ("mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss"):
            best = call.target.clamp(low, bounds.high)
        else:
            return None
        return None if best is None else float(call.again(best.to(call.input)).mean())


def _label_against_rest(call: LossCall, low: float, high: float) -> Tensor | None:
    if call.target.is_floating_point() or call.options.get("label_smoothing"):
        return None
    classes = call.input.shape[1] if call.input.ndim > 1 else call.input.shape[0]
    right = torch.nn.functional.one_hot(call.target.clamp(0, classes - 1), classes)
    right = right.movedim(-1, 1) if call.input.ndim > 1 else right
    return low + (high - low) * right


def _sums_to_one(scores: Tensor) -> bool:
    if scores.ndim < 2 or scores.shape[1] < 2:
        return False
    rows = rows_of(scores)
    return bool((rows >= 0).all()) and bool(((rows.sum(1) - 1).abs() <= _ONE).all())
