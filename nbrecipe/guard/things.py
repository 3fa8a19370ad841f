"""What to undo for each kind of thing that a user owns: modules, optimizers, loaders, data sets, functions."""

from __future__ import annotations

import collections
import functools
import operator
import random
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from .tensors import KeptTensor, can_keep

Undo = Callable[[], None]
_BOXES = (list, dict, set, collections.deque)
#: attributes of a module that are restored by rules of their own
_TABLES = ("_parameters", "_buffers", "_modules")
#: how deep lists and dicts in attributes, and the parts of data sets, are followed
_DEPTH = 4
#: a box this long is data: its items are kept, what is inside them is not looked at
_LONG = 64
#: arrays up to this size are counters and caches, larger ones are data
_SMALL_ARRAY = 1 << 20
#: copies larger than this, of things on an accelerator, are kept in the memory of the CPU
_LARGE = 1 << 30


class Keeper:
    """Collects the undos of some things; each thing is kept once, however often it is met."""

    def __init__(self, things: Iterable[Any]) -> None:
        self.undos: list[Undo] = []
        self._seen: set[int] = set()
        things = list(things)
        self._away = _bytes_on_accelerator(things) > _LARGE
        for thing in things:
            self.thing(thing)

    def thing(self, thing: Any, depth: int = _DEPTH) -> None:
        """Keep one thing, and what it is made of."""
        if depth < 0 or thing is None or isinstance(thing, (str, bytes, int, float, complex, type, types.ModuleType)):
            return
        if not self._first(thing):
            return
        if isinstance(thing, nn.Module):
            self._module(thing)
        elif isinstance(thing, torch.optim.Optimizer):
            self._optimizer(thing)
        elif isinstance(thing, Tensor):
            pass  # the rows of a data set: too large to copy, and nothing of ours writes to them
        elif isinstance(thing, (*_BOXES, tuple)):
            self._box(thing, depth)
        elif isinstance(thing, np.ndarray):
            self._array(thing)
        elif (undo := _random_state(thing)) is not None:
            self.undos.append(undo)
        else:
            self._object(thing, depth)

    def _scripted(self, module: nn.Module) -> None:
        """A compiled module keeps its members out of python's reach; they cannot be replaced either."""
        for tensor in (*module.parameters(), *module.buffers()):
            self._tensor(tensor)
        modes = [(part, part.training) for part in module.modules()]
        self.undos += [functools.partial(setattr, part, "training", mode) for part, mode in modes]

    def _module(self, module: nn.Module) -> None:
        if isinstance(module, torch.jit.ScriptModule):
            return self._scripted(module)
        self.undos.append(_class_of(module))
        for table in (module._parameters, module._buffers, module._modules):
            self._dict(table)
        for tensor in (*module._parameters.values(), *module._buffers.values()):
            self._tensor(tensor)
        plain = {key: value for key, value in vars(module).items() if key not in _TABLES}
        self.undos.append(_attributes(vars(module), plain))
        for value in plain.values():
            if isinstance(value, Tensor):
                self._tensor(value)
            else:
                self.thing(value, _DEPTH - 1)
        for child in module._modules.values():
            self.thing(child)

    def _optimizer(self, optimizer: torch.optim.Optimizer) -> None:
        attributes = vars(optimizer)
        self.undos.append(_attributes(attributes, dict(attributes)))
        self._list(optimizer.param_groups)
        for group in optimizer.param_groups:
            self._dict(group)
            self._list(group["params"])
        self._dict(optimizer.state)
        for state in optimizer.state.values():
            if isinstance(state, dict):
                self._dict(state)
        states = [value for state in optimizer.state.values() if isinstance(state, dict) for value in state.values()]
        for value in (*states, *(item for group in optimizer.param_groups for item in group.values())):
            if isinstance(value, Tensor):
                self._tensor(value)
            elif isinstance(value, list):  # LBFGS keeps its past in lists
                self._list(value)
                for item in value:
                    self._tensor(item)
        for key, value in attributes.items():
            if key not in ("param_groups", "state", "defaults"):
                self.thing(value, 1)

    def _object(self, thing: Any, depth: int) -> None:
        """Loaders, samplers, data sets, schedulers, transforms; functions by what they close over."""
        attributes = getattr(thing, "__dict__", None)
        if isinstance(attributes, dict):
            known = isinstance(thing, (LRScheduler, torch.utils.data.Dataset, torch.utils.data.Sampler))
            if known or isinstance(thing, torch.utils.data.DataLoader):
                self.undos.append(_attributes(attributes, dict(attributes)))
            for value in attributes.values():
                self.thing(value, depth - 1)
        for part in _closed_over(thing):
            self.thing(part, depth - 1)

    def _box(self, box: Any, depth: int) -> None:
        if isinstance(box, dict):
            self._dict(box)
        elif isinstance(box, list):
            self._list(box)
        elif isinstance(box, (set, collections.deque)):
            self.undos.append(_refill(box, box.copy()))
        if len(box) <= _LONG:
            for item in list(box.values() if isinstance(box, dict) else box):
                self.thing(item, depth - 1)

    def _array(self, array: np.ndarray[Any, Any]) -> None:
        if array.nbytes > _SMALL_ARRAY or not array.flags.writeable or array.dtype.hasobject:
            return
        kept = array.copy()
        self.undos.append(lambda: np.copyto(array, kept))

    def _dict(self, table: Any) -> None:
        kept = dict(table)

        def undo() -> None:
            if list(table) != list(kept) or any(table[key] is not kept[key] for key in kept):
                table.clear()
                table.update(kept)

        self.undos.append(undo)

    def _list(self, items: list[Any]) -> None:
        kept = list(items)

        def undo() -> None:
            if len(items) != len(kept) or not all(map(operator.is_, items, kept)):  # there may be millions
                items[:] = kept

        self.undos.append(undo)

    def _tensor(self, tensor: Any) -> None:
        if isinstance(tensor, Tensor) and can_keep(tensor) and self._first(tensor):
            self.undos.append(KeptTensor(tensor, away=self._away and tensor.device.type != "cpu").put_back)

    def _first(self, thing: Any) -> bool:
        new = id(thing) not in self._seen
        self._seen.add(id(thing))
        return new


def _attributes(attributes: dict[str, Any], kept: dict[str, Any]) -> Undo:
    """New ones go, old ones come back; tables with rules of their own stay."""

    def undo() -> None:
        for key in [key for key in attributes if key not in kept and key not in _TABLES]:
            del attributes[key]
        attributes.update(kept)

    return undo


def _class_of(module: nn.Module) -> Undo:
    kept = type(module)

    def undo() -> None:
        if type(module) is not kept:
            module.__class__ = kept  # a parametrization makes a class of its own

    return undo


def _refill(box: Any, kept: Any) -> Undo:
    def undo() -> None:
        if box != kept:
            box.clear()
            (box.update if isinstance(box, set) else box.extend)(kept)

    return undo


def _random_state(thing: Any) -> Undo | None:
    """How to put a random generator back; None for anything else."""
    if isinstance(thing, torch.Generator):
        state = thing.get_state()
        return lambda: _ignore(thing.set_state(state))
    if isinstance(thing, np.random.Generator):
        bits = thing.bit_generator
        kept = bits.state
        return lambda: setattr(bits, "state", kept)
    if isinstance(thing, np.random.RandomState):
        old = thing.get_state()
        return lambda: thing.set_state(old)
    if isinstance(thing, random.Random) and not isinstance(thing, random.SystemRandom):
        past = thing.getstate()
        return lambda: thing.setstate(past)
    return None


def _ignore(answer: object) -> None:
    """Drop what a setter returns."""


def _closed_over(function: Any) -> Iterator[Any]:
    """What a function brings with it: a loss often closes over a network of its own."""
    if isinstance(function, functools.partial):
        yield from (function.func, *function.args, *function.keywords.values())
    if isinstance(function, types.MethodType):
        yield from (function.__self__, function.__func__)
    if isinstance(function, types.FunctionType):
        for cell in function.__closure__ or ():
            try:
                yield cell.cell_contents
            except ValueError:  # not assigned yet
                continue
        named = (function.__globals__.get(name) for name in function.__code__.co_names)
        yield from (value for value in named if isinstance(value, nn.Module))


def _bytes_on_accelerator(things: Iterable[Any]) -> int:
    tensors = [t for thing in things if isinstance(thing, nn.Module) for t in (*thing.parameters(), *thing.buffers())]
    return sum(t.numel() * t.element_size() for t in tensors if can_keep(t) and t.device.type != "cpu")
