"""Every call of a model from the user's code: its mode, what goes in and comes out, and what becomes of it."""

from __future__ import annotations

import math
import sys
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as machinery

from ..looks.asked import Asked
from ..looks.models import NORMS
from ..looks.uses import Uses
from ..measures.facts import facts, fingerprint, rows, sample, tensors
from ..record.data import NormSeen, Pass
from ..record.series import thin

if TYPE_CHECKING:
    from ..watcher import Watcher

#: passes kept of a model
MAX_PASSES = 256
#: python frames in which torch calls a module
CALLS = {nn.Module._call_impl.__code__, nn.Module._wrapped_call_impl.__code__}
#: modules that compute in another way while function modes are on; the mode is off inside them
OPAQUE = (nn.MultiheadAttention, nn.TransformerEncoderLayer, nn.TransformerEncoder, torch.jit.ScriptModule)
#: losses of one evaluation that count: it may be looked at for as many batches and no more
FIRST_LOSSES = 4


@dataclass
class Running:
    """A module that is being called."""

    module: nn.Module
    root: bool
    #: whether it is a model or part of one, and no loss
    model: bool = True
    opaque: bool = False
    #: first module inside it that made values which are NaN, or infinitely large
    nonfinite: str = ""
    #: whether a loss was computed inside it
    scored: bool = False


class Passes:
    """Watches modules through torch's global hooks while a close look lasts."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._stack: list[Running] = []
        self._handles: list[Any] = []
        self._ids: weakref.ref[Tensor] | None = None
        #: root calls since the close look began
        self.count = 0
        self.uses = Uses()
        #: first losses without gradients since the last step, on data that is trained on and on other
        self._pending: dict[bool, list[float]] = {True: [], False: []}
        self._validated_at = 0
        #: the loader whose batch the last call of a model took
        self._loader = ""
        #: the last call of a model with gradients, kept to find where a value that is not finite was born
        self.last: Asked | None = None

    @property
    def running(self) -> bool:
        """Whether a module is being called."""
        return any(running.model for running in self._stack)

    def turn(self, on: bool) -> None:
        """Add the hooks or take them away."""
        self.count = 0
        if on and not self._handles:
            self._stack.clear()
            self._handles = [
                machinery.register_module_forward_pre_hook(self._before),
                machinery.register_module_forward_hook(self._after, with_kwargs=True, always_call=True),
            ]
        elif not on and self._handles:  # their stack is cleared when they come back
            for handle in self._handles:
                handle.remove()
                machinery._global_forward_hooks_with_kwargs.pop(handle.id, None)  # which torch forgets
            self._handles = []

    def _before(self, module: nn.Module, args: Any) -> None:
        if not self._watcher.at_home():
            return
        root = not self.running and not _inside_a_module()
        self._watcher.calls.tokens.inside()
        opaque = isinstance(module, OPAQUE) or type(module).__name__ == "OptimizedModule"
        model = not root or self._watcher.guarded(self._watcher.models.know, module) is not None
        self._stack.append(Running(module, root, model, opaque))
        if opaque:
            self._watcher.mode.turn(False)

    def _after(self, module: nn.Module, args: tuple[Any, ...], *rest: Any) -> None:
        # (kwargs, out); after an error in the module torch leaves out the first
        kwargs, out = rest if len(rest) == 2 else ({}, None)
        if not self._watcher.at_home() or not any(running.module is module for running in self._stack):
            return
        while self._stack[-1].module is not module:  # an inner call ended in an error that was caught
            self._stack.pop()
        running = self._stack.pop()
        if running.opaque and not any(outer.opaque for outer in self._stack):
            self._watcher.mode.turn(self._watcher.close)
        self._watcher.guarded(self._inner, running, out)
        if running.root and out is not None:
            self._watcher.guarded(self._root, running, args, kwargs, out)

    def _inner(self, running: Running, out: Any) -> None:
        """Where values that are not finite are born, and how many values a batch norm takes a mean over."""
        if isinstance(out, Tensor) and self._stack and not self._stack[0].nonfinite:
            values = sample(out, 4096)
            # minus infinity is what a mask is made of
            if values.is_floating_point() and bool((values.isnan() | (values == math.inf)).any()):
                whole = self._stack[0].module
                self._stack[0].nonfinite = next(
                    (name for name, part in whole.named_modules() if part is running.module), ""
                )
        norm = isinstance(running.module, NORMS) and not isinstance(running.module, nn.SyncBatchNorm)
        if norm and running.module.training and isinstance(out, Tensor) and torch.is_grad_enabled():
            known: NormSeen | None = self._watcher.models.norm(running.module)
            if known is not None:
                values_in_mean = out.numel() // max(out.shape[1], 1) if out.ndim > 1 else out.numel()
                known.values = min(known.values, values_in_mean) if known.values else values_in_mean
                known.most = max(known.most, values_in_mean)

    def _root(self, running: Running, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        watcher, module = self._watcher, running.module
        known = watcher.models.know(module)
        if known is None:
            return
        self.count += 1
        made, given = list(tensors(out))[:8], [*args, *kwargs.values()]
        grad = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in made)
        inputs = list(tensors(given))[:4]
        carried = self.uses.carried(inputs, known.seen.name, watcher.trace.steps)
        self.uses.entered(inputs, grad)
        self._ids = next(
            (weakref.ref(t) for t in inputs if t.ndim == 2 and t.dtype in (torch.int64, torch.int32)), None
        )
        if grad:
            # what it made holds a graph: not for longer than it is needed
            self.last = Asked(module, args, kwargs, tuple(made) if watcher.rehearsal.open else ())
            watcher.rehearsal.answered()
        seen = Pass(
            step=watcher.trace.steps,
            place=watcher.places.here(4),
            grad=grad,
            training=module.training,
            active=known.layers(True),
            idle=known.layers(False),
            batch=fingerprint(given),
            rows=rows(given),
            inputs=tuple(facts(tensor) for tensor in inputs),
            output=facts(made[0], 1 if made[0].ndim > 1 else None) if made else None,
            loader=watcher.loaders.fresh(),
            nonfinite=running.nonfinite,
            carried=carried,
            scored="loss" if running.scored and not grad else "",
        )
        self._loader = seen.loader
        known.seen.count += 1
        known.seen.passes.append(seen)
        thin(known.seen.passes, MAX_PASSES)
        self.uses.settle()
        self.uses.output(made, seen, known.seen.name)

    def made(self, tensor: Any) -> bool:
        """Whether a tensor is a model's output, or was computed from one or from parameters."""
        return isinstance(tensor, Tensor) and (self.uses.find(tensor) is not None or tensor.grad_fn is not None)

    def ids(self) -> Tensor | None:
        """The token ids that the last model got, (N, T); None where it got no such thing."""
        return self._ids() if self._ids is not None else None

    def validated(self, value: float) -> None:
        """A loss without gradients was computed."""
        if self.running:
            self._stack[0].scored = True
        trained = any(
            seen.trained for seen in self._watcher.trace.loaders if self._loader and seen.name == self._loader
        )
        self._validated_at = self._watcher.trace.steps
        if len(self._pending[trained]) < FIRST_LOSSES:
            self._pending[trained].append(value)

    def stepped(self) -> None:
        """An optimizer stepped: what was validated before belongs together."""
        values = self._pending[False] or self._pending[True]
        if values:
            self._watcher.trace.validation.add(self._validated_at, sum(values) / len(values))
            self._pending = {True: [], False: []}


def _inside_a_module() -> bool:
    """Whether torch is calling a module further up, begun before this close look."""
    frame, met = sys._getframe(2), 0
    own = 2  # the frames of the call that is being looked at
    while frame is not None:
        met += frame.f_code in CALLS
        if met > own:
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False
