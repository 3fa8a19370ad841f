"""The same examples, each drawn many times: what the draws look like, and which parts of them vary."""

from __future__ import annotations

from dataclasses import dataclass

from .batch import View


@dataclass(frozen=True)
class Variation:
    """How one part of an example varies from draw to draw."""

    name: str
    #: "image", "mask", "label", …
    kind: str
    target: bool
    distinct: int
    draws: int
    #: mean absolute difference from the first draw, in standard deviations of the first; of boxes, in their own unit;
    #: for ids and masks the share of places that differ; None where nothing can be subtracted
    change: float | None = None
    #: shapes that came up, where there are several: "(3, 32, 32)"
    shapes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Example:
    """One example in all its draws."""

    #: as the user would write it
    name: str
    draws: int
    distinct: int
    views: tuple[View, ...]
    parts: tuple[Variation, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Augmented:
    """What drawing again and again gives."""

    #: what the user calls the data
    name: str
    examples: tuple[Example, ...] = ()
