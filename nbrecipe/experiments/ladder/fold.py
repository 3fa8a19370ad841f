"""Rows to fit on and rows to answer, and what is answered to them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...evaluation.losses import TaskLoss
from .aims import Aim
from .encoders import Encoded, encode
from .entries import Entries, entries_of
from .part import Part

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Given:
    """What a rung answers to the rows that it is asked."""

    #: in words, so that anyone can do the same
    how: str
    #: of the shape of the target; None where only chances are known
    answer: Array | None = None
    #: (n, classes), of several yes/no (n, k)
    probabilities: Array | None = None
    #: what else than the answer is given to the loss: values whose loss is least in the mean
    values: Array | None = None
    #: (n,) sums and weights of the loss, where neither probabilities nor values say it
    loss: Array | None = None
    weight: Array | None = None
    #: (n,) what is right of (n,) entries, or is to be expected
    right: Array | None = None
    entries: Array | None = None
    #: rows that it was fitted on, where these are not all; 0 for on none
    fitted: int | None = None


@dataclass(frozen=True)
class Fold:
    """A part to fit on and a part to answer."""

    aim: Aim
    fit: Part
    ask: Part
    #: name of the metric that was asked for, "" for the usual one
    metric: str = ""
    #: the task's own loss; None where it takes no answers but the model's
    task_loss: TaskLoss | None = None

    @property
    def loss(self) -> str:
        """The name of the loss."""
        return self.task_loss.name if self.task_loss is not None else ""

    @functools.cached_property
    def encoded(self) -> Encoded:
        """Simple features of both; raises BadInput where there are none."""
        return encode(self.fit.columns, self.ask.columns, self.aim.inputs)

    @functools.cached_property
    def positions(self) -> tuple[Entries, Entries]:
        """The positions of both that have a target, where every position has one."""
        return entries_of(self.aim, self.fit), entries_of(self.aim, self.ask)

    @functools.cached_property
    def shares(self) -> Array:
        """(classes,) how often each class stands in the rows to fit on; no class of the others is impossible."""
        counts = np.bincount(self.fit.target, minlength=len(self.aim.classes)).astype(np.float64)
        return np.asarray(counts / counts.sum())

    @functools.cached_property
    def possible(self) -> Array:
        """The same as chances: where a class never stands there, each counts once more."""
        counts = np.bincount(self.fit.target, minlength=len(self.aim.classes)).astype(np.float64)
        counts += 1.0 if (counts == 0).any() else 0.0
        return np.asarray(counts / counts.sum())


@dataclass(frozen=True)
class Maker:
    """A simple way to answer."""

    id: str
    shows: str
    cannot: str
    answer: Callable[[Fold], Given]
    #: whether it learns from the rows to fit on
    fits: bool = True
