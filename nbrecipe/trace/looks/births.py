"""Where a loss that is not finite comes from: the inputs, the weights, a module, or the loss itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ...guard import Untouched
from ..measures.facts import tensors

if TYPE_CHECKING:
    from ..record.data import Pass
    from ..watcher import Watcher


#: nodes of a graph looked at, and what autograd calls the input of a layer that it saved
NODES, INPUTS = 4096, ("_saved_mat1", "_saved_self", "_saved_input")


class Births:
    """Asked once, when the first loss that is not finite is about to run backward: the weights are as they made it."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher

    def loss(self, step: int, root: Tensor) -> None:
        """The loss of this step is not finite; its graph is still there."""
        watcher = self._watcher
        if watcher.trace.nonfinite is None:
            watcher.trace.nonfinite = (step, "loss")
            watcher.changed()
            watcher.guarded(self._trace, step, root)

    def late(self, step: int) -> None:
        """A loss of an earlier step, read only now, is not finite: the weights may have changed since."""
        trace = self._watcher.trace
        if trace.nonfinite is None or trace.nonfinite[0] > step:
            trace.nonfinite = (step, self._seen(step) or "loss")

    def _trace(self, step: int, root: Tensor) -> None:
        born = self._weights() or self._seen(step) or self._entered(root) or self._replayed()
        self._watcher.trace.nonfinite = (step, born or "loss")

    def _entered(self, root: Tensor) -> str:
        """The first layer that was given what is not finite, by what autograd has saved of this step."""
        found = ""
        for parameter, given in saved(root):
            if _bad(given):
                found = self._watcher.models.called(parameter).rpartition(".")[0]
        first = {
            f"{m.name}.{m.parameters[0].name}".rpartition(".")[0] for m in self._watcher.trace.models if m.parameters
        }
        return "inputs" if found in first else f"before {found}" if found else ""

    def _weights(self) -> str:
        for known in self._watcher.models:
            for parameter, seen, _, _ in known.parameters:
                if _bad(parameter):
                    return f"weights {known.seen.name}.{seen.name}"
        return ""

    def _seen(self, step: int) -> str:
        """What the passes of this step showed, where they were looked at."""
        for known in self._watcher.models:
            for seen in reversed(known.seen.passes):
                if seen.step == step and seen.grad and (where := _where(seen, known.seen.name)):
                    return where
        return ""

    def _replayed(self) -> str:
        """The first module that gives values which are not finite when the last call looked at is made again."""
        last = self._watcher.passes.last
        if self._watcher.close or last is None or any(not p.is_cpu for p in last.module.parameters()):
            return ""
        module, args, kwargs = last.module, last.args, last.kwargs
        name = next((known.seen.name for known in self._watcher.models if known.module is module), "")
        if any(_bad(tensor) for tensor in tensors([*args, *kwargs.values()])):
            return "inputs"
        born = replay(module, args, kwargs)
        return "" if born is None else f"{name}.{born}" if born else name


def saved(root: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """A parameter and the input of its layer, for every layer below a loss, those next to the loss first."""
    level, met = [root.grad_fn], 0
    seen: set[Any] = set()
    while level and met < NODES:
        below = []
        for node in level:
            if node is None or node in seen:
                continue
            seen.add(node)
            met += 1
            after = [one for one, _ in node.next_functions]
            below += after
            leaves = [
                leaf for one in after if one is not None for leaf in (one, *(two for two, _ in one.next_functions))
            ]
            held = [leaf.variable for leaf in leaves if leaf is not None and hasattr(leaf, "variable")]
            given = next((getattr(node, name) for name in INPUTS if hasattr(node, name)), None)
            if held and isinstance(given, Tensor):
                yield held[0], given
        level = below


def replay(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
    """Call a module again, leave everything as it was, and name the first part whose output is not finite."""
    found: list[str] = []

    def hook(name: str) -> Any:
        def look(part: nn.Module, given: Any, out: Any) -> None:
            if not found and any(_bad(tensor) for tensor in tensors(out)):
                found.append(name)

        return look

    with Untouched([module]), torch.no_grad():
        handles = [part.register_forward_hook(hook(name)) for name, part in module.named_modules()]
        try:
            module(*args, **kwargs)
        finally:
            for handle in handles:
                handle.remove()
    return found[0] if found else None


def _where(seen: Pass, model: str) -> str:
    if any(given.nonfinite for given in seen.inputs):
        return "inputs"
    return f"{model}.{seen.nonfinite}" if seen.nonfinite else ""


def _bad(tensor: Tensor) -> bool:
    """Whether a tensor holds NaN, or plus infinity: minus infinity is what a mask is made of."""
    if not tensor.is_floating_point() or tensor.is_sparse or tensor.is_meta:
        return False
    plain = tensor.detach()
    return bool((plain.isnan() | plain.isposinf()).any())
