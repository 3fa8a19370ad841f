"""The first layers with weights that each input reaches, and the values they are given there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..passes.passage import NORMS, PRODUCTS, TABLES, WEIGHTED, WHOLE

#: what moves values and leaves them as they are
MOVES = frozenset(
    [
        "view",
        "reshape",
        "flatten",
        "unflatten",
        "transpose",
        "permute",
        "movedim",
        "swapaxes",
        "squeeze",
        "unsqueeze",
        "contiguous",
        "clone",
        "to",
        "float",
        "pad",
        "dropout",
        "dropout2d",
        "unfold",
        "chunk",
        "split",
    ]
)


@dataclass(frozen=True)
class Entry:
    """One input where it meets weights for the first time."""

    #: name of the input as `Fed.tensors` has it
    source: str
    #: path of the module
    path: str
    #: "conv2d", "linear", "embedding", …; "norm" for a normalisation
    kind: str
    #: what the layer was given
    values: Tensor
    #: root mean square of its answer; NaN for an embedding and for a norm
    answer: float
    #: whether what it answers goes into a normalisation next, which takes the scale away again
    normed: bool = False


class Entries(TorchFunctionMode):
    """Follows the inputs of a model until a layer with weights or a normalisation takes them."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self._names = {id(p): name for name, p in reversed([*model.named_parameters(remove_duplicate=False)])}
        #: tensors by id, kept alive so that no other takes it, and the inputs they are made of
        self._raw: dict[int, tuple[Tensor, frozenset[str]]] = {}
        self._out: dict[int, tuple[Tensor, list[int]]] = {}
        self._entries: list[Entry] = []
        self._met: set[str] = set()
        self._normed: set[int] = set()

    def begin(self, source: str, tensor: Tensor) -> None:
        """This tensor is an input."""
        before = self._raw.get(id(tensor), (tensor, frozenset[str]()))[1]
        self._raw[id(tensor)] = (tensor, before | {source})

    def found(self) -> tuple[Entry, ...]:
        """The entries seen; the tensors that were followed are let go."""
        self._raw, self._out = {}, {}
        return tuple(
            Entry(e.source, e.path, e.kind, e.values, e.answer, i in self._normed) for i, e in enumerate(self._entries)
        )

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        with suppress(RuntimeError):  # inside vmap and the like, values cannot be read
            self._note(getattr(func, "__name__", ""), args, kwargs, out)
        return out

    def _note(self, name: str, args: Any, kwargs: Any, out: Any) -> None:
        given = [*_tensors(args), *_tensors(kwargs.values())]
        if next(_tensors([out]), None) is None:  # a shape, a length: nothing was computed
            return
        self._follow(name, given, out)
        marked = [(t, self._raw[id(t)][1]) for t in given if id(t) in self._raw]
        if not marked:
            return
        weighted = name in WEIGHTED or name in TABLES or name in WHOLE
        if name in PRODUCTS:
            weighted = any(isinstance(t, nn.Parameter) and t.ndim >= 2 for t in given)
        if weighted or name in NORMS:
            values, sources = marked[0]
            self._enter("norm" if name in NORMS else name, given, values, sources, out)
            return
        sources = frozenset[str]().union(*(names for _, names in marked)) - self._met
        for tensor in _tensors([out]):
            if sources and tensor.dtype is not torch.bool:
                self._raw[id(tensor)] = (tensor, sources | self._raw.get(id(tensor), (tensor, sources))[1])

    def _enter(self, kind: str, given: list[Tensor], values: Tensor, sources: frozenset[str], out: Any) -> None:
        new = sorted(sources - self._met)
        weight = next((t for t in given if id(t) in self._names and t.ndim >= 2), None)
        path = self._names.get(id(weight), "").rpartition(".")[0] if weight is not None else ""
        answer = next(_tensors([out]), None)
        size = float("nan")
        if answer is not None and answer.is_floating_point() and kind != "norm" and kind not in TABLES:
            size = float(answer.detach().float().square().mean().sqrt())
        kept = values.detach().clone() if new else values
        first = len(self._entries)
        self._entries += [Entry(source, path, kind, kept, size) for source in new]
        self._met |= set(new)
        if answer is not None and new:
            self._out[id(answer)] = (answer, list(range(first, len(self._entries))))

    def _follow(self, name: str, given: list[Tensor], out: Any) -> None:
        """What the first thing does that an entry's answer goes into: a norm, a move, or something else."""
        for tensor in given:
            _, places = self._out.pop(id(tensor), (tensor, []))
            if name in NORMS:
                self._normed.update(places)
            elif places and name.rstrip("_") in MOVES:
                for moved in _tensors([out]):
                    self._out[id(moved)] = (moved, places)


def _tensors(values: Any) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from _tensors(value)
