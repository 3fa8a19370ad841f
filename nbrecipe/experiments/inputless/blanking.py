"""A batch whose inputs say nothing of its targets: all the same, or those of other rows; lengths and masks stay."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ...batches import BadInput, Feed, apply, leaves
from ...batches.structure import fields_of

#: parts of a batch that say how long a row is or where its tokens stand, by name
SHAPES = re.compile(r"mask|length|len$|position|type_ids|padding|pos$", re.I)
Blank = Callable[[Any, Feed], Any]


def zeroed(batch: Any, fed: Feed) -> Any:
    """Every input is 0, every id the same one."""
    return _changed(batch, fed, _blank)


def _blank(item: Tensor) -> Tensor:
    """Zeros; of ids and counts the least above 0, since rows of padding alone, or of length 0, have no answer.

    Places where rows begin, which rise from 0, become 0.
    """
    whole = item.dtype in (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
    if not whole or not bool((item > 0).any()):
        return torch.zeros_like(item)
    if item.ndim == 1 and len(item) > 1 and int(item[0]) == 0 and bool((item.diff() >= 0).all()):
        return torch.zeros_like(item)
    return torch.full_like(item, int(item[item > 0].min()))


def shuffled(batch: Any, fed: Feed) -> Any:
    """Every row has the inputs of another one, all its inputs those of one row; drawn by torch's own generator."""
    size = fed.size
    order = torch.randperm(size)
    moved = (order == torch.arange(size)).nonzero().flatten()
    if len(moved) and size > 1:  # a row that kept its own inputs takes those of its neighbour
        order = order.roll(1) if len(moved) == size else _apart(order)

    def mixed(item: Tensor) -> Tensor:
        axis = _row_axis(item, size)
        return item if axis is None else item.index_select(axis, order.to(item.device))

    inputs = _inputs(batch, fed)
    apart = [item for item in inputs if _row_axis(item, size) is None]
    if len(apart) == len(inputs) or any(item.ndim == 1 for item in apart):  # such as ids of all texts, end to end
        shape = " × ".join(map(str, apart[0].shape))
        raise BadInput(f"an input of {shape} has no row for each of {size} examples, so they cannot exchange theirs")
    return _changed(batch, fed, mixed)


def _row_axis(item: Tensor, size: int) -> int | None:
    """The axis of the examples: the first, or the second where time comes first; None where there is none."""
    return next((axis for axis in range(min(2, item.ndim)) if item.shape[axis] == size), None)


def _apart(order: Tensor) -> Tensor:
    """The same permutation without a row that stays where it is."""
    found = order.clone()
    for row in range(len(found)):
        if int(found[row]) == row:
            other = (row + 1) % len(found)
            found[row], found[other] = found[other].clone(), found[row].clone()
    return found


def _changed(batch: Any, fed: Feed, change: Callable[[Tensor], Tensor]) -> Any:
    """The batch with its inputs changed."""
    chosen = {id(item) for item in _inputs(batch, fed)}
    return apply(batch, lambda item: change(item) if id(item) in chosen else item)


def _inputs(batch: Any, fed: Feed) -> list[Tensor]:
    """The tensors that are no target and no shape. Raises BadInput where there are none."""
    kept = {id(item) for item in leaves(fed.target) if isinstance(item, Tensor)} | _shapes(batch)
    inputs = [item for item in leaves(batch) if isinstance(item, Tensor) and item.ndim and id(item) not in kept]
    if not inputs:
        raise BadInput("no input of the batch is another tensor than the target, so none can be taken away alone")
    return inputs


def _shapes(batch: Any) -> set[int]:
    """Lengths, masks and positions, by their names."""
    fields = fields_of(batch)
    if fields is None:
        return set()
    named = [value for name, value in fields.items() if SHAPES.search(str(name))]
    return {id(item) for value in named for item in leaves(value) if isinstance(item, Tensor)}
