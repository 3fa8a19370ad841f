"""Calls a function on a copy of its inputs, with the same random numbers each time, and keeps what came of it."""

from __future__ import annotations

import contextlib
import io
import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .draws import Case, Layout
from .given import arrays, is_array, is_floating, mapped

#: seed of the random weights with which outputs are summed up for a gradient
PROJECTION = 7


@dataclass(frozen=True)
class Answer:
    """What a function gave, or how it failed."""

    value: Any = None
    error: Exception | None = None
    #: numbers of the arrays that it changed in place
    changed: tuple[int, ...] = ()

    @property
    def failure(self) -> str:
        """The exception in one line."""
        told = " ".join(str(self.error).split())
        return f"{type(self.error).__name__}: {told[:70]}" if told else type(self.error).__name__


def ask(function: Callable[..., Any], case: Case, *, seed: int = 0) -> Answer:
    """Call on copies; the case's own arrays are never handed over."""
    args, kwargs = mapped(case.given, lambda item: laid_out(item, case.layout))
    handed = arrays((args, kwargs))
    try:
        with quietly(), seeded(seed):
            value = function(*args, **kwargs)
    except Exception as error:
        return Answer(error=error)
    pairs = zip(handed, arrays(case.given), strict=True)
    changed = tuple(number for number, (after, before) in enumerate(pairs) if not same(after, before))
    return Answer(value, changed=changed)


@dataclass(frozen=True)
class Slopes:
    """The gradients of a random sum of some outputs, one for every tensor of floats among the inputs."""

    #: numbers of the outputs that have a gradient
    outputs: tuple[int, ...] = ()
    inputs: tuple[Tensor, ...] = ()
    #: why there are none
    failure: str = ""


def slopes(
    function: Callable[..., Any],
    case: Case,
    flat: Callable[[Any], list[Tensor]],
    only: tuple[int, ...] | None = None,
) -> Slopes:
    """The gradients of a random sum of the outputs, or of `only` those with these numbers."""
    leaves: list[Tensor] = []

    def leaf(item: Any) -> Any:
        if not (isinstance(item, Tensor) and is_floating(item)):
            return laid_out(item, "")
        leaves.append(item.detach().clone().requires_grad_())
        return leaves[-1].clone()  # no leaf, so that it may be changed in place

    args, kwargs = mapped(case.given, leaf)
    try:
        with quietly(), seeded(0), torch.enable_grad():
            outputs = flat(function(*args, **kwargs))
            sloped = tuple(n for n, t in enumerate(outputs) if t.requires_grad and (only is None or n in only))
            if not sloped or not leaves or (only is not None and sloped != only):
                return Slopes(failure="no gradient")
            total = torch.stack([_projected(outputs[n], n) for n in sloped]).sum()
            found = torch.autograd.grad(total, leaves, allow_unused=True)
    except Exception as error:
        return Slopes(failure=Answer(error=error).failure)
    known = (torch.zeros_like(at) if slope is None else slope for slope, at in zip(found, leaves, strict=True))
    return Slopes(sloped, tuple(known))


def _projected(output: Tensor, number: int) -> Tensor:
    values = torch.view_as_real(output) if output.is_complex() else output
    weights = torch.randn(
        values.shape, generator=torch.Generator().manual_seed(PROJECTION + number), dtype=torch.float64
    )
    return (values.double() * weights.to(values.device)).sum()


def laid_out(item: Any, layout: Layout) -> Any:
    """A copy with the same numbers, in memory of its own, laid out as asked or as it was."""
    if isinstance(item, Tensor):
        return _tensor(item.detach(), layout)
    if layout == "transposed" and item.ndim > 1:
        return np.array(item.T, order="C").T
    if layout == "strided" and item.ndim:
        wide = np.zeros((*item.shape[:-1], 2 * item.shape[-1]), item.dtype)
        wide[..., ::2] = item
        return wide[..., ::2]
    return item.copy(order="K")


def _tensor(item: Tensor, layout: Layout) -> Tensor:
    if layout == "transposed" and item.ndim > 1:
        return item.transpose(0, -1).contiguous().clone().transpose(0, -1)
    if layout == "strided" and item.ndim:
        wide = item.new_zeros((*item.shape[:-1], 2 * item.shape[-1]))
        wide[..., ::2] = item
        return wide[..., ::2]
    return item.clone()


def same(after: Any, before: Any) -> bool:
    """Whether two arrays hold the same numbers; NaN is NaN."""
    if isinstance(after, Tensor):
        a, b = after.detach(), before.detach()
        return a.shape == b.shape and bool(((a == b) | ((a != a) & (b != b))).all())
    return after.shape == before.shape and bool(((after == before) | ((after != after) & (before != before))).all())


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """The same random numbers for whoever draws some; `guard` puts the user's own back in the end."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    yield


@contextmanager
def wide() -> Iterator[None]:
    """What a function makes inside without a type is made in float64."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def quietly() -> Iterator[None]:
    """What the user's function prints or warns of, it has said when the user ran it."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def described(case: Case, names: list[str]) -> str:
    """The inputs of a case by name and shape: "x (3, 8), mask (3,)"."""
    args, kwargs = case.given
    labels = [*names[: len(args)], *(f"input {i + 1}" for i in range(len(names), len(args)))]
    parts = [_described(name, value) for name, value in [*zip(labels, args, strict=True), *kwargs.items()]]
    return ", ".join(part for part in parts if part)


def _described(name: str, value: Any) -> str:
    if is_array(value):
        return f"{name} {tuple(value.shape)}" if value.ndim else f"{name} = {value.item():.4g}"
    if isinstance(value, (bool, int, float, str)):
        return f"{name} = {value!r:.20}"
    inside = arrays(value)
    return f"{name} of {len(inside)} arrays" if inside else ""
