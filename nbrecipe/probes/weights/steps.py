"""How many steps an optimizer has made with the weights of a model, by what it remembers of them."""

from __future__ import annotations

from typing import Any

from torch import nn


def steps_of(optimizer: Any, model: nn.Module) -> int:
    """The most steps that any weight of the model was moved; 0 where the optimizer keeps no count, as plain SGD."""
    state = getattr(optimizer, "state", None)
    if not state:
        return 0
    held = (state.get(parameter) for parameter in model.parameters())
    counts = [each.get("step", 0) for each in held if isinstance(each, dict)]
    return max((int(count) for count in counts), default=0)
