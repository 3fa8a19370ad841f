"""Clipping of gradients, and the scaling of losses in mixed precision that must be undone before it."""

from __future__ import annotations

import types
import weakref
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..record.data import MAX_KINDS, ClipSeen, Place
from .patches import Patches

if TYPE_CHECKING:
    from ..watcher import Watcher


class Clipping:
    """Stands around the clipping functions and the gradient scaler."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._clips: dict[tuple[str, Place], ClipSeen] = {}
        self._inside = False
        #: the last loss that a GradScaler scaled: (scaled, as it was); and whether it was unscaled since
        self._scaled: tuple[weakref.ref[Tensor], Tensor] | None = None
        self._unscaled = True

    @property
    def scaling(self) -> bool:
        """Whether a scaler is at work."""
        return self._scaled is not None

    def install(self, patches: Patches) -> None:
        """Replace what is called; `patches` puts it back."""
        clip = torch.nn.utils.clip_grad
        for name, kind in (("clip_grad_norm_", "norm"), ("clip_grad_value_", "value")):
            around = self._around_clip(getattr(clip, name), kind)
            patches.put(clip, name, around)
            patches.put(torch.nn.utils, name, around)
        if hasattr(clip, "_clip_grads_with_norm_"):  # names that were imported before this cell come by here
            patches.put(clip, "_clip_grads_with_norm_", self._around_inner(clip._clip_grads_with_norm_))
        scaler = torch.amp.GradScaler
        patches.put(scaler, "scale", self._around_scale(scaler.scale))
        patches.put(scaler, "unscale_", self._around_unscale(scaler.unscale_))

    def unscaled(self, root: Tensor) -> Tensor:
        """The loss as it was before a scaler scaled it."""
        return self._scaled[1] if self._scaled is not None and self._scaled[0]() is root else root

    def _around_clip(self, old: Any, kind: str) -> Any:
        clipping = self

        def clip(parameters: Any, limit: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            watcher = clipping._watcher
            if not watcher.at_home():
                return old(parameters, limit, *args, **kwargs)
            held = [parameters] if isinstance(parameters, Tensor) else list(parameters)
            if isinstance(parameters, types.GeneratorType):
                parameters = (parameter for parameter in held)  # read once; torch warns of empty ones
            elif not isinstance(parameters, Tensor):
                parameters = held
            clipping._inside = True
            waits = clipping._waits(held)
            try:
                out = old(parameters, limit, *args, **kwargs)
            finally:
                clipping._inside = False
            watcher.guarded(clipping._clipped, kind, limit, held, waits, out)
            return out

        def named(parameters: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            name = "max_norm" if kind == "norm" else "clip_value"
            if args:
                return clip(parameters, *args, **kwargs)
            return clip(parameters, kwargs.pop(name), **kwargs) if name in kwargs else old(parameters, **kwargs)

        named.__doc__, named.__name__ = old.__doc__, old.__name__
        return named

    def _around_inner(self, old: Any) -> Any:
        def clip(parameters: Any, max_norm: Any, total_norm: Any, *args: Any, **kwargs: Any) -> Any:
            if self._inside or not self._watcher.at_home():
                return old(parameters, max_norm, total_norm, *args, **kwargs)
            held = [parameters] if isinstance(parameters, Tensor) else list(parameters)
            waits = self._waits(held)
            out = old(held, max_norm, total_norm, *args, **kwargs)
            self._watcher.guarded(self._clipped, "norm", max_norm, held, waits, total_norm)
            return out

        return clip

    def _clipped(self, kind: str, limit: Any, held: list[Any], waits: bool, norm: Any) -> None:
        watcher = self._watcher
        place = watcher.places.here(4)
        seen = self._clips.get((kind, place))
        if seen is None:
            if len(self._clips) >= MAX_KINDS:
                return
            seen = self._clips[kind, place] = ClipSeen(kind, place, float(limit))
            watcher.trace.clips.append(seen)
        graded = sum(parameter.grad is not None for parameter in held)
        seen.tensors = min(seen.tensors, graded) if seen.count else graded
        seen.count += 1
        seen.empty += not held
        if watcher.looking.fine:
            seen.followed += 1
            seen.after_step += not waits
            watcher.happened("clip")
        seen.scaled += self._scaled is not None and not self._unscaled
        if isinstance(norm, Tensor):
            watcher.readings.add(seen.norms, watcher.trace.steps, norm)

    def _waits(self, held: list[Any]) -> bool:
        """Whether gradients wait for a step: asked before the clipping, which changes them."""
        watcher = self._watcher
        if not watcher.looking.fine or watcher.backward_since_step:
            return True
        return bool(watcher.guarded(self._pending, {id(parameter) for parameter in held}))

    def _pending(self, held: set[int]) -> bool:
        """Whether an optimizer of these has new ones: one that another step left, or set by hand."""
        return any(
            (known.grip.made or known.grip.renewed()) and any(id(parameter) in held for parameter in known.parameters())
            for known in self._watcher.optimizers.followed
        )

    def _around_scale(self, old: Any) -> Any:
        clipping = self

        def scale(self: Any, outputs: Any) -> Any:
            out = old(self, outputs)
            if isinstance(out, Tensor) and self.is_enabled() and clipping._watcher.at_home():
                clipping._scaled, clipping._unscaled = (weakref.ref(out), outputs.detach()), False
            return out

        return scale

    def _around_unscale(self, old: Any) -> Any:
        clipping = self

        def unscale_(self: Any, optimizer: Any) -> Any:
            out = old(self, optimizer)
            clipping._unscaled = True
            return out

        return unscale_
