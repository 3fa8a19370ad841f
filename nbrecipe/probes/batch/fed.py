"""Exactly what goes into the model, taken at the moment of `model(x)`, and what its first layers are given of it."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ... import batches
from ...batches import BadInput, Feed
from ...batches.models import eagerly, plain
from ...batches.structure import fields_of
from ...bench import Bench
from ...task.refusal import told
from .entry import Entries, Entry

#: attributes of batches of graphs under which the target stands
GRAPH_TARGETS = ("y", "label", "labels", "target")


@dataclass(frozen=True)
class Fed:
    """One batch as the model was given it: copies, by the names of its arguments."""

    inputs: tuple[tuple[str, Any], ...]
    target: Any
    #: examples in the batch; 0 where that cannot be told
    size: int
    #: times that the model was called in one step; what is shown is the first
    calls: int = 1
    #: why the forward pass fails on this batch, "" where it does not
    failed: str = ""
    #: why this is not what was seen at the model, "" where it is
    unseen: str = ""
    #: what the first layers with weights were given
    entries: tuple[Entry, ...] = ()
    #: whether all values that the model answered are finite; None where it did not answer
    finite: bool | None = None

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Every tensor among the inputs, by name."""
        for name, value in self.inputs:
            yield from named_tensors(name, value)


class _Enough(Exception):
    """What goes in has been seen; nothing has to run."""


def fed(bench: Bench) -> Fed:
    """The bench's batch as the model is given it in one whole forward pass; run it inside `bench.untouched()`."""
    return take(bench, bench.get("batch"))


def take(bench: Bench, batch: Any, *, whole: bool = True) -> Fed:
    """The same for any batch; without `whole` the model is stopped where it begins.

    The batch itself is copied first, since a model may write into what it is given. Raises BadInput for a batch that
    cannot be fed.
    """
    model = plain(bench.get("model"))
    given = _feed(model, _copied(batch, model), bench)
    size = _size(given)
    if isinstance(model, torch.jit.ScriptModule):
        inputs = tuple(_named(model, given.args, given.kwargs))
        return Fed(inputs, given.target, size, unseen="a scripted model takes no hook: this is what it is called with")
    lazy = any(isinstance(p, nn.parameter.UninitializedParameter) for p in model.parameters())
    return _taken(bench, model, given, size, whole and not lazy)


def _taken(bench: Bench, model: nn.Module, given: Feed, size: int, whole: bool) -> Fed:
    seen: list[tuple[tuple[str, Any], ...]] = []
    failed, finite, entries = "", None, Entries(model)

    def look(module: nn.Module, args: Any, kwargs: Any) -> None:
        inputs = tuple(_named(module, args, kwargs))
        if not seen:
            for name, value in inputs:
                for part, tensor in named_tensors(name, value):
                    entries.begin(part, tensor)
        seen.append(tuple((name, batches.apply(value, _copy)) for name, value in inputs) if not seen else ())
        if not whole:
            raise _Enough

    # last of all hooks, so that what the user's own make of the input is seen; first for a lazy model, which makes its
    # weights in one
    handle = model.register_forward_pre_hook(look, with_kwargs=True, prepend=not whole)
    try:
        with torch.set_grad_enabled(whole), eagerly(), _watching(entries, whole):
            raw = batches.forward(model, given, bench.loss_fn).raw
        finite = _finite(raw)
    except _Enough:
        pass
    except Exception as error:
        if not seen:
            raise BadInput(f"the model cannot be called with this batch: {told(error)}") from error
        failed = told(error)
    finally:
        handle.remove()
    if not seen:
        raise BadInput(f"`{bench.name('model')}` is never called in a step on this batch")
    return Fed(seen[0], given.target, size, len(seen), failed, "", entries.found(), finite)


@contextmanager
def _watching(entries: Entries, whole: bool) -> Iterator[None]:
    if not whole:
        yield
        return
    with entries:
        yield


def _feed(model: nn.Module, batch: Any, bench: Bench) -> Feed:
    try:
        return batches.feed(model, batch, bench.loss_fn)
    except BadInput:
        if not any(isinstance(value, Tensor) for value in _attributes(batch).values()):
            raise
    # an object of its own kind, as libraries for graphs have: it is given whole
    target = next((getattr(batch, name) for name in GRAPH_TARGETS if isinstance(getattr(batch, name, None), Tensor)), 0)
    return Feed((batch,), {}, target if isinstance(target, Tensor) else None, batch)


def named_tensors(name: str, value: Any) -> Iterator[tuple[str, Tensor]]:
    """Every tensor in a value, named as one would write it: `x`, `x[0]`, `batch["image"]`."""
    if isinstance(value, Tensor):
        yield name, value
        return
    fields = fields_of(value)
    if fields is not None:
        for key, part in fields.items():
            yield from named_tensors(f'{name}["{key}"]', part)
    elif isinstance(value, (tuple, list)):
        for i, part in enumerate(value):
            yield from named_tensors(f"{name}[{i}]", part)
    else:
        for key, part in _attributes(value).items():
            if isinstance(part, Tensor):
                yield f"{name}.{key}", part


def _attributes(value: Any) -> dict[str, Any]:
    """The parts of an object of a library for graphs, and of nothing else."""
    if isinstance(value, (str, bytes, int, float, type, nn.Module)) or value is None:
        return {}
    if callable(getattr(value, "to_dict", None)) and hasattr(value, "edge_index"):
        parts = value.to_dict()
        return dict(parts) if isinstance(parts, dict) else {}
    attributes = getattr(value, "__dict__", None)
    return dict(attributes) if isinstance(attributes, dict) else {}


def _named(model: nn.Module, args: Any, kwargs: Any) -> Iterator[tuple[str, Any]]:
    """What the model is called with, by the names of its parameters."""
    try:
        parameters = list(inspect.signature(model.forward).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    plain_names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    rest = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "input")
    for i, value in enumerate(args):
        yield (plain_names[i] if i < len(plain_names) else f"{rest}[{i - len(plain_names)}]"), value
    yield from kwargs.items()


def _copied(batch: Any, model: nn.Module) -> Any:
    """The batch in tensors of its own; an object of a library for graphs on the model's device."""
    if isinstance(batch, Tensor) or fields_of(batch) is not None or not hasattr(batch, "edge_index"):
        return batches.apply(batch, _copy)
    own = batch.clone() if callable(getattr(batch, "clone", None)) else copy.copy(batch)
    weight = next(model.parameters(), None)
    return own.to(weight.device) if weight is not None and callable(getattr(own, "to", None)) else own


def _copy(item: Any) -> Any:
    if not isinstance(item, Tensor):
        return item
    return item.detach().clone().requires_grad_(item.requires_grad)


def _size(given: Feed) -> int:
    try:
        return given.size
    except BadInput:
        lengths = [t.shape[0] for t in batches.leaves([given.args, given.kwargs]) if isinstance(t, Tensor) and t.ndim]
        return int(lengths[0]) if lengths else 0


def _finite(raw: Any) -> bool | None:
    answers = [t for t in batches.leaves(raw) if isinstance(t, Tensor) and t.is_floating_point()]
    return all(bool(t.isfinite().all()) for t in answers) if answers else None
