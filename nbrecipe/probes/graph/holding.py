"""Which tensors the optimizer of a bench holds, beside the parameters of its model."""

from __future__ import annotations

import gc
import itertools
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...batches.models import plain
from ...bench import Bench
from ...task.refusal import refuse_lazy
from .hidden import BOXES, held_by, optimizers

Shape = tuple[int, ...]
#: items of a container in the user's variables that are looked at
_LONG = 1000


@dataclass(frozen=True)
class Holding:
    """The tensors of an optimizer, and the trainable parameters of a model, told apart by identity."""

    #: tensors in the optimizer
    held: int
    #: names of the model's parameters among them
    own: frozenset[str]
    #: how many of those are trainable
    training: int
    #: where parameters are missing: shapes of those that nothing else alive has, no module and no variable
    orphans: tuple[Shape, ...]
    #: number of those that belong to something else: another model, latents, an image
    foreign: int
    #: trainable parameters of the model, and those of them that no optimizer alive holds, with their shapes
    trainable: int
    missing: dict[str, Shape]
    #: the orphans are of another type than what is missing, as copies in full precision are
    cast: bool


def holding(bench: Bench) -> Holding:
    """Compare the optimizer of the bench with its model; every other optimizer alive counts too.

    Walks the living objects where a tensor is in one of them alone. Raises BadInput for lazy layers.
    """
    model, optimizer = plain(bench.get("model")), bench.get("optimizer")
    refuse_lazy(model)
    named = dict(model.named_parameters())
    mine = held_by(optimizer)
    own = frozenset(name for name, p in named.items() if id(p) in mine)
    known = {id(p) for p in model.parameters()}
    groups = getattr(optimizer, "param_groups", ())
    strangers = {id(p): p for group in groups for p in group["params"] if id(p) not in known}
    trainable = {name: p for name, p in named.items() if p.requires_grad}
    missing = {name: p for name, p in trainable.items() if id(p) not in mine}
    if missing:
        elsewhere = set[int]().union(*(held_by(other) for other in optimizers(bench)))
        missing = {name: p for name, p in missing.items() if id(p) not in elsewhere}
    lost = _lost(strangers) if strangers and missing else []
    if strangers and missing and not lost:
        gc.collect()  # a model that was made anew may be held by nothing but a circle of its own
        lost = _lost(strangers)
    return Holding(
        held=len(mine),
        own=own,
        training=len(own & trainable.keys()),
        orphans=tuple(tuple(p.shape) for p in lost),
        foreign=len(strangers) - len(lost),
        trainable=len(trainable),
        missing={name: tuple(p.shape) for name, p in missing.items()},
        cast=bool(lost) and {p.dtype for p in lost} != {p.dtype for p in missing.values()},
    )


def is_stepped(bench: Bench) -> bool:
    """Whether the optimizer has made a step, as far as it remembers: plain SGD keeps nothing."""
    return bool(getattr(bench.optimizer, "state", None))


def drivers(optimizer: Any) -> tuple[str, ...]:
    """Names of the classes of living objects that hold this optimizer: schedulers, wrappers, trainers."""
    found = set[str]()
    for holder in gc.get_referrers(optimizer):
        # the attributes of an object are a dict of their own, or lie in the object itself
        owners = gc.get_referrers(holder) if type(holder) is dict and "__builtins__" not in holder else [holder]
        for owner in owners:
            attributes = getattr(owner, "__dict__", None) if type(owner) not in (type, type(sys)) else None
            if type(attributes) is dict and any(value is optimizer for value in attributes.values()):
                kind = type(owner)
                if not kind.__module__.startswith(__name__.partition(".")[0]):
                    found.add(kind.__name__)
    return tuple(sorted(found))


def _lost(strangers: dict[int, Tensor]) -> list[nn.Parameter]:
    """The parameters that nothing but the optimizer has."""
    if not any(isinstance(p, nn.Parameter) for p in strangers.values()):
        return []
    wanted = _wanted()
    return [p for key, p in strangers.items() if isinstance(p, nn.Parameter) and key not in wanted]


def _wanted() -> set[int]:
    """The ids of all parameters of living modules, and of the tensors in the notebook's or the script's variables."""
    found = set[int]()
    for thing in gc.get_objects():
        if issubclass(type(thing), nn.Module):
            found |= {id(p) for p in (vars(thing).get("_parameters") or {}).values()}
    for value in list(vars(sys.modules["__main__"]).values()):
        found |= {id(tensor) for tensor in _tensors(value)}
    return found


def _tensors(value: Any) -> Iterator[Tensor]:
    inner: Any = (value,)
    if isinstance(value, Mapping) and type(value) is dict:
        inner = value.values()
    elif type(value) in BOXES:
        inner = value
    return (item for item in itertools.islice(list(inner), _LONG) if issubclass(type(item), torch.Tensor))
