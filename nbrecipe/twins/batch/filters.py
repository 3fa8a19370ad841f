"""`filters`, the Python twin of `%filters`: what the first layers look for, and whether it is more than noise."""

from __future__ import annotations

import math
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from ... import verbs
from ...batches import BadInput
from ...bench import Bench
from ...checks.tuning import noisy_filters
from ...pictures.filters import Filters
from ...probes.init.untrained import is_as_drawn
from ...probes.passes.signal import is_fresh
from ...probes.weights import filters as probe
from ...probes.weights.first_layer import FirstLayer, first_layers, first_layers_as
from ...render.nets import filters as drawn
from ...session import UNCHANGED, require
from ...verbs import Shown

#: the first layers' weights of models that were looked at before they were trained, to be shown beside the later ones
STARTS: weakref.WeakKeyDictionary[nn.Module, dict[str, Tensor]] = weakref.WeakKeyDictionary()
#: numbers of such a copy, at most
KEPT = 1 << 22


@dataclass
class FirstFilters(Shown):
    """The filters of the first layers, and what was found of them."""

    shown: Filters = field(default_factory=lambda: Filters("model", ()), repr=False)
    _picture: bytes | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return drawn.text_of(self, self.shown)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return drawn.html_of(self, self.shown, self.picture())

    def picture(self) -> bytes:
        """The largest filters as a still picture."""
        if self._picture is None:
            self._picture = drawn.png(self.shown)
        return self._picture


def filters(
    model: nn.Module | None = None, *, before: Any = None, shape: tuple[int, ...] = (), **given: Any
) -> FirstFilters:
    """Show the weights of the layers that read the batch, by norm, and tell whether they are more than noise.

    Takes batch=, train= (a loader), tokenizer=, loss=, optimizer=. `before` is a model or a state dict kept from before
    training, shown beside; without it, what an earlier call saw of the untrained model. `shape` is that of images which
    come as flat rows, (8, 8) or (3, 32, 32). Raises BadInput, in one sentence.
    """
    return filters_of(verbs.bench_of(model=model, **given), before=before, shape=shape)


def filters_of(bench: Bench, *, before: Any = None, name: str = "before", shape: tuple[int, ...] = ()) -> FirstFilters:
    """The same for a bench; `name` is what the user calls `before`."""
    start = time.perf_counter()
    require(bench, "model", "batch")
    bench = _with_start(bench, before, name)
    with bench.untouched():
        if shape:
            bench.know(first_layers, _flat(bench, tuple(shape)))
        seen = bench.once(probe.filters)
    _remember(bench)
    results = verbs.SESSION.run([noisy_filters.check], bench)
    seconds = time.perf_counter() - start
    title = f"Filters of `{bench.name('model')}`"
    return FirstFilters(title, {r.id: r for r in results}, note=UNCHANGED, seconds=seconds, shown=seen.shown)


def _flat(bench: Bench, shape: tuple[int, ...]) -> tuple[FirstLayer, ...]:
    """The first layers, where flat rows are images of this shape; BadInput where no row has as many numbers."""
    layers = first_layers_as(bench, shape)
    if not any(layer.columns is not None and layer.weight[0].numel() == math.prod(shape) for layer in layers):
        told = " × ".join(str(n) for n in shape)
        raise BadInput(
            f"no first layer of `{bench.name('model')}` reads flat rows of {told} = {math.prod(shape)} numbers"
        )
    return layers


def _with_start(bench: Bench, before: Any, name: str) -> Bench:
    """The bench with the weights that the model started from, where they are known."""
    state: Mapping[str, Any] | None = None
    if before is not None:
        state = probe.state_of(before, name)
    elif bench.model is not None and bench.model in STARTS and bench.pretrained is None and not is_fresh(bench):
        state, name = STARTS[bench.model], "as first seen"
    if state is None:
        return bench
    return bench.replace(pretrained=state, names={**bench.names, "pretrained": name})


def _remember(bench: Bench) -> None:
    """Keep the first layers of a model that nothing has trained yet."""
    layers = bench.once(first_layers)
    if bench.model is None or bench.model in STARTS or not is_fresh(bench):
        return
    fresh = [layer for layer in layers if layer.module is not None and is_as_drawn(layer.module)]
    kept = {layer.name: layer.module.weight.detach().cpu().clone() for layer in fresh if layer.name and layer.module}  # type: ignore[operator]
    if kept and sum(weight.numel() for weight in kept.values()) <= KEPT:
        STARTS[bench.model] = kept
