"""A model over a whole data set: its metrics, its classes and slices, what it confuses, and its worst examples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .browse import Card


@dataclass(frozen=True)
class Scored:
    """One metric."""

    name: str
    value: float
    low: float
    high: float
    #: "0.91 (0.89 to 0.93)"
    told: str
    #: how the interval was found
    method: str
    unit: str = ""
    #: +1 where more is better, -1 where less is, 0 where that is not known
    better: int = 1
    #: whether it lies between 0 and 1
    share: bool = False


@dataclass(frozen=True)
class Second:
    """The same metric of a second model, and whether the two differ."""

    metric: str
    name: str
    value: float
    low: float
    high: float
    told: str
    #: "no chance, p = 0.0002"
    verdict: str


@dataclass(frozen=True)
class Part:
    """Some of the rows: a class, or those that share a value."""

    name: str
    rows: int
    value: float
    low: float
    high: float
    told: str
    #: "worse than the others, p = 0.003"; "" where chance may make as much
    beside: str = ""
    #: of a class: how often it is answered, and which share of these is right
    answered: int | None = None
    precision: float | None = None


@dataclass(frozen=True)
class Parts:
    """All parts by one thing, the worst first."""

    by: str
    metric: str
    rows: tuple[Part, ...]
    #: which interval, and what was corrected
    method: str = ""
    left: int = 0
    #: whether each was tested against the others; not where they share rows
    tested: bool = True

    @property
    def is_share(self) -> bool:
        """Whether values lie between 0 and 1."""
        return self.metric.endswith("accuracy") or self.metric in ("IoU", "recall")


@dataclass(frozen=True)
class Mistaken:
    """A class and what it is taken for."""

    target: str
    answer: str
    count: int
    share: float
    #: "12 of 40 rows, 0.30 (0.18 to 0.45)"
    told: str


@dataclass(frozen=True)
class Confusions:
    """Pairs of classes, the most confused first."""

    names: tuple[str, ...]
    pairs: tuple[Mistaken, ...]
    #: (classes, classes) rows by target and answer; None where they are too many
    table: np.ndarray | None = None
    left: int = 0
    #: the classes that are drawn: all of a few, else those that are confused most
    drawn: tuple[str, ...] = ()
    #: (drawn, drawn + 1) rows by target and answer, the last column those of every other answer
    core: np.ndarray | None = None


@dataclass(frozen=True)
class Trusted:
    """Rows of about the same probability, and which share of them is right."""

    low: float
    high: float
    rows: int
    confidence: float
    share: float
    share_low: float
    share_high: float
    #: whether the share is further from the probability than chance makes it
    off: bool = False


@dataclass(frozen=True)
class Trust:
    """Probabilities against what came true."""

    told: str
    bins: tuple[Trusted, ...]
    method: str = ""
    #: in a few words: "too sure by 12 % in the mean"
    verdict: str = ""


@dataclass(frozen=True)
class Aims:
    """Numbers that were answered against those that are right, and how far apart they are."""

    #: (points,) of some of the rows
    target: np.ndarray
    answer: np.ndarray
    #: "500 of 1,200 rows, drawn with seed 0"
    extent: str
    #: (bins,) rows by answer less target, and (bins + 1,) where the bins end
    counts: np.ndarray
    edges: np.ndarray
    #: "answers are **too high by 2.1 (0.4 to 3.8)** in the mean"
    told: str
    #: "half of them lie within 38 of what is right, …"
    spread: str = ""


@dataclass(frozen=True)
class Places:
    """The mean loss at each position of texts, where several positions may share a bin."""

    #: (bins,) first position of each, counted from 1
    first: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    #: tokens of each
    tokens: np.ndarray
    last: int
    told: str
    method: str = ""


@dataclass(frozen=True)
class Costly:
    """One of the worst examples."""

    row: int
    told: str
    loss: float
    #: None where the row cannot be shown
    card: Card | None = None


@dataclass(frozen=True)
class Evaluation:
    """Everything that is shown of one pass."""

    #: "`net` on 10,000 rows of `val_dl`, in eval mode"
    place: str
    scores: tuple[Scored, ...]
    classes: Parts | None = None
    slices: tuple[Parts, ...] = ()
    confusions: Confusions | None = None
    trust: Trust | None = None
    worst: tuple[Costly, ...] = ()
    #: how the worst examples are drawn: "image", "sequence", "text", "tokens", "cells"
    kind: str = "cells"
    #: "accuracy: `net` 0.912 against `other` 0.905: could be chance, p = 0.31"
    against: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    #: how the user calls the model
    model: str = ""
    seconds: tuple[Second, ...] = ()
    aims: Aims | None = None
    places: Places | None = None
