"""The filters of a net's first layers as they are shown: weights in the shape of the input, their norms and scores."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

#: images in space; curves over time or features; rows of a table of embeddings in the plane
Form = Literal["image", "curve", "map"]


@dataclass(frozen=True)
class Scores:
    """How much neighbouring weights of each filter resemble one another, against the same filter shuffled."""

    #: (filters,) Moran's I: 1 for a smooth picture, about 0 for noise, -1 for a chessboard
    moran: np.ndarray = field(repr=False)
    #: (filters,) p-values, two-sided
    p: np.ndarray = field(repr=False)
    #: (filters,) whether a filter shows structure once all filters are corrected for
    structured: np.ndarray = field(repr=False)
    #: Moran's I that noise has on average
    noise: float
    #: share of the filters' energy that is structure as these inputs give it, and the most it may be; NaN where unknown
    share: float = float("nan")
    most: float = float("nan")
    #: the bound that pure noise of as many filters would get: what is above it cannot be told from noise
    least: float = float("nan")
    #: chance of seeing filters, all together, that are half noise and half learned from these inputs; NaN where unknown
    power: float = float("nan")
    #: Moran's I of the inputs themselves, as each filter meets them
    inputs: float = float("nan")

    @property
    def count(self) -> int:
        """Filters that show structure."""
        return int(self.structured.sum())


@dataclass(frozen=True)
class Layer:
    """One layer that reads the input. `weights` are (filters, channels, height, width), or (rows, columns) of a map."""

    path: str
    form: Form
    #: its shape in words: "64 filters of 3 × 7 × 7"
    shape: str
    weights: np.ndarray = field(repr=False)
    #: (filters,) Euclidean norms of all weights, those too that are not shown in full
    norms: np.ndarray = field(repr=False)
    #: where each row of `weights` stands in the layer, by falling norm; a map's are by number
    rows: np.ndarray = field(repr=False)
    #: the same filters before training
    before: np.ndarray | None = field(default=None, repr=False)
    scores: Scores | None = None
    #: how many there are in the layer
    total: int = 0
    #: of a map: the share of variance along each axis, what each row is called, and how often the batch has it
    shares: tuple[float, ...] = ()
    names: tuple[str, ...] = field(default=(), repr=False)
    seen: np.ndarray | None = field(default=None, repr=False)
    #: what the reader should know, one sentence each
    notes: tuple[str, ...] = ()

    @property
    def scale(self) -> float:
        """The largest absolute weight, before and after: the end of the one colour scale."""
        both = [self.weights] if self.before is None else [self.weights, self.before]
        largest = max((float(np.abs(part).max()) for part in both if part.size), default=0.0)
        return largest or 1.0


@dataclass(frozen=True)
class Filters:
    """The first layers of a net, in the order in which they run."""

    name: str
    layers: tuple[Layer, ...]
    #: what the filters before training are: "start", "as first seen"
    before: str = ""
