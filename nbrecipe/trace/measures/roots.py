"""What lies between a loss and the root that backward is called on, read off the autograd graph."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

#: nodes through which the values of a loss pass on, but for a factor, a sum or a choice of them
PASSING = (
    "Mean", "Sum", "NanSum", "Add", "Sub", "Mul", "Div", "Neg", "View", "UnsafeView", "Reshape", "Squeeze", "Unsqueeze",
    "ToCopy", "Clone", "Index", "Select", "Slice", "MaskedSelect", "Where", "Stack", "Cat", "Expand", "NanToNum",
)  # fmt: skip
CLAMPS = ("Clamp", "Minimum", "Hardtanh")
#: nodes whose values are those of a loss function
LOSSES = ("NllLoss", "MseLoss", "SmoothL1Loss", "HuberLoss", "BinaryCrossEntropy", "SoftMarginLoss", "MultiMarginLoss",
          "LogSoftmax", "GaussianNllLoss", "CtcLoss")  # fmt: skip
#: nodes looked at
MOST = 64


@dataclass
class Ceiling:
    """A clamp that the values of a loss pass through, its highest value, and the share of values above it."""

    limit: float
    above: float
    #: number of values
    count: int
    #: squares of a difference, not values of a loss function
    by_hand: bool
    #: its node in the graph
    node: Any = None


def ceiling(root: Tensor) -> Ceiling | None:
    """The first such clamp below the root; None where there is none with a highest value."""
    waiting: deque[tuple[Any, Any]] = deque([(root.grad_fn, None)])
    for _ in range(MOST):
        if not waiting:
            break
        node, clamp = waiting.popleft()
        if node is None:
            continue
        name = type(node).__name__
        if clamp is not None and (name.startswith(LOSSES) or _square(node)):
            limit, above, count = _reached(clamp)
            if limit is not None:
                return Ceiling(limit, above, count, by_hand=not name.startswith(LOSSES), node=clamp)
        if name.startswith(CLAMPS):
            clamp = node if clamp is None else clamp
        elif not name.startswith(PASSING):
            continue
        waiting.extend((below, clamp) for below, _ in node.next_functions)
    return None


def sealed(root: Tensor, met: Ceiling) -> bool:
    """Whether no gradient of the root reaches a value above the limit: another term may send some past the clamp."""
    values = met.node._saved_self
    gradient = torch.autograd.grad(root, [values], retain_graph=True, allow_unused=True)[0]
    return gradient is None or not bool(gradient[values > met.limit].any())


def _square(node: Any) -> bool:
    """Whether a node takes the square of a difference."""
    name = type(node).__name__
    if not name.startswith("Pow") or getattr(node, "_saved_exponent", None) != 2:
        return False
    return any(type(below).__name__.startswith("Sub") for below, _ in node.next_functions)


def _reached(clamp: Any) -> tuple[float | None, float, int]:
    """The highest value that a clamp lets through, the share of its values above it, and how many there are."""
    limits = (getattr(clamp, name, None) for name in ("_saved_max", "_saved_max_val", "_saved_other"))
    limit = next((value for value in limits if value is not None), None)
    values = getattr(clamp, "_saved_self", None)
    if isinstance(limit, Tensor):
        if limit.numel() != 1 or limit.requires_grad:
            return None, 0.0, 0
        limit = limit.item()
    if limit is None or not isinstance(values, Tensor) or values.numel() == 0:
        return None, 0.0, 0
    return float(limit), float((values.detach() > limit).float().mean()), values.numel()
