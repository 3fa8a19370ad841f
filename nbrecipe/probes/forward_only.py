"""The signal without its way back: what checks of units need, at a third of the cost."""

from __future__ import annotations

import torch

from ..batches import BadInput
from ..bench import Bench
from ..task.refusal import refuse_lazy
from .passage import watched
from .signal import Signal, forward, plain, training


def forward_signal(bench: Bench) -> Signal:
    """Layers and units of one forward pass in train mode with dropout off; no gradient is taken.

    Run it inside `bench.untouched()`: running statistics move. Raises BadInput for lazy layers, for a forward pass that
    fails, and for a model in which nothing can be watched.
    """
    model, fed = plain(bench.get("model")), bench.get("feed")
    refuse_lazy(model)
    with training(model, fed.size), torch.no_grad(), watched(model, fed.size) as passage:
        forward(bench, model, fed)
    if not passage.layers and not passage.units:
        raise BadInput(f"`{bench.name('model')}` ran no layer that can be watched")
    return Signal(tuple(passage.layers), tuple(passage.units.values()), fed.size, (), "none was asked for")
