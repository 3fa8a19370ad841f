"""A call of the user's model that can be made again, and where in its answer the scores of a loss stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..measures.facts import tensors

#: bytes of weights beyond which no copy is made
LARGEST = 1 << 30


@dataclass(frozen=True)
class Asked:
    """A call of a model: what it was given and what it returned."""

    module: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    made: tuple[Tensor, ...]


@dataclass(frozen=True)
class Output:
    """Where in a model's answer the scores stand that a loss was given: its tensor, and shape, strides and offset."""

    index: int
    view: tuple[tuple[int, ...], tuple[int, ...], int] | None

    def of(self, made: list[Tensor]) -> Tensor:
        tensor = made[self.index].detach()
        if self.view is None:
            return tensor
        shape, strides, offset = self.view
        return tensor.as_strided(shape, strides, tensor.storage_offset() + offset)


def unfit(asked: Asked) -> str:
    """Why a call cannot be made again later with the same inputs."""
    if any(tensor.requires_grad for tensor in tensors([asked.args, asked.kwargs])):
        return "the inputs come from another model that learns"
    held = sum(parameter.numel() * parameter.element_size() for parameter in asked.module.parameters())
    return "the weights are too large to copy" if held > LARGEST else ""


def where(made: tuple[Tensor, ...], output: Tensor) -> Output | None:
    """The tensor of a model's answer that a loss was given, whole or as a view; None where it was computed anew."""
    for index, tensor in enumerate(made):
        if tensor is output:
            return Output(index, None)
    for index, tensor in enumerate(made):
        if tensor.is_sparse or output.is_sparse:
            continue
        if tensor.untyped_storage().data_ptr() == output.untyped_storage().data_ptr():
            offset = int(output.storage_offset() - tensor.storage_offset())
            return Output(index, (tuple(output.shape), output.stride(), offset))
    return None


def classes_last(made: Tensor, output: Tensor) -> bool:
    """Whether a model returns the classes last, where the loss was given a view of it that has them second."""
    if made.ndim < 3 or output.ndim < 2:
        return False
    return (made.shape[-1], made.stride(-1)) == (output.shape[1], output.stride(1))


def given(asked: Asked, probe: Any, target: Tensor) -> tuple[Asked, Tensor]:
    """A call with a batch of the user's choice, and its target; `target` is what the loss was given for the first."""
    if isinstance(probe, Mapping):
        kwargs = {key: probe.get(key, value) for key, value in asked.kwargs.items()}
        key = next((key for key in ("labels", "label", "targets", "target", "y") if key in probe), None)
        if key is None or not isinstance(probe[key], Tensor):
            return Asked(asked.module, asked.args, kwargs, ()), target
        return Asked(asked.module, asked.args, kwargs, ()), _as_counted(asked.kwargs.get(key), target, probe[key])
    *inputs, last = probe
    return Asked(asked.module, (*inputs[: len(asked.args)],), asked.kwargs, ()), last


def _as_counted(labels: Any, target: Tensor, chosen: Tensor) -> Tensor:
    """The labels of a batch of the user's choice as a model that computes its own loss counts them: shifted by one."""
    if not isinstance(labels, Tensor) or labels.ndim != 2 or chosen.ndim != 2 or labels.shape[1] < 2:
        return chosen
    rows, width = labels.shape
    if target.numel() not in (rows * width, rows * (width - 1)):
        return chosen
    counted = target.reshape(rows, -1)[:, : width - 1].to(labels.device)
    if torch.equal(counted, labels[:, : width - 1]) or not torch.equal(counted, labels[:, 1:]):
        return chosen
    return nn.functional.pad(chosen[:, 1:], (0, 1), value=-100)
