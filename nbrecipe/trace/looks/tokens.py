"""The token ids that models look up, and how far the outputs see along them."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd.graph import get_gradient_edge
from torch.nn.modules import module as machinery

from ..measures.reading import Match, match, padding
from ..record.data import Place

if TYPE_CHECKING:
    from ..watcher import Watcher

#: look-ups remembered: a source, a target, places and segments of two models
LOOKUPS = 8
#: a target that says where it comes from, and a next token that is told apart from it
SURE, CLEAR = 0.99, 0.9
#: times that the gradient is asked how far one output sees, for each loss; later ones see past layers that begin at 0
ASKED = 4


@dataclass
class Lookup:
    """A table read at (N, T) ids, and where its gradient would arrive."""

    ids: Tensor
    edge: Any


class Tokens:
    """Follows what is looked up in embeddings while a close look lasts."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._lookups: deque[Lookup] = deque(maxlen=LOOKUPS)
        self._asked: dict[Place, int] = {}
        #: a gradient of ours would be noticed: the user's code listens to gradients, or computes forward passes again
        self.heard = False

    def looked_up(self, name: str, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Tensor) -> None:
        """A table was read."""
        given = [*args, *kwargs.values()]
        ids, table = kwargs.get("input", given[0]), kwargs.get("weight", given[1])
        known = self._watcher.models.parameter(table)
        if known is not None:
            known[0].table = True
        if name == "embedding" and isinstance(ids, Tensor) and ids.ndim == 2 and out.ndim == 3:
            self._lookups.append(Lookup(ids, get_gradient_edge(out) if out.requires_grad else None))

    def inside(self) -> None:
        """A module is called: whether its forward pass will be computed again in the backward pass."""
        hooks = getattr(torch._C._autograd, "_top_saved_tensors_default_hooks", None)
        self.heard |= hooks is not None and hooks(True) is not None

    def clear(self) -> None:
        """A backward has begun: what comes next belongs to other losses."""
        self._lookups.clear()

    def read(self, output: Tensor, target: Tensor, given: dict[str, Any], place: Place) -> dict[str, Any]:
        """What a target of classes says about the ids: the fields `lags`, `reach`, `past`, `length` and `padding`."""
        lookups = list(self._lookups)
        called = self._watcher.passes.ids()
        if called is not None and not any(lookup.ids is called for lookup in lookups):
            lookups.insert(0, Lookup(called, None))
        if not any(target.numel() in _sizes(lookup.ids) for lookup in lookups):
            return {}
        counted = (target >= 0) & (target != given.get("ignore_index", -100))
        weight = given.get("weight")
        if isinstance(weight, Tensor):
            counted &= weight[target.clamp(0, len(weight) - 1)] > 0
        best: tuple[Match, Lookup] | None = None
        for lookup in reversed(lookups):
            found = match(lookup.ids, target, counted)
            if found is not None and (best is None or _fit(found) > _fit(best[0])):
                best = found, lookup
            if best is not None and _fit(best[0])[0]:
                break
        if best is None:
            return {}
        matched, lookup = best
        reach, past = self._reach(matched, lookup, output, target.shape, place) or (None, False)
        return {
            "lags": matched.lags,
            "reach": reach,
            "past": past,
            "length": matched.ids.shape[1],
            "padding": padding(matched),
        }

    def _reach(
        self, matched: Match, lookup: Lookup, output: Tensor, shape: tuple[int, ...], place: Place
    ) -> tuple[int, bool] | None:
        """The last place, from its own, whose token moves an output in mid-row, and whether earlier ones do."""
        off = max((share for lag, share in matched.lags.items() if lag != 1), default=0.0)
        wanted = off > SURE and matched.lags.get(1, 0.0) < CLEAR
        asked = self._asked.get(place, 0)
        if not wanted or lookup.edge is None or not output.requires_grad or asked >= ASKED or self._listened():
            return None
        width = matched.table.shape[1]
        at = width // 2
        rows = matched.counted[:, at].nonzero()
        if len(rows) == 0:
            return None
        self._asked[place] = asked + 1
        row = int(rows[len(rows) // 2])
        scores = _scores(output, shape, row * width + at if matched.axis == 1 else at * len(matched.table) + row)
        if scores is None:
            return None
        uneven = torch.arange(1.0, len(scores) + 1, device=scores.device, dtype=scores.dtype).sin()
        try:
            (moved,) = torch.autograd.grad(scores, [lookup.edge], uneven, retain_graph=True, allow_unused=True)
        except RuntimeError:  # a graph that is gone, or one that allows one backward alone
            return None
        if moved is None:
            return None
        seen = (moved != 0).any(-1)
        own = (row, at) if matched.axis == 1 else (at, row)
        along, across = seen[own[0]], seen[:, own[1]]
        if int(along.sum()) <= 1 < int(across.sum()):  # time runs down the columns
            along, at = across, own[0]
        elif matched.axis == 0:
            at = own[1]
        places = along.nonzero()
        return (int(places[-1]) - at, int(places[0]) < at) if len(places) else None

    def _listened(self) -> bool:
        """Whether some hook of the user's would notice another gradient."""
        if not self.heard:
            modules = (module for known in self._watcher.models for module in known.module.modules())
            self.heard = bool(machinery._global_backward_hooks) or any(
                module._backward_hooks or module._backward_pre_hooks for module in modules
            )
        return self.heard


def _sizes(ids: Tensor) -> tuple[int, ...]:
    """How many targets fit these ids: one for each, or one less in every row or column."""
    return ids.numel(), ids.numel() - ids.shape[0], ids.numel() - ids.shape[1]


def _fit(found: Match) -> tuple[bool, float]:
    lags = found.lags
    return lags.get(1, 0.0) > SURE, max(lags.values(), default=0.0)


def _scores(output: Tensor, shape: tuple[int, ...], index: int) -> Tensor | None:
    """The scores of all classes for one target, given by its index among all."""
    if output.ndim == 2 and output.shape[0] == math.prod(shape):
        return output[index]
    if output.ndim != len(shape) + 1 or output.shape[:1] + output.shape[2:] != shape:
        return None
    at: list[Any] = []
    for size in reversed(shape):
        at.insert(0, index % size)
        index //= size
    return output.movedim(1, -1)[tuple(at)]
