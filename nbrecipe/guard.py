"""Keeps the user's objects as they were, bit for bit: weights, buffers, gradients, modes, optimizers, random numbers.

Tensors are compared with a copy and written back only where they differ, so that a graph which the user holds for a
later backward stays valid. The copy costs as much memory as weights, buffers and optimizer state together.
"""

from __future__ import annotations

import collections
import random
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

Undo = Callable[[], None]
#: attributes of a module that are restored by rules of their own
_OWN_RULES = ("_parameters", "_buffers", "_modules")
_CONTAINERS = (list, dict, set, collections.deque)
#: how deep generators are looked for inside data sets, loaders and transforms
_DEPTH = 4


class Untouched:
    """A context that puts the given objects back as they were; `restore()` does so in between too.

    Takes modules, optimizers, schedulers, loaders, samplers and data sets, in a list. Also restores the random state of
    python, numpy, torch and its devices. An interrupt that arrives while restoring waits until it is done.
    """

    def __init__(self, things: Iterable[Any]) -> None:
        self._things = list(things)
        self._undo: list[Undo] = []

    def __enter__(self) -> Untouched:
        seen: set[int] = set()
        self._undo = [_rng(), _modes()]
        for thing in self._things:
            self._undo += _keep(thing, seen)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.restore()

    def restore(self) -> None:
        """Put everything back as it was on entry."""
        with _interrupts_wait():
            for undo in self._undo:
                undo()


def _keep(thing: Any, seen: set[int]) -> list[Undo]:
    if id(thing) in seen:
        return []
    seen.add(id(thing))
    if isinstance(thing, nn.Module):
        return [undo for module in thing.modules() for undo in _module(module, seen)]
    if isinstance(thing, torch.optim.Optimizer):
        return [_optimizer(thing)]
    undos = _generators(thing, seen)
    attributes = getattr(thing, "__dict__", None)
    if isinstance(thing, torch.optim.lr_scheduler.LRScheduler) and attributes is not None:
        undos.append(_dict(attributes))
    return undos


def _module(module: nn.Module, seen: set[int]) -> list[Undo]:
    undos: list[Undo] = []
    for table in (module._parameters, module._buffers):
        undos.append(_dict(table))
        undos += [_tensor(tensor) for tensor in table.values() if tensor is not None and _first(tensor, seen)]
    undos.append(_dict(module._modules))
    plain = {key: value for key, value in vars(module).items() if key not in _OWN_RULES}
    undos += [_tensor(v) for v in plain.values() if isinstance(v, Tensor) and v.is_leaf and _first(v, seen)]
    undos += [_container(v) for v in plain.values() if isinstance(v, _CONTAINERS)]

    def undo() -> None:
        attributes = vars(module)
        for key in [k for k in attributes if k not in plain and k not in _OWN_RULES]:
            del attributes[key]
        attributes.update(plain)

    return [*undos, undo]


def _tensor(tensor: Tensor) -> Undo:
    lazy = isinstance(tensor, (nn.parameter.UninitializedParameter, nn.parameter.UninitializedBuffer))
    if lazy:
        return lambda: None
    data = tensor.detach()
    kept = data.clone(memory_format=torch.preserve_format)
    grad, needs = tensor.grad if tensor.is_leaf else None, tensor.requires_grad
    kept_grad = None if grad is None else grad.detach().clone()

    def undo() -> None:
        now = tensor.detach()
        if now.data_ptr() != data.data_ptr():
            tensor.data = data
        _write_back(data, kept)
        if tensor.is_leaf:
            if tensor.requires_grad != needs:
                tensor.requires_grad_(needs)
            if tensor.grad is not grad:
                tensor.grad = grad
            if grad is not None and kept_grad is not None:
                _write_back(grad.detach(), kept_grad)

    return undo


def _write_back(now: Tensor, kept: Tensor) -> None:
    if now.layout is torch.strided and _same(now, kept):
        return
    with torch.no_grad():
        now.copy_(kept)


def _same(a: Tensor, b: Tensor) -> bool:
    if torch.equal(a, b):
        return True
    if not (a.is_floating_point() or a.is_complex()):
        return False
    return bool(((a == b) | (a.isnan() & b.isnan())).all())


def _optimizer(optimizer: torch.optim.Optimizer) -> Undo:
    groups = [dict(group) for group in optimizer.param_groups]
    lists = [list(group["params"]) for group in groups]
    states = {p: dict(state) for p, state in optimizer.state.items()}
    tensors = [_tensor(v) for s in states.values() for v in s.values() if isinstance(v, Tensor)]

    def undo() -> None:
        del optimizer.param_groups[len(groups) :]
        for group, kept, params in zip(optimizer.param_groups, groups, lists, strict=True):
            group.clear()
            group.update(kept)
            group["params"][:] = params
        optimizer.state.clear()
        optimizer.state.update(states)
        for parameter, kept in states.items():
            optimizer.state[parameter] = dict(kept)
        for put_back in tensors:
            put_back()

    return undo


def _dict(table: dict[str, Any]) -> Undo:
    kept = dict(table)

    def undo() -> None:
        if table.keys() != kept.keys() or any(table[key] is not kept[key] for key in kept):
            table.clear()
            table.update(kept)

    return undo


def _container(box: Any) -> Undo:
    kept = box.copy()

    def undo() -> None:
        box.clear()
        (box.update if isinstance(box, (dict, set)) else box.extend)(kept)

    return undo


def _generators(thing: Any, seen: set[int], depth: int = _DEPTH) -> list[Undo]:
    """The random generators that live in a data set, loader, sampler or transform."""
    if isinstance(thing, torch.Generator):
        state = thing.get_state()
        return [lambda: thing.set_state(state) and None]
    if isinstance(thing, np.random.Generator):
        bits = thing.bit_generator
        kept = bits.state
        return [lambda: setattr(bits, "state", kept)]
    if isinstance(thing, np.random.RandomState):
        old = thing.get_state()
        return [lambda: thing.set_state(old)]
    if isinstance(thing, random.Random):
        past = thing.getstate()
        return [lambda: thing.setstate(past)]
    if depth == 0 or isinstance(thing, (Tensor, np.ndarray, str, bytes, int, float, type(None))):
        return []
    if isinstance(thing, (list, tuple)) and len(thing) <= 64:
        inner: Iterable[Any] = thing
    elif isinstance(thing, dict) and len(thing) <= 64:
        inner = thing.values()
    else:
        inner = list(getattr(thing, "__dict__", {}).values())
    return [undo for item in inner if _first(item, seen) for undo in _generators(item, seen, depth - 1)]


def _first(thing: Any, seen: set[int]) -> bool:
    new = id(thing) not in seen
    seen.add(id(thing))
    return new


def _rng() -> Undo:
    python, legacy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() and torch.cuda.is_initialized() else []
    mps = torch.mps.get_rng_state() if torch.backends.mps.is_available() else None

    def undo() -> None:
        random.setstate(python)
        np.random.set_state(legacy)
        torch.set_rng_state(cpu)
        if cuda:
            torch.cuda.set_rng_state_all(cuda)
        if mps is not None:
            torch.mps.set_rng_state(mps)

    return undo


def _modes() -> Undo:
    grad, dtype = torch.is_grad_enabled(), torch.get_default_dtype()

    def undo() -> None:
        torch.set_grad_enabled(grad)
        torch.set_default_dtype(dtype)

    return undo


@contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Hold back an interrupt while state is half restored; deliver it afterwards."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[tuple[int, FrameType | None]] = []
    old = signal.signal(signal.SIGINT, lambda number, frame: held.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, old if old is not None else signal.default_int_handler)
        if held and callable(old):
            old(*held[-1])
