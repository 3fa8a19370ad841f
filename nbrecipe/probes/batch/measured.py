"""A line of numbers for every tensor that goes into the model, and for those of the target."""

from __future__ import annotations

import re
from collections.abc import Iterable

import torch
from torch import Tensor

from ...batches import TARGET_KEYS
from ...pictures.batch import Role, TensorLine
from .fed import Fed, named_tensors

#: lists of more tensors than this get one line for all, and those with one for each example of more than two
_MANY, _EXAMPLES = 4, 2
#: lines of one batch
_LINES = 24


def lines(given: Fed) -> tuple[TensorLine, ...]:
    """Inputs first, then targets; lists with a tensor an example in one line."""
    target = list(named_tensors("target", given.target)) if given.target is not None else []
    inputs = list(given.tensors())
    target = [(name, tensor) for name, tensor in target if not any(_equal(tensor, other) for _, other in inputs)]
    labels = [pair for pair in inputs if is_target(pair[0])]
    others = [pair for pair in inputs if not is_target(pair[0])]
    if not others:  # then it is what the model reads
        others, labels = labels, []
    size = given.size
    return tuple([*_grouped(others, "input", size), *_grouped([*labels, *target], "target", size)][:_LINES])


def is_target(name: str) -> bool:
    """Whether an input is the target, which a model takes that computes its own loss."""
    parts = [part.strip('"]').lower() for part in re.split(r"[\[.]", name)]
    return parts[0] in TARGET_KEYS or parts[-1] in TARGET_KEYS


def _equal(one: Tensor, other: Tensor) -> bool:
    """Whether a target is an input too, as for a model that computes its own loss."""
    alike = one.shape == other.shape and one.dtype == other.dtype and one.layout is other.layout is torch.strided
    return alike and torch.equal(one, other)


def _grouped(pairs: Iterable[tuple[str, Tensor]], role: Role, size: int) -> list[TensorLine]:
    groups: dict[str, list[tuple[str, Tensor]]] = {}
    for name, tensor in pairs:
        groups.setdefault(re.sub(r"\[\d+\]", "[i]", name), []).append((name, tensor))
    found = []
    for name, members in groups.items():
        if len(members) > _MANY or len(members) == size > _EXAMPLES:
            found.append(line(name, role, [tensor for _, tensor in members]))
        else:
            found += [line(single, role, [tensor]) for single, tensor in members]
    return found


def line(name: str, role: Role, tensors: list[Tensor]) -> TensorLine:
    """One line about a tensor, or about several that have one name."""
    first = tensors[0]
    shape = _shape(first) if len(tensors) == 1 else f"{len(tensors)} × {_common(tensors)}"
    dtype = str(first.dtype).removeprefix("torch.")
    if first.layout is not torch.strided or not sum(tensor.numel() for tensor in tensors):
        return TensorLine(name, role, shape, dtype, str(first.device))
    values = torch.cat([_plain(tensor) for tensor in tensors]) if len(tensors) > 1 else _plain(first)
    nan, finite = values.isnan(), values.isfinite()
    kept = values[finite] if not bool(finite.all()) else values
    line = TensorLine(name, role, shape, dtype, str(first.device))
    if not kept.numel():
        return TensorLine(*_start(line), nan=int(nan.sum()), infinite=int((~finite).sum() - nan.sum()))
    wide = kept.double() if kept.numel() < 1 << 24 and kept.device.type != "mps" else kept
    return TensorLine(
        *_start(line),
        low=float(kept.min()),
        high=float(kept.max()),
        mean=float(wide.mean()),
        std=float(wide.std(correction=0)),
        nan=int(nan.sum()),
        infinite=int((~finite).sum() - nan.sum()),
        zeros=float((values == 0).float().mean()),
    )


def _start(line: TensorLine) -> tuple[str, Role, str, str, str]:
    return line.name, line.role, line.shape, line.dtype, line.device


def _plain(tensor: Tensor) -> Tensor:
    values = tensor.detach()
    values = values.abs() if values.is_complex() else values
    return values.flatten().float() if values.dtype is not torch.float64 else values.flatten()


def _shape(tensor: Tensor) -> str:
    return str(tuple(tensor.shape))


def _common(tensors: list[Tensor]) -> str:
    if any(tensor.ndim != tensors[0].ndim for tensor in tensors):
        return "tensors of several shapes"
    sides = [sorted({tensor.shape[axis] for tensor in tensors}) for axis in range(tensors[0].ndim)]
    told = [str(side[0]) if len(side) == 1 else f"{side[0]} to {side[-1]}" for side in sides]
    return f"({', '.join(told)}{',' if len(told) == 1 else ''})"
