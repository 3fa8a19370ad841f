"""Values that a program cuts from the graph: recorded once, and held fixed while finite differences are taken.

`detach`, `.data`, `.item()` and what is computed under `no_grad` are constants to backward. Finite differences see
through them unless these values are held: then a straight-through estimator, a stopped gradient or the target of a
second network is compared as what backward takes it for.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

#: what gives a value without its graph
_CUTS = frozenset(
    {
        Tensor.detach,
        Tensor.data.__get__,  # type: ignore[attr-defined]
        Tensor.item,
        Tensor.tolist,
        Tensor.numpy,
        Tensor.__float__,
    }
)
#: values beyond this many are not held: the memory stays bounded
MOST = 20_000


class Cuts(TorchFunctionMode):
    """Records the values that are cut, then gives the same ones back at each later pass."""

    def __init__(self) -> None:
        super().__init__()
        self.values: list[Any] = []
        #: whether a tensor hook changes gradients on their way
        self.hooks = False
        self._at: int | None = None
        #: inside of the user's own `no_grad`; the forward of an autograd function switches gradients off in another way
        self._off = False

    def replay(self) -> Cuts:
        """From now on give back what was recorded, from the first value on."""
        self._at, self._off = 0, False
        return self

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if func is torch._C._set_grad_enabled:
            self._off = not args[0]
        if func is Tensor.register_hook:
            self.hooks = True
        if func in _CUTS or (self._off and isinstance(out, Tensor) and not _in_place(func)):
            return self._held(out)
        return out

    def _held(self, out: Any) -> Any:
        if self._at is None:
            if len(self.values) < MOST:
                self.values.append(out.clone() if isinstance(out, Tensor) else out)
            return out
        self._at += 1
        if self._at > len(self.values):
            return out
        kept = self.values[self._at - 1]
        if isinstance(kept, Tensor):
            fits = isinstance(out, Tensor) and kept.shape == out.shape
            return kept.clone() if fits else out
        return kept


def _in_place(func: Any) -> bool:
    name = getattr(func, "__name__", "")
    return (name.endswith("_") and not name.endswith("__")) or name.startswith("__set") or name in ("__get__", "copy_")


class Narrowings(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees whether floats are made narrower on the way: float64 in, float32 out."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.eps = torch.finfo(torch.float64).eps

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        given = [a for a in args if isinstance(a, Tensor) and a.is_floating_point()]
        if given and isinstance(out, Tensor) and out.is_floating_point():
            widest = min(torch.finfo(a.dtype).eps for a in given)
            made = torch.finfo(out.dtype).eps
            if made > widest:
                self.eps = max(self.eps, made)
        return out
