"""Where examples are drawn from: a data set, what a loader makes of it, or a transform and what it is given."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, default_collate, default_convert

from ...batches import BadInput
from ...bench import Bench
from ...task.refusal import told

#: examples that a collate function is given at most; a tuple of so many columns is rare
TOGETHER = 7


@dataclass(frozen=True)
class Source:
    """What can be asked for the same example again and again."""

    #: what the user calls it
    name: str
    read: Callable[[int], Any]
    #: how many examples there are, None where nobody can say
    length: int | None
    #: the user's objects that take part
    things: tuple[Any, ...]
    #: the data set itself, None for an example alone
    data: Any = None
    #: what a transform is given, "" where that goes without saying
    given: str = ""

    def label(self, index: int) -> str:
        """An example as the user would write it."""
        return f"{self.name}[{index}]" if self.data is not None else self.name

    def place(self, index: Any) -> int:
        """The index counted from the front; BadInput, in one sentence, where there is no such example."""
        if isinstance(index, bool) or not isinstance(index, (int, np.integer)):
            raise BadInput(f"`index` is the number of an example; {index!r} was given")
        if self.length is None or -self.length <= index < self.length:
            return int(index) + (self.length or 0 if index < 0 else 0)
        only = "only example 0" if self.length == 1 else f"examples 0 to {self.length - 1}"
        raise BadInput(f"`{self.name}` has {only}; there is no {index}")

    def spread(self, count: int) -> list[int]:
        """So many places, from the first to the last, evenly."""
        if self.length is None or self.length <= count:
            return list(range(self.length or 1))
        return [round(i * (self.length - 1) / (count - 1)) for i in range(count)]

    def drawn(self, index: int) -> Any:
        """One reading of an example; BadInput tells of what the user's code raises."""
        try:
            return self.read(index)
        except BadInput:
            raise
        except Exception as error:
            given = f"; the transform is given {self.given}" if self.given else ""
            raise BadInput(
                f"reading `{self.label(index)}` raises {type(error).__name__}: {told(error)}{given}"
            ) from error


def source_of(data: Any, name: str, loader: Any = None) -> Source:
    """From a data set that is indexed by number, with what `loader` makes of its examples; or from a loader alone.

    Raises BadInput, in one sentence, for what cannot be asked for the same example twice.
    """
    if isinstance(data, DataLoader):
        data, loader, name = data.dataset, data, f"{name}.dataset"
    if isinstance(data, IterableDataset) or not hasattr(type(data), "__getitem__"):
        raise BadInput(_no_access(data, name))
    if isinstance(data, (str, bytes, Mapping)):
        raise BadInput(f"`{name}` is {_kind(data)}; a data set gives an example for each number")
    length = _length(data)
    if length == 0:
        raise BadInput(f"`{name}` is empty: it has no example")
    read = data.iloc.__getitem__ if _is_frame(data) else data.__getitem__
    collate = getattr(loader, "collate_fn", None)
    if collate is None or collate in (default_collate, default_convert):
        return Source(name, read, length, (data,), data)
    if loader.batch_sampler is None:
        return Source(name, lambda index: collate(read(index)), length, (data, collate), data)
    size = min(loader.batch_size or TOGETHER, TOGETHER, length or 1)
    return Source(name, _collated(read, collate, length or 1, size), length, (data, collate), data)


def transformed(transform: Any, name: str, source: Source | None, example: Any = None) -> Source:
    """The examples of a source, or one example, as a transform changes them; each draw is given a copy."""
    if isinstance(transform, type) or not callable(transform):
        raise BadInput(f"`{name}` is {_kind(transform)}; a transform is a function or an object to call")
    if source is None:
        return Source(name, lambda index: _called(transform, _copied(example)), 1, (transform,), None)
    inner = source
    made = f"{name}({source.name})" if source.name else name
    read: Callable[[int], Any] = lambda index: _called(transform, _copied(inner.read(index)))  # noqa: E731
    return Source(made, read, source.length, (*source.things, transform), source.data, source.given)


def source_in(bench: Bench, field: str = "train_data") -> Source:
    """The training or validation set of a bench, with what its loader makes of it."""
    data, loader = bench.get(field), getattr(bench, field.replace("data", "loader"))
    own = loader if isinstance(loader, DataLoader) and loader.dataset is data else None
    return source_of(data, bench.name(field), own)


def _collated(read: Callable[[int], Any], collate: Any, length: int, size: int) -> Callable[[int], Any]:
    """The first of a batch that the collate function makes; the others are those that come next."""
    return lambda index: _first(collate([read((index + k) % length) for k in range(size)]), size)


def _first(batch: Any, size: int) -> Any:
    """The first example of a batch of this size, in the structure of the batch."""
    if isinstance(batch, Tensor):
        return batch[0] if batch.ndim and len(batch) == size else batch
    if isinstance(batch, Mapping):
        return {key: _first(value, size) for key, value in batch.items()}
    if isinstance(batch, (tuple, list)):
        columns = any(isinstance(part, Tensor) and part.ndim and len(part) == size for part in batch)
        if len(batch) == size and not columns:
            return batch[0]
        return tuple(_first(part, size) for part in batch)
    return batch


def _called(transform: Any, example: Any) -> Any:
    """A transform takes the image alone, all parts side by side, or all parts by name."""
    if isinstance(example, Mapping):
        return transform(**example) if _takes(transform) == 0 else transform(example)
    if isinstance(example, (tuple, list)) and len(example) > 1:
        if _takes(transform) >= len(example):
            return transform(*example)
        return (transform(example[0]), *example[1:])
    return transform(example)


def _copied(value: Any) -> Any:
    """The same in tensors and arrays of its own; of a view, no more than what it shows."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return value.copy()
    if type(value) in (list, tuple):
        return type(value)(_copied(part) for part in value)
    if type(value) is dict:
        return {key: _copied(part) for key, part in value.items()}
    return copy.deepcopy(value)


def _takes(transform: Any) -> float:
    """How many values a transform can be given side by side; one where nobody can say."""
    function = getattr(transform, "forward", transform)
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 1
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return float("inf")
    return sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty for p in parameters)


def _length(data: Any) -> int | None:
    try:
        return len(data)
    except (TypeError, NotImplementedError):
        return None


def _is_frame(data: Any) -> bool:
    return hasattr(data, "iloc") and type(data).__module__.startswith("pandas")


def _no_access(data: Any, name: str) -> str:
    read = hasattr(type(data), "__iter__") or isinstance(data, IterableDataset)
    if not read:
        return f"`{name}` is {_kind(data)}; the same example is drawn from a data set, a DataLoader or a list"
    return (
        f"`{name}` can only be read from the start, so the same example cannot be drawn twice; "
        "give a data set that takes an index, or a transform and an example"
    )


def _kind(value: Any) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return f"of type {type(value).__name__}"
