"""`activations`, the Python twin of `%activations`: what a batch does inside a net, layer by layer."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from ... import batches, verbs
from ...batches import BadInput
from ...bench import Bench
from ...checks.init import dead_units, saturated_units
from ...checks.tuning import activation_artifacts
from ...pictures.activations import Activations
from ...probes.passes.activity import SHOWN, Activity, activity
from ...probes.passes.signal import is_fresh, signal
from ...probes.weights.first_layer import examples as first_examples
from ...render.nets import activations as drawn
from ...session import UNCHANGED, require
from ...verbs import Shown

#: examples that tell a dead unit of a trained net from one that is off on most inputs
ENOUGH = 16
CHECKS = (dead_units.check, saturated_units.check, activation_artifacts.check)


@dataclass
class LayerActivations(Shown):
    """The outputs of every layer on one batch, and what was found of them."""

    seen: Activations = field(default_factory=lambda: Activations("model", ()), repr=False)
    _picture: bytes | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return drawn.text_of(self, self.seen)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return drawn.html_of(self, self.seen, self.picture())

    def picture(self) -> bytes:
        """Some layers as a still picture."""
        if self._picture is None:
            self._picture = drawn.png(self.seen)
        return self._picture


def activations(
    model: nn.Module | None = None, *, examples: Iterable[int] | None = None, **given: Any
) -> LayerActivations:
    """Show every layer's outputs on one batch: their distribution, dead and saturated units, feature maps.

    Takes batch=, train= (a loader), loss=, optimizer=. `examples` are the rows of the batch whose outputs are shown,
    the first three without. Raises BadInput, in one sentence.
    """
    return activations_of(verbs.bench_of(model=model, **given), examples=examples)


def activations_of(bench: Bench, *, examples: Iterable[int] | None = None) -> LayerActivations:
    """The same for a bench."""
    start = time.perf_counter()
    require(bench, "model", "batch")
    few = _few(bench)
    chosen = SHOWN if examples is None else _chosen(examples, batches.batch_size(few.get("batch")))
    with few.untouched():
        seen, passed = Activity(chosen)(few)
    few.know(activity, seen)
    few.know(signal, passed)  # what units do needs no way back
    if not seen.layers:
        raise BadInput(f"`{bench.name('model')}` ran no layer with weights on this batch, so there is nothing to show")
    # units of a trained net are choosy: off on a few examples is not dead
    told = [check for check in CHECKS if check is not dead_units.check or seen.size >= ENOUGH or is_fresh(bench)]
    results = verbs.SESSION.run(told, few)
    seconds = time.perf_counter() - start
    whole, read = batches.batch_size(bench.get("batch")), seen.size
    note = UNCHANGED if read == whole else f"the first {read} of {whole} examples; {UNCHANGED}"
    title = f"Activations of `{bench.name('model')}`"
    return LayerActivations(title, {r.id: r for r in results}, note=note, seconds=seconds, seen=seen)


def _few(bench: Bench) -> Bench:
    """The bench with no more examples than one look needs, so that a large batch costs no more than a small one."""
    return bench.replace(batch=first_examples(bench), train_loader=None)


def _chosen(rows: Iterable[int], size: int) -> tuple[int, ...]:
    chosen = tuple(rows)
    wrong = [row for row in chosen if not isinstance(row, int) or isinstance(row, bool) or not 0 <= row < size]
    if wrong or not chosen:
        told = f"{wrong[0]!r} is none of them" if wrong else "none was given"
        raise BadInput(f"examples are rows of the batch from 0 to {size - 1} (the first {size} are read); {told}")
    return chosen[:6]
