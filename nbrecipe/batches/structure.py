"""What a batch is made of: containers, tensors, their first axis."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

TARGET_KEYS = ("labels", "label", "targets", "target", "y", "y_true")
OUTPUT_KEYS = ("logits", "output", "outputs", "prediction", "predictions", "pred", "y_hat", "sample", "reconstruction")


class BadInput(ValueError):
    """What was handed over cannot be used; the message is one sentence that says what to do.

    `lacks` is the field of the bench that nobody handed over, "" where none is missing.
    """

    def __init__(self, message: str, lacks: str = "") -> None:
        super().__init__(message)
        self.lacks = lacks


def batch_size(batch: Any) -> int:
    """The number of examples in a batch: the first length of its target, or else of its first part that has one."""
    fields = fields_of(batch)
    if fields is not None:
        parts = [fields[key] for key in TARGET_KEYS if key in fields] + list(fields.values())
    elif _is_columns(batch):
        parts = [*batch[-1:], *batch[:-1]]
    else:
        parts = [batch]
    size = next((length for part in parts if (length := _length(part)) is not None), None)
    if size is None:
        raise BadInput(f"a batch of type {type(batch).__name__} holds no tensor with a batch axis")
    return size


def take(batch: Any, count: int, start: int = 0) -> Any:
    """`count` examples of a batch, from `start` on; what has another first length is shared and stays whole."""
    size, rows = batch_size(batch), slice(start, start + count)

    def cut(item: Any) -> Any:
        if isinstance(item, Tensor) and item.ndim and item.shape[0] == size:
            return item[rows]
        listed = isinstance(item, (list, tuple)) and not hasattr(item, "_fields")
        if listed and len(item) == size and _is_examples(item, size) and not (item is batch and _is_columns(item)):
            return type(item)(item[rows])
        return item

    return apply(batch, cut)


def _length(part: Any) -> int | None:
    if isinstance(part, Tensor):
        return int(part.shape[0]) if part.ndim else None
    if isinstance(part, (list, tuple)) and _is_examples(part):
        return len(part)
    return next((int(item.shape[0]) for item in leaves(part) if isinstance(item, Tensor) and item.ndim), None)


def _is_columns(batch: Any) -> bool:
    """Whether a batch is a tuple or list of inputs and target, each for all examples."""
    return isinstance(batch, (tuple, list)) and any(isinstance(item, (Tensor, tuple, list, Mapping)) for item in batch)


def _is_examples(items: Any, size: int | None = None) -> bool:
    """Whether a list holds one entry an example, as for images of several sizes, boxes and texts; not whole columns.

    Of tensors as long as each other it does where they are not as long as the batch, or three images of three colours.
    """
    tensors = [item for item in items if isinstance(item, Tensor)]
    if len(tensors) == len(items) and tensors:
        first = tensors[0]
        if any(t.ndim == 0 or t.shape[0] != first.shape[0] for t in tensors):
            return True
        return size is not None and (first.shape[0] != size or (size == 3 and all(t.ndim == 3 for t in tensors)))
    return len(items) > 0 and not tensors and not any(isinstance(item, (list, tuple)) for item in items)


def move(batch: Any, device: torch.device) -> Any:
    """The batch on another device, with the structure it had."""
    return apply(batch, lambda item: item.to(device) if isinstance(item, Tensor) else item)


def apply(batch: Any, change: Callable[[Any], Any]) -> Any:
    """The same structure with every leaf changed; `change` may also replace a whole list of plain values."""
    changed = change(batch)
    if changed is not batch or isinstance(batch, Tensor):
        return changed
    if isinstance(batch, Mapping):
        items = {key: apply(value, change) for key, value in batch.items()}
        return items if type(batch) is dict else _like_mapping(batch, items)
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(apply(item, change) for item in batch))
    if isinstance(batch, (tuple, list)):
        return type(batch)(apply(item, change) for item in batch)
    if dataclasses.is_dataclass(batch) and not isinstance(batch, type):
        return dataclasses.replace(
            batch, **{f.name: apply(getattr(batch, f.name), change) for f in dataclasses.fields(batch) if f.init}
        )
    return batch


def leaves(batch: Any) -> Iterator[Any]:
    """Every value that is no container, in order."""
    fields = fields_of(batch)
    if fields is not None:
        batch = list(fields.values())
    if isinstance(batch, (tuple, list)):
        for item in batch:
            yield from leaves(item)
    else:
        yield batch


def fields_of(value: Any) -> dict[str, Any] | None:
    """The named parts of a mapping, a dataclass, or a named tuple of inputs and targets; None for anything else."""
    if isinstance(value, Mapping):
        return dict(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        named: dict[str, Any] = value._asdict()
        return named if set(named) & {*TARGET_KEYS, *OUTPUT_KEYS, "loss"} else None
    return None


def _like_mapping(batch: Any, items: dict[str, Any]) -> Any:
    try:
        return type(batch)(items)  # BatchEncoding, UserDict, OrderedDict
    except TypeError:
        return items
