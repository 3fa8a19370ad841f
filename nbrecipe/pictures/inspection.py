"""A data set in numbers and examples: its splits, how its labels balance, every axis, what examples look like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .batch import View
from .browse import Card


@dataclass(frozen=True)
class Split:
    """One part of the data as it was read."""

    name: str
    #: "5000 rows", "the first 1200000 of 10000000 rows"
    extent: str
    rows: int
    #: examples that could not be read, and what the first of them raised
    unread: int = 0
    raised: str = ""
    #: rows whose input stood in an earlier row of the same split
    again: int = 0


@dataclass(frozen=True)
class Column:
    """What one column holds: "image, (28, 28) of uint8"."""

    name: str
    told: str
    is_label: bool = False


@dataclass(frozen=True)
class Balance:
    """How often each label occurs; the first split's order."""

    names: tuple[str, ...]
    #: (splits, names) rows
    counts: np.ndarray
    #: labels that are not listed
    left: int = 0
    #: "always answering `0` is right in 62 % of the rows; the frequencies give a cross-entropy of 0.66"
    guess: str = ""


@dataclass(frozen=True)
class Axis:
    """One thing that can be measured of an example, over all rows of each split; None where nothing was counted."""

    name: str
    mean: tuple[float | None, ...]
    deviation: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    missing: tuple[int, ...]
    #: quantiles 0.05, 0.5 and 0.95 of the first split, from a sample
    quantiles: tuple[float, float, float] | None
    #: edges of the bars, and the share of each split in each; what lies beyond is in the outer ones
    edges: np.ndarray
    shares: np.ndarray
    #: deviations by which rows of the first split lie out, and those rows, the furthest first; empty where none does
    outermost: tuple[tuple[float, int], ...]
    #: whether the values are points in time, as years
    dated: bool = False

    @property
    def out(self) -> float:
        """Deviations by which the furthest row lies out."""
        return self.outermost[0][0] if self.outermost else 0.0


@dataclass(frozen=True)
class Habit:
    """Something that texts are written with, and how often."""

    what: str
    rows: int
    share: float
    #: the first rows that have it
    first: tuple[int, ...]
    #: what one may do about it
    advice: str


@dataclass(frozen=True)
class Writing:
    """The texts of a column: their words in a sentence, their habits the most frequent first."""

    name: str
    told: str
    habits: tuple[Habit, ...] = ()


@dataclass(frozen=True)
class Beside:
    """A row by itself, or two that belong together."""

    cards: tuple[Card, ...]
    #: what is to be seen of them: "differ in 3 of 784 values"
    told: str = ""


@dataclass(frozen=True)
class Look:
    """Rows behind a finding, to be looked at."""

    title: str
    #: "image", "text", "tokens", "sequence" or "cells"
    kind: str
    rows: tuple[Beside, ...]


@dataclass(frozen=True)
class Inspection:
    """Everything that is shown of the data, but for the findings."""

    splits: tuple[Split, ...]
    columns: tuple[Column, ...]
    axes: tuple[Axis, ...]
    balance: Balance | None = None
    #: examples drawn at random, then those that lie furthest out
    views: tuple[View, ...] = ()
    #: texts of the first split
    writings: tuple[Writing, ...] = ()
    notes: tuple[str, ...] = ()
    #: rows that the findings speak of
    looks: tuple[Look, ...] = ()
