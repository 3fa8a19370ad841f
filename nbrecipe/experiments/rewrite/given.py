"""An example call: its arrays, the lengths that they share, and which of these are free to be others."""

from __future__ import annotations

import copy
import inspect
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ... import batches

#: positional and keyword arguments of one call
Given = tuple[tuple[Any, ...], dict[str, Any]]
#: lengths up to this one stand in code for many other reasons: an axis, a power
SMALL = 3


@dataclass(frozen=True)
class Rewrite:
    """The loop, the function that replaces it, and the arguments of an example call."""

    old: Callable[..., Any]
    new: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] | None = None
    old_name: str = "old"
    new_name: str = "new"

    @property
    def given(self) -> Given:
        """The example's arguments."""
        return self.args, self.kwargs or {}


def is_array(value: Any) -> bool:
    """A dense tensor or an array of numbers."""
    if isinstance(value, Tensor):
        return value.layout is torch.strided and value.device.type != "meta"
    return isinstance(value, np.ndarray) and value.dtype.kind in "fiubc"


def is_floating(value: Any) -> bool:
    """An array of real floats."""
    return is_array(value) and (value.is_floating_point() if isinstance(value, Tensor) else value.dtype.kind == "f")


def arrays(given: Any) -> list[Any]:
    """Every array of a call, in order."""
    return [leaf for leaf in batches.leaves(given) if is_array(leaf)]


def mapped(given: Given, change: Callable[[Any], Any]) -> Given:
    """The same call with every array changed, and everything else copied."""
    taken = batches.apply(given, lambda item: change(item) if is_array(item) else item)
    args, kwargs = taken
    return tuple(map(_own, args)), {key: _own(value) for key, value in kwargs.items()}


def _own(value: Any) -> Any:
    if is_array(value):
        return value
    try:
        return copy.deepcopy(value) if not arrays(value) else value
    except Exception:  # what cannot be copied is handed over as it is
        return value


def plain(value: Any) -> np.ndarray[Any, Any]:
    """The numbers of an array, as numpy's; a copy in contiguous memory."""
    if isinstance(value, Tensor):
        value = value.detach().cpu()
        value = (value.double() if value.dtype in (torch.bfloat16, torch.float16) else value).numpy()
    return np.array(value, order="C")


def like(numbers: np.ndarray[Any, Any], value: Any) -> Any:
    """These numbers as an array of the same kind, type and place as `value`."""
    if isinstance(value, Tensor):
        return torch.from_numpy(np.ascontiguousarray(numbers)).to(value.device, value.dtype)
    return numbers.astype(value.dtype)


def lengths(given: Given) -> list[int]:
    """The lengths of axes, in the order in which they are met; an axis of one is there to broadcast."""
    found = (length for item in arrays(given) for length in item.shape)
    return [length for length in dict.fromkeys(found) if length > 1]


def free_lengths(rewrite: Rewrite) -> list[int]:
    """The lengths that may be others: none that the code names, or that an array has which it brings along."""
    held = {value for function in (rewrite.old, rewrite.new) for value in _held(function)}
    return [length for length in lengths(rewrite.given) if length not in held]


def row_lengths(given: Given) -> set[int]:
    """The lengths that only count rows: first axes of the first array and of those like it, and no other axis."""
    seen = [item for item in arrays(given) if item.ndim]
    like_first = [item for item in seen if item is seen[0] or item.ndim == seen[0].ndim > 1]
    others = {int(length) for item in seen for length in item.shape[1:]}
    return {int(item.shape[0]) for item in like_first} - others


def _held(function: Any) -> Iterator[int]:
    """Whole numbers and lengths of arrays that a function knows without being told."""
    for thing in _brought(function):
        if isinstance(thing, nn.Module):
            yield from (length for p in (*thing.parameters(), *thing.buffers()) for length in p.shape)
        elif is_array(thing):
            yield from thing.shape
        elif isinstance(thing, int):
            yield int(thing)
        elif isinstance(thing, (list, tuple, dict)):
            yield len(thing)


def _brought(function: Any) -> Iterator[Any]:
    if isinstance(function, nn.Module):
        yield function
        function = type(function).forward
    inner = inspect.unwrap(function) if callable(function) else function
    if isinstance(inner, types.MethodType):
        yield from vars(inner.__self__).values() if hasattr(inner.__self__, "__dict__") else ()
        inner = inner.__func__
    if not isinstance(inner, types.FunctionType):
        return
    yield from inner.__defaults__ or ()
    yield from (c for c in inner.__code__.co_consts if isinstance(c, int) and c > SMALL)
    yield from (inner.__globals__[name] for name in inner.__code__.co_names if name in inner.__globals__)
    for cell in inner.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not assigned yet
            continue


def parameters_of(rewrite: Rewrite) -> list[str]:
    """The names of the positional parameters, as the loop has them."""
    try:
        found = inspect.signature(rewrite.old).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
