"""The answers to every example of a data set, whoever gave them: the user's model, a baseline, a rule, a person."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from ..task import Kind

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Answers:
    """One entry for each example, in the order of the data; every metric is worked out from these alone.

    An example of several entries (tokens, pixels, labels) has its sums here, so that a mean over entries is exact:
    `loss.sum() / weight.sum()`, `right.sum() / entries.sum()`.
    """

    #: who answered: "`net`", "majority", "you"
    name: str
    kind: Kind
    #: (n,) numbers of the rows in the data set, as `%browse` and `%inspect_data` count them
    rows: Array
    #: (n,) places in `classes`, (n,) or (n, k) numbers, or (n, k) of 0 and 1; None for tokens, pixels and whole images
    target: Array | None = None
    #: of the shape of `target`; a place that no class has where the answer is none, NaN where the number is none
    answer: Array | None = None
    #: (n, classes), for yes/no (n,), for several yes/no (n, k); None where only answers are known
    probabilities: Array | None = None
    #: (n,) sums of the task's own loss over the entries of each example; None where it is not known
    loss: Array | None = None
    #: (n,) what the mean loss divides by: entries, or their class weights; None: 1 each
    weight: Array | None = None
    #: (n,) entries of each example that are answered right, and that are counted; None where nothing is right or wrong
    right: Array | None = None
    entries: Array | None = None
    classes: tuple[Any, ...] = ()
    #: (n,) whether the target is among the five likeliest classes; where `probabilities` are too many to keep
    near: Array | None = None
    #: (n, 3, classes) pixels of each image that are of a class in answer and target, in the answer, in the target
    pixels: Array | None = None
    #: (n,) sums of squared errors over the entries of each example, where values are not kept
    squares: Array | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def at(self, places: Array) -> Answers:
        """The answers at these places, in this order; a place may stand there twice."""
        columns = {f.name: getattr(self, f.name) for f in fields(self)}
        changes: dict[str, Any] = {name: each[places] for name, each in columns.items() if isinstance(each, np.ndarray)}
        return replace(self, **changes)

    def among(self, rows: Array) -> Answers | None:
        """The answers to these rows alone, in their order; None where one of them has none."""
        place = {int(row): i for i, row in enumerate(self.rows)}
        if any(int(row) not in place for row in rows):
            return None
        return self.at(np.array([place[int(row)] for row in rows], np.int64))
