"""The line of the user's code where rows of a batch meet first, or where an output first hears of later inputs.

Every call of a function of torch that leads to the output is watched while one row changes, and while the others do:
the first value that changes with both mixes them. Where rows lay wrong before, because a `view`, a `roll` or an index
had moved them, the call that moved them is the one. Values are kept for a stretch of calls at a time, so that memory
stays bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

from .. import batches
from ..batches import Feed
from .mixing import changed_ahead, changed_rows
from .origin import Line, running, said
from .signal import eagerly

__all__ = ["Line", "first_ahead_line", "first_mixing_line", "said"]

#: bytes of values that are kept at a time, and stretches of calls that are tried
ROOM, STRETCHES = 2**28, 16
#: what lays the same numbers out anew
LAID_OUT = frozenset({"view", "reshape", "view_as", "reshape_as", "unflatten", "flatten", "as_strided"})


@dataclass(frozen=True)
class Call:
    """One call of a function of torch."""

    index: int
    function: str
    line: Line | None
    #: the calls that made what it was given
    given: tuple[int, ...]


@dataclass(frozen=True)
class Laid:
    """How the rows lie in what a call made."""

    mixes: bool
    #: whether the one row lies where it did in the batch, and whether it lies at another row's place
    placed: bool
    moved: bool


def first_mixing_line(model: nn.Module, fed: Feed, size: int, source: int) -> Line | None:
    """The line where row `source` meets others first, or leaves its place; None where no line shows it.

    Takes what `first_mixing` takes: the plain module, in the mode that leaks, and a feed of `size` rows.
    """
    one = torch.arange(size) == source
    feeds = [changed_rows(fed, size, one), changed_rows(fed, size, ~one)]
    with torch.no_grad():
        graph = _graph(model, fed)
        for wanted in graph.tried():
            laid: dict[int, Laid] = {}
            for index, (mine, others) in _differing(model, fed, feeds, wanted):
                mixes = any(bool((a & b).any()) for a, b in zip(mine, others, strict=True))
                laid[index] = Laid(mixes, all(_placed(m, size, source) for m in mine), _moved(mine, size, source))
                if mixes:
                    return _origin(graph.calls, laid, index)
            if graph.end in laid and not laid[graph.end].placed:
                return _origin(graph.calls, laid, graph.end)
    return None


def first_ahead_line(model: nn.Module, fed: Feed, size: int, length: int, cut: int) -> Line | None:
    """The first line whose result up to position `cut` of `length` changes with inputs behind it; None for none."""
    feeds = [changed_ahead(fed, size, length, cut)]
    with torch.no_grad():
        graph = _graph(model, fed)
        for wanted in graph.tried():
            for index, (ahead,) in _differing(model, fed, feeds, wanted):
                if any(_early(mask, length, cut) for mask in ahead):
                    return graph.calls[index].line
    return None


def _origin(calls: list[Call], laid: dict[int, Laid], index: int) -> Line | None:
    """The line of a call, or of the one before it that moved the rows which it was given."""
    at = index
    while True:
        wrong = [given for given in calls[at].given if given in laid and not laid[given].placed]
        if not wrong:
            break
        at = min(wrong)
    call = calls[at]
    to_blame = at == index or call.function in LAID_OUT or laid[at].moved
    return call.line if to_blame and call.line is not None else calls[index].line


def _placed(mask: Tensor, size: int, source: int) -> bool:
    """Whether what changes with one row stands at its place along some axis: of rows, or of rows times something."""
    for axis, length in enumerate(mask.shape):
        where = _changing(mask, axis)
        if not len(where):
            return True
        each = length // size
        if each and length % size == 0 and bool((where // each == source).all() or (where % size == source).all()):
            return True
    return not bool(mask.any())


def _moved(masks: list[Tensor], size: int, source: int) -> bool:
    """Whether the one row stands at the place of another."""
    for mask in masks:
        for axis, length in enumerate(mask.shape):
            where = _changing(mask, axis)
            if length == size and len(where) == 1 and int(where[0]) != source:
                return True
    return False


def _changing(mask: Tensor, axis: int) -> Tensor:
    return mask.movedim(axis, 0).flatten(1).any(1).nonzero().flatten() if mask.ndim > 1 else mask.nonzero().flatten()


def _early(mask: Tensor, length: int, cut: int) -> bool:
    """Whether something up to `cut` changes, along the one axis that has this length."""
    axes = [axis for axis, size in enumerate(mask.shape) if size == length]
    return len(axes) == 1 and bool(mask.movedim(axes[0], 0)[: cut + 1].any())


@dataclass(frozen=True)
class Graph:
    """The calls of one pass, and the one that made the output."""

    calls: list[Call]
    end: int

    def tried(self) -> Iterator[set[int]]:
        """The calls that lead to the output; then all, for where the trail was lost."""
        found, ahead = set(), [self.end] if self.end >= 0 else []
        while ahead:
            index = ahead.pop()
            if index not in found:
                found.add(index)
                ahead += self.calls[index].given
        if found:
            yield found
        if len(found) < len(self.calls):
            yield set(range(len(self.calls)))


def _graph(model: nn.Module, fed: Feed) -> Graph:
    listening = Listening(lambda index, made: None, trace=True)
    output = batches.output_of(_run(model, fed, listening))
    return Graph(listening.calls, listening.maker(output))


def _run(model: nn.Module, fed: Feed, listening: Listening) -> Any:
    args, kwargs = (batches.apply(part, _copy) for part in (fed.args, fed.kwargs))
    torch.manual_seed(0)  # what a model draws must be the same each time; the bench puts the generator back
    with eagerly(), listening:
        return model(*args, **kwargs)


def _copy(item: Any) -> Any:
    return item.detach().clone() if isinstance(item, Tensor) else item


def _differing(
    model: nn.Module, fed: Feed, feeds: list[Feed], wanted: set[int]
) -> Iterator[tuple[int, list[list[Tensor]]]]:
    """For each call what of its results differs in the passes over the feeds; as many masks for each feed."""
    begin = 0
    for _ in range(STRETCHES):
        kept: dict[int, list[Tensor]] = {}
        left = ROOM

        def keep(index: int, made: list[Tensor], begin: int = begin, kept: dict[int, list[Tensor]] = kept) -> None:
            nonlocal left
            if index >= begin and index in wanted and left > 0:
                kept[index] = [_copy(item) for item in made]
                left -= sum(item.numel() * item.element_size() for item in made)

        plain = Listening(keep)
        _run(model, fed, plain)
        masks = [_compared(model, other, kept, plain.count) for other in feeds]
        for index in sorted(kept):
            found = [each[index] for each in masks if index in each]
            if len(found) == len(feeds) and len({len(part) for part in found}) == 1:
                yield index, found
        if left > 0 or not kept:
            return
        begin = max(kept) + 1


def _compared(model: nn.Module, fed: Feed, kept: dict[int, list[Tensor]], count: int) -> dict[int, list[Tensor]]:
    masks: dict[int, list[Tensor]] = {}

    def compare(index: int, made: list[Tensor]) -> None:
        before = kept.get(index)
        if before is not None and [item.shape for item in made] == [item.shape for item in before]:
            masks[index] = [_unlike(a, b) for a, b in zip(made, before, strict=True)]

    listening = Listening(compare)
    _run(model, fed, listening)
    return masks if listening.count == count else {}  # another way through the code is another list of calls


def _unlike(one: Tensor, other: Tensor) -> Tensor:
    """Where values differ; NaN is like NaN."""
    return (one != other) & ~((one != one) & (other != other))


class Listening(TorchFunctionMode):
    """Hands on what every call of a function makes; with `trace` it keeps which calls made what each was given."""

    def __init__(self, hear: Callable[[int, list[Tensor]], None], trace: bool = False) -> None:
        super().__init__()
        self._hear, self._trace = hear, trace
        self._made_by: Any = WeakTensorKeyDictionary()
        self.count = 0
        self.calls: list[Call] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        out = func(*args, **kwargs)
        in_place = name == "__setitem__" or (name.endswith("_") and not name.endswith("__"))
        values = [args[0]] if in_place and args else list(batches.leaves(out))
        made = [item for item in values if isinstance(item, Tensor) and item.layout is torch.strided]
        if not made:
            return out
        if self._trace:
            given = (item for item in batches.leaves([*args, *kwargs.values()]) if isinstance(item, Tensor))
            makers = tuple(dict.fromkeys(maker for item in given if (maker := self.maker(item)) >= 0))
            self.calls.append(Call(self.count, name, running(name), makers))
            for item in made:
                self._made_by[item] = self.count
        self._hear(self.count, made)
        self.count += 1
        return out

    def maker(self, item: Tensor | None) -> int:
        """The call that made a tensor, or changed it last; -1 for none."""
        return -1 if item is None else int(self._made_by.get(item, -1))
