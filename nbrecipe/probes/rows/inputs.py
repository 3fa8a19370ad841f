"""The inputs that gradients reach, by the names that `forward` gives them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from ... import batches
from ...batches import Feed
from .arguments import given


@dataclass(frozen=True)
class Input:
    """One tensor of the inputs, and what `forward` calls it."""

    name: str
    tensor: Tensor
    #: whether it is what a table gave for tokens
    looked_up: bool = False

    @property
    def is_image(self) -> bool:
        """(N, C, H, W) of more than a few pixels a side; (N, C, 1, T) is a sequence."""
        return self.tensor.ndim >= 4 and min(self.tensor.shape[-2:]) > 2

    @property
    def has_columns(self) -> bool:
        """Whether its last axis runs over columns that mean something each."""
        return not self.looked_up and 2 <= self.tensor.ndim <= 3


def named_inputs(model: nn.Module, fed: Feed, tensors: list[Tensor], size: int) -> list[Input]:
    """The tensors that `dependency.inputs_and_output` made, with their names and in its order: tables come last."""
    named: list[str] = []
    tokens: list[str] = []
    for name, value in given(model, fed):
        items = [item for item in batches.leaves(value) if isinstance(item, Tensor) and item.ndim]
        reached = [item for item in items if item.is_floating_point() and item.shape[0] == size]
        named += [name] if len(reached) == 1 else [f"{name}[{i}]" for i in range(len(reached))]
        tokens += [name] * any(not item.is_floating_point() and item.ndim > 1 for item in items)
    leaves = [Input(name, tensor) for name, tensor in zip(named, tensors, strict=False)]
    rest = tensors[len(named) :]
    told = tokens if len(tokens) == len(rest) else [f"embedding {i}" if i else "embedding" for i in range(len(rest))]
    return leaves + [Input(name, tensor, looked_up=True) for name, tensor in zip(told, rest, strict=True)]
