"""Values of one metric beside each other, each with the interval in which it lies."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Standing:
    """Who stands where: a model, a baseline, a person."""

    name: str
    #: None where it could not be tried; `beside` then says why
    value: float | None
    low: float | None = None
    high: float | None = None
    #: "0.86 (0.74 to 0.93)"
    told: str = ""
    #: in a few words: "could be chance, p = 0.31"
    beside: str = ""
    #: whether this is what is judged: the user's model, or the person
    judged: bool = False


@dataclass(frozen=True)
class Standings:
    """All of them on one axis, in the order in which they are to be read."""

    #: "accuracy, a share of 360 rows"
    caption: str
    rows: tuple[Standing, ...]
    #: where the axis begins and ends; None where the values say
    low: float | None = None
    high: float | None = None
