"""Keeps the user's objects as they were, bit for bit: weights, buffers, gradients, modes, optimizers, random numbers.

Tensors are compared with a copy and written back only where they differ, so that a graph which the user holds for a
later backward stays valid. The copy costs as much memory as weights, buffers, gradients and optimizer state together;
beyond a gigabyte of weights on an accelerator it lies in the memory of the CPU.

Out of scope, because it cannot be undone or is too large to copy: the rows of a data set, changed in place by reading
them, and lazy layers, which a first batch gives their weights (checks refuse those).
"""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

import numpy as np
import torch

from .things import Keeper

__all__ = ["Undo", "Untouched", "interrupts_wait"]

Undo = Callable[[], None]


class Untouched:
    """A context that puts the given objects back as they were; `restore()` does so in between too.

    Takes modules, optimizers, schedulers, loaders, samplers, data sets and functions, in a list. Also restores the
    random state of python, numpy, torch and its devices. An interrupt that arrives while restoring waits until it is
    done; what cannot be put back does not keep the rest from it, and is raised at the end.
    """

    def __init__(self, things: Iterable[Any]) -> None:
        self._things = list(things)
        self._undo: list[Undo] = []

    def __enter__(self) -> Untouched:
        self._undo = [_rng(), _modes(), *Keeper(self._things).undos]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.restore()
        except KeyboardInterrupt:  # it came before, or waited until the end; once more does no harm
            self.restore()
            raise

    def restore(self) -> None:
        """Put everything back as it was on entry."""
        failed: list[Exception] = []
        with interrupts_wait():
            for undo in self._undo:
                try:
                    undo()
                except Exception as error:
                    failed.append(error)
        if failed:
            raise failed[0]


def _rng() -> Undo:
    python, legacy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() and torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
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
def interrupts_wait() -> Iterator[None]:
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
