"""State dicts: taken, copied by reference only, and loaded back."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from ..looks.reach import holders
from ..record.data import NOWHERE, AliasSeen, LoadSeen, Place
from .patches import Patches

if TYPE_CHECKING:
    from ..watcher import Watcher

#: state dicts followed, and calls of `load_state_dict` kept
TAKEN, LOADS = 64, 64


class Checkpoints:
    """Stands around `state_dict` and `load_state_dict`."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        #: state dicts that were taken, with step and place; and the last step at which each model gave one
        self._taken: list[tuple[weakref.ref[Any], int, Place]] = []
        self._last: dict[int, int] = {}
        self._looking = False

    def install(self, patches: Patches) -> None:
        """Replace what is called; `patches` puts it back."""
        checkpoints, load, take = self, nn.Module.load_state_dict, nn.Module.state_dict

        def load_state_dict(self: Any, state_dict: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            watcher = checkpoints._watcher
            seen = watcher.guarded(checkpoints._looked, self, state_dict) if watcher.at_home() else None
            out = load(self, state_dict, *args, **kwargs)
            if seen is not None:
                watcher.trace.loads.append(seen)
                del watcher.trace.loads[:-LOADS]
            return out

        def state_dict(self: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            out = take(self, *args, **kwargs)
            watcher = checkpoints._watcher
            if not args and "destination" not in kwargs and not checkpoints._looking and watcher.at_home():
                watcher.guarded(checkpoints._took, self, out)
            return out

        load_state_dict.__doc__, state_dict.__doc__ = load.__doc__, take.__doc__
        patches.put(nn.Module, "load_state_dict", load_state_dict)
        patches.put(nn.Module, "state_dict", state_dict)

    def _took(self, module: nn.Module, state: Any) -> None:
        watcher = self._watcher
        self._last[id(module)] = watcher.trace.steps
        if isinstance(state, Mapping):
            self._taken = [taken for taken in self._taken if taken[0]() is not None][-TAKEN:]
            self._taken.append((weakref.ref(state), watcher.trace.steps, watcher.places.here(4)))

    def _looked(self, module: nn.Module, state: Any) -> LoadSeen | None:
        if not isinstance(state, Mapping):
            return None
        watcher = self._watcher
        self._looking = True
        try:
            mine = module.state_dict(keep_vars=True)
        finally:
            self._looking = False
        own = {name: value for name, value in mine.items() if isinstance(value, Tensor)}
        given = {name: value for name, value in state.items() if isinstance(value, Tensor)}
        shared = sum(
            name in own and value.numel() > 0 and own[name].data_ptr() == value.data_ptr()
            for name, value in given.items()
        )
        frame = watcher.places.frame(4)
        spaces = [watcher.namespace] + ([frame.f_locals] if frame is not None else [])
        variable = next(
            (key for space in spaces for key, value in list(space.items()) if value is state and key[0] != "_"), ""
        )
        return LoadSeen(
            watcher.names.of(module, frame), watcher.places.here(4), watcher.trace.steps, variable,
            tensors=len(own), matched=sum(name in own for name in given), shared=shared,
            taken=self._when(state)[0] if self._when(state)[1] else self._last.get(id(module)),
        )  # fmt: skip

    def _when(self, state: Any) -> tuple[int | None, Place]:
        """The step and place at which a state dict was taken in this cell."""
        return next(((step, place) for ref, step, place in reversed(self._taken) if ref() is state), (None, NOWHERE))

    def end(self) -> None:
        """State dicts in the user's variables that are the live weights themselves."""
        live = {
            parameter.data_ptr(): known
            for known in self._watcher.models
            for parameter in known.module.parameters()
            if parameter.numel()
        }
        for name, value in self._held():
            held = [tensor for tensor in list(value.values())[:256] if isinstance(tensor, Tensor) and tensor.numel()]
            found = [live[tensor.data_ptr()] for tensor in held if tensor.data_ptr() in live]
            if found:
                step, place = self._when(value)
                if not place:  # a copy of the dict, not of what it holds
                    step = self._last.get(id(found[0].module))
                self._watcher.trace.aliases.append(AliasSeen(name, found[0].seen.name, place, step))

    def _held(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        return (
            (name, value) for name, value in holders(self._watcher.namespace) if isinstance(value, Mapping) and value
        )
