"""What a batch does inside a net, layer by layer: the distribution of the outputs, and the outputs themselves."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

#: kinds of artefacts of a channel
ARTIFACTS = ("constant", "checkerboard", "border")


@dataclass(frozen=True)
class Layer:
    """One layer with weights and what directly follows it: a normalisation, an activation."""

    path: str
    #: "conv2d → batch_norm → relu"
    kind: str
    #: of one example
    shape: tuple[int, ...]
    mean: float
    std: float
    low: float
    high: float
    #: how often values fall between equally wide steps from `edges[0]` to `edges[1]`
    counts: np.ndarray = field(repr=False)
    edges: tuple[float, float]
    #: share of values that are exactly zero
    zeros: float = 0.0
    #: units that are off on every example, of how many; None where none can be off
    off: int | None = None
    units: int = 0
    #: share of values at the flat ends of a tanh or sigmoid; None where there are none
    saturated: float | None = None
    #: share of values that are NaN or infinite
    broken: float = 0.0
    #: times it was called in one pass; the first is shown
    calls: int = 1
    #: (examples, pictures, height, width): channels as images, or one picture of positions by units
    maps: np.ndarray | None = field(default=None, repr=False)
    #: the channels that the pictures are of, () where a picture is of all units
    channels: tuple[int, ...] = ()
    #: what the two axes of a picture are
    axes: tuple[str, str] = ("", "")
    #: channels with artefacts, by kind, of `units`
    artifacts: dict[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Activations:
    """The layers in execution order, and the examples they are shown for."""

    name: str
    layers: tuple[Layer, ...]
    #: rows of the batch that are shown, and how many examples the numbers are of
    examples: tuple[int, ...] = ()
    size: int = 0
    #: (examples, height, width, 1 or 3): the input as bytes where it is images
    inputs: np.ndarray | None = field(default=None, repr=False)
    #: what the reader should know
    notes: tuple[str, ...] = ()
