"""Weights that a module holds and `parameters()` does not give: in a list, a dict, a plain object or attribute."""

from __future__ import annotations

import gc
import itertools
import types
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader, Dataset

from ...batches.models import plain
from ...bench import Bench

BOXES = (list, tuple, set, frozenset, deque)
#: how deep containers and plain objects are followed, and how many items of one are looked at
_DEPTH, _LONG = 4, 1000
#: nodes of a graph that are looked at for the parameters it started from
_NODES = 1000
#: attributes that every module has: its tables and hooks
_OWN = frozenset(vars(nn.Module()))
_CLOSED = (str, bytes, int, float, complex, type, types.ModuleType, types.FunctionType, types.MethodType)
_OTHERS = (Optimizer, LRScheduler, DataLoader, Dataset, torch.Generator, torch.device, torch.dtype)


@dataclass(frozen=True)
class Hidden:
    """One attribute of a registered module, and the trainable weights in it that `parameters()` does not give."""

    owner: str
    attribute: str
    value: Any
    #: the modules and bare tensors found, each once
    members: tuple[nn.Module | Tensor, ...]
    weights: tuple[Tensor, ...]

    @property
    def path(self) -> str:
        """The attribute as a path from the model."""
        return f"{self.owner}.{self.attribute}" if self.owner else self.attribute

    @property
    def boxed(self) -> bool:
        """Whether it is a list, a dict, a tuple or a set."""
        return isinstance(self.value, (*BOXES, Mapping))


def hidden(bench: Bench) -> tuple[Hidden, ...]:
    """Every attribute of the model's modules that holds trainable weights out of reach of `parameters()`."""
    model = plain(bench.get("model"))
    known = {id(p) for p in model.parameters()}
    own = {id(module) for module in model.modules()}
    found = []
    for path, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            continue
        for attribute, value in vars(module).items():
            if attribute in _OWN:
                continue
            pairs = [(member, _weights(member, known)) for member in _members(value, own, _DEPTH, set())]
            pairs = [(member, weights) for member, weights in pairs if weights]
            unique = {id(weight): weight for _, weights in pairs for weight in weights}
            if unique:
                found.append(Hidden(path, attribute, value, tuple(m for m, _ in pairs), tuple(unique.values())))
    return tuple(found)


def optimizers(bench: Bench) -> list[Optimizer]:
    """The optimizer of the bench and every other one that is alive: a second one may train what the first does not."""
    alive = [thing for thing in gc.get_objects() if issubclass(type(thing), Optimizer)]
    given = [bench.optimizer] if isinstance(bench.optimizer, Optimizer) else []
    return list({id(optimizer): optimizer for optimizer in (*given, *alive)}.values())


def held_by(optimizer: Optimizer) -> set[int]:
    """The ids of the tensors that an optimizer moves."""
    return {id(p) for group in getattr(optimizer, "param_groups", ()) for p in group["params"]}


def _members(value: Any, own: set[int], depth: int, seen: set[int]) -> Iterator[nn.Module | Tensor]:
    """Modules and tensors within a value; a registered module is looked at in its own place."""
    if depth < 0 or value is None or isinstance(value, (*_CLOSED, *_OTHERS)) or id(value) in seen or id(value) in own:
        return
    seen.add(id(value))
    if isinstance(value, Tensor):
        yield value
        return
    if isinstance(value, nn.Module):
        yield value
        inner = [v for module in value.modules() for key, v in vars(module).items() if key not in _OWN]
    elif isinstance(value, Mapping):
        inner = list(itertools.islice(value.values(), _LONG))
    elif isinstance(value, BOXES):
        inner = list(itertools.islice(value, _LONG))
    else:
        inner = list(getattr(value, "__dict__", {}).values())
    for item in inner:
        yield from _members(item, own, depth - 1, seen)


def _weights(member: nn.Module | Tensor, known: set[int]) -> list[Tensor]:
    if isinstance(member, nn.Module):
        tensors: list[Tensor] = list(member.parameters())
    else:
        tensors = [member] if member.is_leaf else _sources(member)
    return [t for t in tensors if t.requires_grad and t.is_leaf and id(t) not in known]


def _sources(tensor: Tensor) -> list[Tensor]:
    """The parameters that a tensor was computed from, as `nn.Parameter(...) * 0.02` was."""
    found: list[Tensor] = []
    nodes, seen = [tensor.grad_fn], set[Any]()
    while nodes and len(seen) < _NODES:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        variable = getattr(node, "variable", None)
        if isinstance(variable, nn.Parameter):
            found.append(variable)
        nodes += [before for before, _ in node.next_functions]
    return found
