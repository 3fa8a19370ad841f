"""Whether parameters that no optimizer holds were forgotten, or kept back on purpose: read off where they lie."""

from __future__ import annotations

import math

from .data import ModelSeen, ParameterSeen, Trace

#: share of the weights up to which those left out are the smaller part
MINOR = 0.5


def forgotten(model: ModelSeen, waiting: list[ParameterSeen], trace: Trace) -> bool:
    """Whether the layers left out were forgotten, not kept back on purpose."""
    held = [p for p in model.parameters if p.optimizers]
    if not held:  # an encoder in front of a trained decoder; or a net that only judges, which is pretrained
        trained = [other for other in trace.models if any(p.optimizers for p in other.parameters)]
        held = [p for other in trained for p in other.parameters if p.optimizers]
        return _fresh(waiting) and len(layers_of(held)) > 1 and not any(_beside(model, other) for other in trained)
    left, kept = layers_of(waiting), layers_of(held)
    order = [layer_of(p) for p in model.parameters]
    first, last = order.index(next(iter(kept))), max(order.index(layer) for layer in kept)
    if all(order.index(layer) < first for layer in left):  # all in front, as a backbone is
        return _fresh(waiting) and len(kept) > 1
    minor = sum(_size(p) for p in waiting) < MINOR * sum(_size(p) for p in (*waiting, *held))
    if all(order.index(layer) > last for layer in left):  # the head
        return len(left) < len(kept) or (len(left) == len(kept) and minor)
    # between trained ones: biases or norms of a group that was forgotten, or a layer; not the base under adapters
    return minor or (len(left) < len(kept) and _fresh(waiting))


def _beside(model: ModelSeen, other: ModelSeen) -> bool:
    """Whether two models get the same input, as a fixed random target and its imitator do."""
    given = {(p.step, p.batch) for p in other.passes if p.batch}
    return any((p.step, p.batch) in given for p in model.passes)


def layer_of(p: ParameterSeen) -> str:
    """The path of the module that has it."""
    return p.name.rpartition(".")[0]


def layers_of(parameters: list[ParameterSeen]) -> dict[str, None]:
    """Their modules, each once, in order."""
    return {layer_of(p): None for p in parameters}


def _size(p: ParameterSeen) -> int:
    return math.prod(p.shape)


def _fresh(waiting: list[ParameterSeen]) -> bool:
    """Whether most weights that were left out are as torch draws them: nobody keeps such a layer on purpose."""
    weights = [p for p in waiting if len(p.shape) > 1]
    return sum(p.fresh for p in weights) > len(weights) / 2
