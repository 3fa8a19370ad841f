"""How gradients come and go: backward calls and what clears them."""

from __future__ import annotations

import math
import re
import sys
import weakref
from threading import get_ident
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ..looks.reach import holders
from ..measures.roots import ceiling
from ..record.data import MAX_KINDS, BackwardSeen
from ..record.series import thin
from .clipping import Clipping
from .optimizers import foreign
from .patches import Patches

if TYPE_CHECKING:
    from ..watcher import Watcher

#: autograd nodes looked at from the root down
NODES = 24
#: close looks kept of one backward
MAX_LOOKS = 256
#: losses of which is asked at the end whether somebody holds them still
ROOTS = 8
#: the code of `Tensor.backward`, which stands between the user's line and ours
TENSOR_BACKWARD = Tensor.backward.__code__
#: the loss in `losses.mean().backward()`, `loss_fn(x, y).backward()`, `accelerator.backward(loss)`, `loss.backward()`
CALLED = re.compile(r"(?:([A-Za-z_]\w*)\.)?([A-Za-z_]\w*)$")
GIVEN = re.compile(r"\b(?:autograd|accelerator|fabric|engine)\.backward\(\s*[\[(]*\s*([A-Za-z_]\w*)")
SAID = re.compile(r"([A-Za-z_]\w*)[\])\s]*\.backward\b|\bbackward\(\s*([A-Za-z_]\w*)")


class Gradients:
    """Stands around `backward`, `zero_grad` and the clipping functions."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._seen: dict[tuple[str, int], BackwardSeen] = {}
        #: those whose losses are plain numbers of the CPU, by code and instruction, with the code, so that its id
        #: stays its own
        self._quick: dict[tuple[int, int], tuple[Any, BackwardSeen]] = {}
        self._told: dict[str, str] = {}
        self._thread, self._looking = get_ident(), watcher.looking
        self._trace, self._loaders = watcher.trace, watcher.loaders
        self._inside = False
        #: whether another thread has called backward
        self.elsewhere = False
        #: losses of the first close looks
        self._roots: list[weakref.ref[Tensor]] = []
        self.clipping = Clipping(watcher)

    def install(self, patches: Patches) -> None:
        """Replace what is called; `patches` puts it back."""
        self._backward = patches.put(torch.autograd, "backward", self._around_backward)
        for kind in (torch.optim.Optimizer, nn.Module, *foreign()):
            patches.put(kind, "zero_grad", self._around_zero(kind.zero_grad))
        self.clipping.install(patches)

    def _around_backward(self, tensors: Any, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        if self._inside or get_ident() != self._thread:
            self.elsewhere |= not self._inside
            return self._backward(tensors, *args, **kwargs)
        frame: Any = sys._getframe(1)
        if frame.f_code is TENSOR_BACKWARD:
            frame = frame.f_back
        known = self._quick.get((id(frame.f_code), frame.f_lasti))
        if known is not None and not self._looking.fine and self._quickly(tensors, known[1]):
            return self._backward(tensors, *args, **kwargs)
        self._inside = True
        seen, watcher = None, self._watcher
        try:
            seen = watcher.guarded(self._before, tensors, known and known[1])
            out = self._backward(tensors, *args, **kwargs)
        finally:
            self._inside = False
        if seen is not None:
            watcher.guarded(self._after, seen, tensors)
        return out

    def _quickly(self, root: Any, seen: BackwardSeen) -> bool:
        """Take down the loss of a line that is known, and no more; False where that is not enough.

        What is touched here is out of the processor's caches each time: it is little on purpose.
        """
        if root.__class__ is not Tensor or root.ndim:
            return False
        value = root.item()
        seen.count += 1
        seen.values.push((self._trace.steps, value))
        if value - value != 0:  # NaN or infinite
            self._watcher.births.loss(self._trace.steps, root)
        last = self._loaders.last
        if last is not None:
            last.trained += 1
        return True

    def _place(self, plain: bool) -> BackwardSeen | None:
        frame = self._watcher.places.frame(4)
        key = (frame.f_code.co_filename, frame.f_lineno) if frame is not None else ("", 0)
        seen = self._seen.get(key)
        if seen is None and len(self._seen) < MAX_KINDS:
            place = self._watcher.places.here(4)
            seen = self._seen[key] = BackwardSeen(_said(place.text), place)
            self._told[seen.name] = f"backward:{seen.name}"
            self._watcher.trace.backward.append(seen)
        if seen is not None and frame is not None and plain:
            self._quick[id(frame.f_code), frame.f_lasti] = (frame.f_code, seen)
        return seen

    def _before(self, tensors: Any, seen: BackwardSeen | None) -> BackwardSeen | None:
        watcher = self._watcher
        root = tensors if isinstance(tensors, Tensor) else next(iter(tensors), None)
        if not isinstance(root, Tensor):
            return None
        plain = root.is_cpu and not root.ndim and not root.is_leaf and not self.clipping.scaling
        seen = seen or self._place(plain)
        if seen is None:
            return None
        for known in watcher.optimizers.followed:
            known.grip.enter()
        seen.count += 1
        watcher.trace.backwards += 1
        seen.leaf += root.grad_fn is None
        loss = self.clipping.unscaled(root)
        watcher.readings.add(seen.values, watcher.trace.steps, loss, watcher.births.late)
        if loss.is_cpu and loss.numel() == 1 and not math.isfinite(loss.item()):
            watcher.births.loss(watcher.trace.steps, loss)
        watcher.backward_since_step = True
        watcher.loaders.trained()
        watcher.happened(self._told[seen.name])
        if watcher.close:
            self._look(seen, root)
        return seen

    def fold(self) -> None:
        """Thin the curves."""
        for seen in self._trace.backward:
            seen.values.fold()
        self._trace.backwards = sum(seen.count for seen in self._trace.backward)

    def _look(self, seen: BackwardSeen, root: Tensor) -> None:
        watcher = self._watcher
        chain = _chain(root)
        seen.chain = seen.chain or chain
        seen.looked += 1
        seen.clamped += _clamped(chain)
        if len(self._roots) < ROOTS:
            self._roots.append(weakref.ref(root))
        if root.numel() == 1:
            values = [value for _, value in watcher.calls.values]
            if values and values[-1]:
                seen.scales.append(float(self.clipping.unscaled(root).detach()) / values[-1])
                seen.scale = seen.scales[0]
                thin(seen.scales, MAX_LOOKS)
            met = ceiling(root)
            if met is not None:
                seen.ceiling, seen.by_hand = met.limit, met.by_hand
                seen.above.append(met.above)
                thin(seen.above, MAX_LOOKS)
        watcher.passes.uses.backward()
        watcher.calls.tokens.clear()

    def end(self) -> None:
        """Losses that are held still, with their graph, after the backward that was to be their end."""
        self.fold()
        alive = [root for ref in self._roots if (root := ref()) is not None and root.grad_fn is not None]
        if len(alive) < 2:  # one is the variable of the last step
            return
        name, number = "", 0
        for key, value in holders(self._watcher.namespace):
            held = [one for one in value if isinstance(one, Tensor) and one.grad_fn is not None]
            if any(one is alive[0] for one in held):
                name, number = key, len(held)
                break
        self._watcher.trace.kept = (len(alive), name, number)

    def _after(self, seen: BackwardSeen, tensors: Any) -> None:
        watcher = self._watcher
        for known in watcher.optimizers.followed:
            known.grip.leave()
        if watcher.close:
            watcher.models.look()
            held = [known for known in watcher.optimizers.followed if known.grip.made]
            seen.unreached += bool(watcher.optimizers.followed) and not held
            if _clamped(_chain(tensors if isinstance(tensors, Tensor) else tensors[0])):
                seen.silenced += all(not known.grip.alive() for known in watcher.optimizers.followed)

    def _around_zero(self, old: Any) -> Any:
        gradients = self

        def zero_grad(self: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            out = old(self, *args, **kwargs)
            if gradients._looking.fine:
                watcher = gradients._watcher
                if watcher.at_home() and watcher.optimizers.stepping is None:
                    watcher.guarded(gradients._cleared, self)
            return out

        zero_grad.__doc__ = old.__doc__
        return zero_grad

    def _cleared(self, owner: Any) -> None:
        watcher = self._watcher
        if not isinstance(owner, nn.Module):
            known = watcher.optimizers.know(owner)
            known.seen.cleared += 1
            if not known.seen.clear_place:
                known.seen.clear_place = watcher.places.here(4)
            watcher.happened(known.told_cleared)
        else:
            watcher.happened("zero")


def _said(text: str) -> str:
    """What the line calls its loss: `(loss / 3).backward()` → "loss", `loss_fn(out, y).backward()` → "loss_fn(…)"."""
    head, _, tail = text.partition(".backward(")
    start, depth = len(head), 0
    while start and (depth or start == len(head)):  # back to the bracket that opens the last call
        start -= 1
        depth += {")": 1, "(": -1}.get(head[start], 0)
    function = CALLED.search(head[:start]) if head.endswith(")") else None
    if tail and function is not None and function.group(2) != "scale":  # a scaler's
        empty = not head[start + 1 : -1].strip()
        return function.group(1) if empty and function.group(1) else f"{function.group(2)}(…)"
    match = GIVEN.search(text) or SAID.search(text)
    return (match.group(1) or match.group(match.lastindex or 1)) if match else "loss"


def _chain(root: Tensor) -> tuple[str, ...]:
    """Names of the autograd nodes below a root, breadth first."""
    names: list[str] = []
    level = [root.grad_fn]
    while level and len(names) < NODES:
        names += [type(node).__name__ for node in level if node is not None]
        level = [below for node in level if node is not None for below, _ in node.next_functions if below is not None]
    return tuple(names[:NODES])


def _clamped(chain: tuple[str, ...]) -> bool:
    """Whether a clamp lies between the root and the loss function proper."""
    for name in chain:
        if name.startswith(("Clamp", "Minimum", "Maximum", "Hardtanh")):
            return True
        if "Loss" in name or name.startswith(("Addmm", "LogSoftmax", "Convolution", "BinaryCrossEntropy")):
            return False
    return False
