"""Where the rows of a batch meet first: what each module makes, compared when one row changes and when the others do.

A value that changes with one row and with the others depends on both. Bits are compared, so it does not matter in
which order a module keeps its axes, and one pass for each change covers every module.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ... import batches
from ...batches import Feed


@dataclass(frozen=True)
class Place:
    """The first module whose output mixes rows."""

    path: str
    kind: str
    #: False where its input mixes them already: then it is the code before it, in the `forward` of `around`
    inside: bool = True
    around: str = ""
    #: the shape of its first input
    given: tuple[int, ...] = ()


@dataclass
class Call:
    """One call of a module: its inputs and its output, as numbers."""

    path: str
    module: nn.Module
    given: list[Tensor]
    made: list[Tensor]
    #: whether modules were called inside it
    outer: bool


def first_mixing(model: nn.Module, fed: Feed, size: int, source: int) -> Place | None:
    """The place where row `source` meets others first, or None where no module shows it."""
    one = torch.arange(size) == source
    with torch.no_grad():
        plain = calls(model, fed)
        mine, others = (calls(model, changed_rows(fed, size, rows)) for rows in (one, ~one))
    if not len(plain) == len(mine) == len(others):
        return None
    for call, a, b in zip(plain, mine, others, strict=True):
        if not _mixes(call.made, a.made, b.made):
            continue
        inside = call.outer or not _mixes(call.given, a.given, b.given)
        shape = tuple(call.given[0].shape) if call.given else ()
        return Place(call.path, type(call.module).__name__, inside, call.path.rpartition(".")[0], shape)
    return None


def first_ahead(model: nn.Module, fed: Feed, size: int, length: int, cut: int) -> Place | None:
    """The first module whose output up to position `cut` of `length` changes with inputs behind it."""
    changed = changed_ahead(fed, size, length, cut)
    with torch.no_grad():
        plain, ahead = calls(model, fed), calls(model, changed)
    for call, other in zip(plain, ahead, strict=False):
        if any(_early(a, b, length, cut) for a, b in zip(call.made, other.made, strict=False)):
            return Place(call.path, type(call.module).__name__, around=call.path.rpartition(".")[0])
    return None


def _early(before: Tensor, after: Tensor, length: int, cut: int) -> bool:
    """Whether something up to `cut` differs, along the one axis that has this length."""
    axes = [axis for axis, size in enumerate(before.shape) if size == length]
    if before.shape != after.shape or len(axes) != 1:
        return False
    return bool((before != after).movedim(axes[0], 0)[: cut + 1].any())


def calls(model: nn.Module, fed: Feed) -> list[Call]:
    """Every call of a module in the order in which they end."""
    calls: list[Call] = []
    torch.manual_seed(0)  # what a model draws must be the same each time; the bench puts the generator back
    with _recording(model, calls):
        model(*batches.apply(fed.args, _copy), **batches.apply(fed.kwargs, _copy))
    return calls


@contextmanager
def _recording(model: nn.Module, calls: list[Call]) -> Iterator[None]:
    handles = []
    depth: list[int] = []

    def enter(module: nn.Module, args: Any) -> None:
        depth.append(len(calls))

    def leave(path: str) -> Any:
        def note(module: nn.Module, args: Any, kwargs: Any, out: Any) -> None:
            begun = depth.pop()
            calls.append(Call(path, module, _numbers((args, kwargs)), _numbers(out), len(calls) > begun))

        return note

    try:
        for path, module in model.named_modules():
            handles.append(module.register_forward_pre_hook(enter))
            handles.append(module.register_forward_hook(leave(path), with_kwargs=True))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _numbers(value: Any) -> list[Tensor]:
    return [_copy(item) for item in batches.leaves(value) if isinstance(item, Tensor) and item.is_floating_point()]


def _copy(item: Any) -> Any:
    return item.detach().clone() if isinstance(item, Tensor) else item


def heard(model: nn.Module, fed: Feed, size: int) -> Tensor:
    """(source, to): whether row `to` of the output changes with row `source`, one forward pass for each."""
    before = _rows_of(model, fed, size)
    return torch.stack(
        [(_rows_of(model, changed_rows(fed, size, row), size) != before).any(1) for row in torch.eye(size).bool()]
    )


def _rows_of(model: nn.Module, fed: Feed, size: int) -> Tensor:
    """The output as one row of numbers for each example."""
    torch.manual_seed(0)
    with torch.no_grad():
        output = batches.output_of(model(*batches.apply(fed.args, _copy), **batches.apply(fed.kwargs, _copy)))
    assert output is not None  # what gives none has no leak either
    made: Tensor = output.detach().reshape(size, -1).cpu()
    return made


def changed_rows(fed: Feed, size: int, rows: Tensor) -> Feed:
    """The batch with other numbers in some rows: those of the next row, and half a unit more of each."""

    def change(item: Any) -> Any:
        if not isinstance(item, Tensor) or not item.ndim or item.shape[0] != size:
            return item
        where = rows.to(item.device).reshape(-1, *[1] * (item.ndim - 1))
        other = item.roll(1, 0)
        if item.is_floating_point():
            other = other + 0.5 * item.std()
        return torch.where(where, other, item)

    return Feed(batches.apply(fed.args, change), batches.apply(fed.kwargs, change), fed.target, fed.batch)


def turned(fed: Feed, size: int) -> Feed:
    """The batch with its rows in the opposite order."""

    def turn(item: Any) -> Any:
        return item.flip(0) if isinstance(item, Tensor) and item.ndim and item.shape[0] == size else item

    return Feed(batches.apply(fed.args, turn), batches.apply(fed.kwargs, turn), fed.target, fed.batch)


def changed_ahead(fed: Feed, size: int, length: int, cut: int) -> Feed:
    """The batch with other numbers behind position `cut` of `length`."""
    later = torch.arange(length) > cut

    def change(item: Any) -> Any:
        if not isinstance(item, Tensor) or item.ndim < 2 or tuple(item.shape[:2]) != (size, length):
            return item
        where = later.to(item.device).reshape(1, -1, *[1] * (item.ndim - 2))
        other = item.roll(1, 0)
        return torch.where(where, other + 0.5 * item.std() if item.is_floating_point() else other, item)

    return Feed(batches.apply(fed.args, change), batches.apply(fed.kwargs, change), fed.target, fed.batch)


def _mixes(plain: list[Tensor], one: list[Tensor], rest: list[Tensor]) -> bool:
    """Whether some value changes with the one row and with the others."""
    for before, a, b in zip(plain, one, rest, strict=False):
        if before.shape == a.shape == b.shape and bool(((before != a) & (before != b)).any()):
            return True
    return False
