"""A call of the user's model that can be made again, and where in its answer the scores of a loss stand."""

from __future__ import annotations

import inspect
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


#: of each axis of a tensor where a view of it begins, and how many entries it leaves out
Cuts = tuple[tuple[int, int], ...]
#: names of what a batch holds for a target
TARGETS = ("labels", "label", "targets", "target", "y")


@dataclass(frozen=True)
class Output:
    """Where in a model's answer the scores stand that a loss was given: its tensor, and shape, strides and offset.

    For a batch of another size, without a view, what was cut off each axis is cut off again.
    """

    index: int
    view: tuple[tuple[int, ...], tuple[int, ...], int] | None
    cuts: Cuts = ()

    def of(self, made: list[Tensor]) -> Tensor:
        tensor = made[self.index].detach()
        if self.view is not None:
            shape, strides, offset = self.view
            return tensor.as_strided(shape, strides, tensor.storage_offset() + offset)
        for axis, (start, missing) in enumerate(self.cuts):
            tensor = tensor.narrow(axis, start, tensor.shape[axis] - missing) if missing else tensor
        return tensor

    @property
    def shorter(self) -> int:
        """How many places of a sequence the loss was not given."""
        return self.cuts[1][1] if len(self.cuts) > 2 else 0


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
            return Output(index, (tuple(output.shape), output.stride(), offset), _cuts(tensor, output, offset))
    return None


def _cuts(whole: Tensor, view: Tensor, offset: int) -> Cuts:
    found = []
    for size, stride in zip(whole.shape, whole.stride(), strict=True):
        length = next((n for n, s in zip(view.shape, view.stride(), strict=True) if s == stride and n <= size), size)
        start = offset // stride if stride else 0
        offset -= start * stride
        found.append((start, size - length) if start <= size - length else (0, 0))
    return tuple(found)


def classes_last(made: Tensor, output: Tensor) -> bool:
    """Whether a model returns the classes last, where the loss was given a view of it that has them second."""
    if made.ndim < 3 or output.ndim < 2:
        return False
    return (made.shape[-1], made.stride(-1)) == (output.shape[1], output.stride(1))


def given(asked: Asked, probe: Any, target: Tensor) -> tuple[Asked, Tensor]:
    """A call with a batch of the user's choice, and its target; `target` is what the loss was given for the first.

    Raises LookupError for a batch that has nothing of what the model is called with.
    """
    if not isinstance(probe, Mapping):
        *inputs, last = probe
        return Asked(asked.module, (*inputs[: len(asked.args)],), asked.kwargs, ()), last
    key = next((key for key in TARGETS if isinstance(probe.get(key), Tensor)), None)
    kwargs = {name: probe.get(name, value) for name, value in asked.kwargs.items()}
    names = [*inspect.signature(asked.module.forward).parameters, *[""] * len(asked.args)]
    args = [probe.get(name, value) for name, value in zip(names, asked.args, strict=False)]
    if asked.args and not set(names) & set(probe) and not set(kwargs) & set(probe):
        inputs = [value for name, value in probe.items() if name != key and isinstance(value, Tensor)]
        if len(inputs) != 1:
            raise LookupError(f"the batch given has {', '.join(map(str, probe))}, none of them an input of the model")
        args[0] = inputs[0]
    call = Asked(asked.module, tuple(args), kwargs, ())
    return call, target if key is None else _as_counted(asked.kwargs.get(key), target, probe[key])


def cut_like(output: Output, target: Tensor, ahead: bool) -> Tensor:
    """The target of a batch of the user's choice at the places that the loss is given; `ahead` for the next tokens."""
    if not output.shorter or target.ndim != 2 or target.shape[1] <= output.shorter:
        return target
    start = output.shorter if ahead else output.cuts[1][0]
    return target.narrow(1, start, target.shape[1] - output.shorter)


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
