"""The line of the user's code where rows of a batch meet first, or where an output first hears of later inputs.

Every call of a function of torch that leads to the output is watched while one row changes, and while the others do:
the first value that changes with both mixes them. Where rows lay wrong before, because a `view`, a `roll` or an index
had moved them, the call that moved them is the one. Of a large model a sample of the values is watched first, and all
of them around the call that this finds, so that memory and time stay bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

from ... import batches
from ...batches import Feed
from ...batches.models import eagerly
from ...bench import Bench
from ...finding import spelled
from .mixing import Place, changed_ahead, changed_rows
from .origin import Line, running, said

__all__ = ["Line", "first_ahead_line", "first_mixing_line", "said", "spot"]

#: bytes of values that are kept, and values of a tensor in a sample: over a hundred of each of 32 rows
ROOM, SAMPLE = 2**28, 4096
#: what lays the same numbers out anew
LAID_OUT = frozenset({"view", "reshape", "view_as", "reshape_as", "unflatten", "flatten", "as_strided"})


#: what is kept of a value
Look = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Call:
    """One call of a function of torch."""

    index: int
    function: str
    line: Line | None
    #: the calls that made what it was given
    given: tuple[int, ...]
    #: size of what it made
    bytes: int


@dataclass(frozen=True)
class Laid:
    """How the rows lie in what a call made."""

    mixes: bool
    #: whether the one row lies where it did in the batch, and whether it lies at another row's place
    placed: bool
    moved: bool


def spot(bench: Bench, place: Place | None, line: Line | None) -> str:
    """Where it happens: the module, and the line as its author knows it."""
    module = f"`{spelled(bench.name('model'), place.path)}`" if place is not None else ""
    return " · ".join(filter(None, (module, f"{said(bench, line)}: `{line.text}`" if line is not None else "")))


def first_mixing_line(model: nn.Module, fed: Feed, size: int, source: int) -> Line | None:
    """The line where row `source` meets others first, or leaves its place; None where no line shows it.

    Takes what `first_mixing` takes: the plain module, in the mode that leaks, and a feed of `size` rows.
    """
    one = torch.arange(size) == source
    feeds = [changed_rows(fed, size, one), changed_rows(fed, size, ~one)]
    with torch.no_grad():
        graph = _graph(model, fed)
        for wanted in graph.tried():
            near = graph.near(wanted, lambda wanted: _first(model, fed, feeds, wanted, _sample))
            laid: dict[int, Laid] = {}
            for index, (mine, others) in _differing(model, fed, feeds, near, _copy):
                mixes = _both([mine, others])
                laid[index] = Laid(mixes, all(_placed(m, size, source) for m in mine), _moved(mine, size, source))
                if mixes:
                    return _origin(graph.calls, laid, index)
            if graph.end in laid and not laid[graph.end].placed:
                return _origin(graph.calls, laid, graph.end)
    return None


def first_ahead_line(model: nn.Module, fed: Feed, size: int, length: int, cut: int) -> Line | None:
    """The first line whose result up to position `cut` of `length` changes with inputs behind it; None for none."""
    feeds = [changed_ahead(fed, size, length, cut)]

    def early(item: Tensor) -> Tensor:
        """Up to the cut, along the one axis that has this length."""
        axes = [axis for axis, each in enumerate(item.shape) if each == length]
        return _copy(item.movedim(axes[0], 0)[: cut + 1]) if len(axes) == 1 else item.new_empty(0)

    with torch.no_grad():
        graph = _graph(model, fed)
        for wanted in graph.tried():
            near = graph.near(wanted, lambda wanted: _first(model, fed, feeds, wanted, lambda i: _sample(early(i))))
            index = _first(model, fed, feeds, near, early)
            if index is not None:
                return graph.calls[index].line
    return None


def _first(model: nn.Module, fed: Feed, feeds: list[Feed], wanted: set[int], look: Look) -> int | None:
    """The first call of which a value changes in every one of these passes."""
    return next((index for index, masks in _differing(model, fed, feeds, wanted, look) if _both(masks)), None)


def _both(masks: list[list[Tensor]]) -> bool:
    return any(bool(torch.stack(each).all(0).any()) for each in zip(*masks, strict=True))


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

    def near(self, wanted: set[int], first: Callable[[set[int]], int | None]) -> set[int]:
        """All these calls where there is room for their values; else those up to the first that a sample shows."""
        if sum(self.calls[index].bytes for index in wanted) <= ROOM:
            return wanted
        last = first(wanted)
        before = [index for index in sorted(wanted) if last is None or index <= last]
        kept, left = set(), ROOM
        while before and left > 0:
            kept.add(before[-1])
            left -= self.calls[before.pop()].bytes
        return kept


def _graph(model: nn.Module, fed: Feed) -> Graph:
    listening = Listening(lambda index, made: None, trace=True)
    output = batches.output_of(ask(model, fed, listening))
    return Graph(listening.calls, listening.maker(output))


def ask(model: nn.Module, fed: Feed, listening: Listening) -> Any:
    args, kwargs = (
        batches.apply(part, lambda i: _copy(i) if isinstance(i, Tensor) else i) for part in (fed.args, fed.kwargs)
    )
    torch.manual_seed(0)  # what a model draws must be the same each time; the bench puts the generator back
    with eagerly(), listening:
        return model(*args, **kwargs)


def _copy(item: Tensor) -> Tensor:
    return item.detach().clone()


def _differing(
    model: nn.Module, fed: Feed, feeds: list[Feed], wanted: set[int], look: Look
) -> Iterator[tuple[int, list[list[Tensor]]]]:
    """For each call what of its results differs in the passes over the feeds; as many masks for each feed."""
    kept: dict[int, list[Tensor]] = {}

    def keep(index: int, made: list[Tensor]) -> None:
        if index in wanted:
            kept[index] = [look(item) for item in made]

    plain = Listening(keep)
    ask(model, fed, plain)
    found = [_compared(model, other, kept, look, plain.count) for other in feeds]
    for index in sorted(kept):
        masks = [each[index] for each in found if index in each]
        if len(masks) == len(feeds):
            yield index, masks


def _compared(
    model: nn.Module, fed: Feed, kept: dict[int, list[Tensor]], look: Look, count: int
) -> dict[int, list[Tensor]]:
    masks: dict[int, list[Tensor]] = {}

    def compare(index: int, made: list[Tensor]) -> None:
        before = kept.get(index)
        after = [look(item) for item in made] if before is not None else []
        if before is not None and [item.shape for item in after] == [item.shape for item in before]:
            masks[index] = [_unlike(a, b) for a, b in zip(after, before, strict=True)]

    listening = Listening(compare)
    ask(model, fed, listening)
    return masks if listening.count == count else {}  # another way through the code is another list of calls


def _sample(item: Tensor) -> Tensor:
    """Some of the values, the same of every tensor of this size."""
    if item.numel() <= SAMPLE:
        return _copy(item).flatten()
    places = torch.randint(item.numel(), (SAMPLE,), generator=torch.Generator().manual_seed(0)).to(item.device)
    return item.detach().flatten()[places]


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
            size = sum(item.numel() * item.element_size() for item in made)
            self.calls.append(Call(self.count, name, running(name), makers, size))
            for item in made:
                self._made_by[item] = self.count
        self._hear(self.count, made)
        self.count += 1
        return out

    def maker(self, item: Tensor | None) -> int:
        """The call that made a tensor, or changed it last; -1 for none."""
        return -1 if item is None else int(self._made_by.get(item, -1))
