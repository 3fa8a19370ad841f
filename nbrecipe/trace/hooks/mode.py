"""Sees the calls of torch that the user's code makes, while it is on the stack of function modes."""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import get_ident
from time import perf_counter
from typing import Any

from torch.overrides import (  # type: ignore[attr-defined]
    TorchFunctionMode,
    _len_torch_function_stack,
    _pop_torch_function_stack,
    _push_on_torch_function_stack,
)

Seen = Callable[[Any, tuple[Any, ...], dict[str, Any], Any], None]


class Mode(TorchFunctionMode):
    """Tells of every call after it was made; calls inside such a call are not seen.

    It lies beneath the user's own modes, so that theirs may come and go while it is on.
    """

    def __init__(self, see: Seen) -> None:
        super().__init__()
        self._see = see
        self._home = (os.getpid(), get_ident())
        #: calls under way: while there are some, the stack must stay as it is
        self.depth = 0
        #: what looking at the calls has taken
        self.seconds = 0.0
        self.on = False

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        self.depth += 1
        try:
            out = func(*args, **kwargs)
            if (os.getpid(), get_ident()) == self._home:
                start = perf_counter()
                self._see(func, args, kwargs, out)
                self.seconds += perf_counter() - start
        finally:
            self.depth -= 1
        return out

    def turn(self, on: bool) -> None:
        """Put it on the stack or take it off."""
        if on == self.on or self.depth or get_ident() != self._home[1]:
            return
        above = []
        while _len_torch_function_stack():
            mode = _pop_torch_function_stack()
            if mode is not self:
                above.append(mode)
        if on:
            _push_on_torch_function_stack(self)
        for mode in reversed(above):
            _push_on_torch_function_stack(mode)
        self.on = on
