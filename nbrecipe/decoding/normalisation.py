"""The mean and standard deviation that images were normalised with: given, or found in what makes the batches."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from ..batches import BadInput
from ..bench import Bench

#: how deep transforms are looked for, and how many things are looked at
_DEPTH, _THINGS = 6, 400
#: statistics that many people use, for images from 0 to 1
KNOWN = {
    "ImageNet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "CLIP": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    "CIFAR-10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "CIFAR-10, by batch": ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
    "CIFAR-100": ((0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)),
    "a half": ((0.5,), (0.5,)),
    "MNIST": ((0.1307,), (0.3081,)),
    "Fashion-MNIST": ((0.2860,), (0.3530,)),
}


@dataclass(frozen=True)
class Scale:
    """x was made as (raw - mean) / std, for each channel or for all."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    #: where it stands, for a sentence
    name: str

    def fits(self, channels: int) -> bool:
        """Whether there is a number for each channel."""
        return len(self.mean) in (1, channels) and len(self.std) in (1, channels)

    def undone(self, values: np.ndarray, axis: int) -> np.ndarray:
        """The raw values; channels lie along this axis."""
        shape = [1] * values.ndim
        shape[axis] = -1
        undone: np.ndarray = values * np.reshape(self.std, shape) + np.reshape(self.mean, shape)
        return undone


def scale_of(bench: Bench, mean: Any = None, std: Any = None) -> Scale | None:
    """What was given, else the one normalisation that is found; None where there is none, or several.

    Raises BadInput where one of the two is given without the other, or is no number.
    """
    if (mean is None) != (std is None):
        raise BadInput("to un-normalise takes both a mean and a std; only one of them was given")
    if mean is not None:
        given = Scale(_numbers(mean, "mean"), _numbers(std, "std"), "the given mean and std")
        if not all(value > 0 for value in given.std):
            raise BadInput(f"a std is above 0; {std!r} was given")
        return given
    found = scales(bench)
    return found[0] if len({(scale.mean, scale.std) for scale in found}) == 1 else None


def scales(bench: Bench) -> list[Scale]:
    """Every normalisation in the transforms of the training data."""
    loader = bench.train_loader
    roots: list[tuple[str, Any]] = [(bench.name("train_data"), bench.train_data)]
    if loader is not None:
        name = bench.name("train_loader")
        roots += [(f"{name}.dataset", getattr(loader, "dataset", None)), (name, getattr(loader, "collate_fn", None))]
    seen: set[int] = set()
    return [scale for name, root in roots for scale in _walked(root, name, seen)]


def _walked(root: Any, name: str, seen: set[int]) -> Iterator[Scale]:
    queue = [(root, 0)]
    while queue and len(seen) < _THINGS:
        thing, depth = queue.pop(0)
        if thing is None or id(thing) in seen or isinstance(thing, (str, bytes, int, float, Tensor, np.ndarray, type)):
            continue
        seen.add(id(thing))
        scale = _read(thing, name)
        if scale is not None:
            yield scale
        elif depth < _DEPTH:
            queue += [(part, depth + 1) for part in _parts(thing)]


def _read(thing: Any, name: str) -> Scale | None:
    """torchvision and albumentations call it Normalize, image processors of Hugging Face keep both numbers."""
    attributes = getattr(thing, "__dict__", {})
    pairs = [("image_mean", "image_std")]
    if type(thing).__name__ == "Normalize":
        pairs.append(("mean", "std"))
    for mean, std in pairs:
        if mean in attributes and std in attributes:
            try:
                return Scale(
                    _numbers(attributes[mean], mean), _numbers(attributes[std], std), f"`Normalize` in `{name}`"
                )
            except BadInput:
                return None
    return None


def _parts(thing: Any) -> Iterable[Any]:
    """What a data set, a transform or a function brings with it."""
    if isinstance(thing, Mapping):
        return list(thing.values())[:32]
    if isinstance(thing, (list, tuple)):
        return thing[:32]
    if isinstance(thing, functools.partial):
        return [thing.func, *thing.args, *thing.keywords.values()]
    if isinstance(thing, types.MethodType):
        return [thing.__self__, thing.__func__]
    if isinstance(thing, types.FunctionType):
        return _closed_over(thing)
    if isinstance(thing, nn.Module):
        return [*thing.children(), *(v for k, v in vars(thing).items() if not k.startswith("_"))]
    reads = getattr(type(thing), "__getitem__", None)
    return [*getattr(thing, "__dict__", {}).values(), *([reads] if isinstance(reads, types.FunctionType) else [])]


def _closed_over(function: types.FunctionType) -> list[Any]:
    cells = []
    for cell in function.__closure__ or ():
        try:
            cells.append(cell.cell_contents)
        except ValueError:  # not assigned yet
            continue
    named = (function.__globals__.get(name) for name in function.__code__.co_names)
    return cells + [value for value in named if callable(value) and not isinstance(value, (type, types.ModuleType))]


def _numbers(value: Any, what: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in np.ravel(np.asarray(value, dtype=float)))
    except (TypeError, ValueError):
        raise BadInput(f"a {what} is a number, or one for each channel; {value!r} was given") from None
