"""State dicts: taken, copied by reference only, and loaded back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from .data import LoadSeen
from .patches import Patches

if TYPE_CHECKING:
    from .watcher import Watcher


class Checkpoints:
    """Stands around `load_state_dict`."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher

    def install(self, patches: Patches) -> None:
        """Replace what is called; `patches` puts it back."""
        checkpoints, old = self, nn.Module.load_state_dict

        def load_state_dict(self: Any, state_dict: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            watcher = checkpoints._watcher
            seen = watcher.guarded(checkpoints._looked, self, state_dict) if watcher.at_home() else None
            out = old(self, state_dict, *args, **kwargs)
            if seen is not None:
                watcher.trace.loads.append(seen)
                del watcher.trace.loads[:-64]
            return out

        load_state_dict.__doc__ = old.__doc__
        patches.put(nn.Module, "load_state_dict", load_state_dict)

    def _looked(self, module: nn.Module, state: Any) -> LoadSeen | None:
        if not isinstance(state, Mapping):
            return None
        watcher = self._watcher
        own = {name: value for name, value in module.state_dict(keep_vars=True).items() if isinstance(value, Tensor)}
        given = {name: value for name, value in state.items() if isinstance(value, Tensor)}
        shared = sum(
            name in own and value.numel() > 0 and own[name].data_ptr() == value.data_ptr()
            for name, value in given.items()
        )
        known = sum(name in own for name in given)
        frame = watcher.places.frame(4)
        name = watcher.names.of(module, frame)
        variable = next((key for key, value in watcher.namespace.items() if value is state and key[0] != "_"), "")
        return LoadSeen(name, watcher.places.here(4), watcher.trace.steps, variable, len(own), known, shared)

    def end(self) -> None:
        """State dicts in the user's variables that are the live weights themselves."""
        watcher = self._watcher
        live = {
            parameter.data_ptr(): known.seen.name
            for known in watcher.models
            for parameter in known.module.parameters()
            if parameter.numel()
        }
        for name, value in list(watcher.namespace.items()):
            if name.startswith("_") or not isinstance(value, Mapping) or not value:
                continue
            held = [tensor for tensor in list(value.values())[:256] if isinstance(tensor, Tensor) and tensor.numel()]
            found = [live[tensor.data_ptr()] for tensor in held if tensor.data_ptr() in live]
            if found:
                watcher.trace.aliases.append((name, found[0]))
