"""The rows of a data set as they are shown: small among others, or one by itself, whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .batch import Box


@dataclass(frozen=True)
class Card:
    """An example; of pixels, text, line and cells it has what its columns hold."""

    row: int
    #: in words, "" where there is none
    label: str = ""
    #: (H, W) or (H, W, 3) of uint8
    pixels: np.ndarray | None = None
    #: (H, W) of class numbers
    mask: np.ndarray | None = None
    boxes: tuple[Box, ...] = ()
    text: str = ""
    #: (lines, stretches of time, 2) least and greatest values
    line: np.ndarray | None = None
    #: name and value of each number
    cells: tuple[tuple[str, str], ...] = ()
    #: what reading it raises, "" where it can be read
    broken: str = ""
    #: what a model makes of it, and its loss; and whether that is another class than the label
    predicted: str = ""
    loss: str = ""
    wrong: bool = False
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fact:
    """What was measured of one example, and how that lies among all."""

    name: str
    told: str
    #: deviations from the mean of all rows; None where that says nothing
    out: float | None = None
    is_label: bool = False


@dataclass(frozen=True)
class Near:
    """The examples of the training data that are nearest to one."""

    told: str
    cards: tuple[Card, ...] = ()


@dataclass(frozen=True)
class Whole:
    """One example by itself."""

    card: Card
    facts: tuple[Fact, ...] = ()
    near: Near | None = None


@dataclass(frozen=True)
class Field:
    """A column that rows can be sorted and counted by."""

    name: str
    #: as it stands in an expression
    plain: str


@dataclass(frozen=True)
class Browser:
    """What stands in a page: the first rows, and what the page needs to ask for the others."""

    #: what the user calls the data
    name: str
    #: "5000 rows", "the first 1200000 of 10000000 rows"
    extent: str
    #: "image", "text", "tokens", "sequence" or "cells"
    kind: str
    fields: tuple[Field, ...] = ()
    cards: tuple[Card, ...] = ()
    #: rows that are asked for, of so many
    count: int = 0
    total: int = 0
    #: filter, search, sort, descending, wrong
    ask: Mapping[str, Any] = field(default_factory=dict)
    #: whether there are words to search in, and predictions to be wrong
    searches: bool = False
    judges: bool = False
    labelled: bool = False
    tags: Mapping[str, int] = field(default_factory=dict)
    #: a filter that could be asked for
    example: str = ""
    notes: tuple[str, ...] = ()
