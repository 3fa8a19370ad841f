"""The labels of a data set: how often each occurs, in which order, and what guessing by them would score."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..columns.block import Values
from ..columns.kinds import Kind

#: distinct labels that are counted; a column with more is no class
MOST = 10_000
#: letters that stand for a label that is neither a number nor a text
_LETTERS = 80


@dataclass
class Labels:
    """Counts of each class, or of each flag, and the changes from row to row; they merge in the order of the rows."""

    kind: Kind
    counts: Counter[Hashable] = field(default_factory=Counter)
    rows: int = 0
    #: rows whose label is missing: NaN, None, or a negative number where all others count from 0
    missing: int = 0
    missing_rows: list[int] = field(default_factory=list)
    #: rows whose label is not that of the row before
    changes: int = 0
    ends: tuple[Hashable, Hashable] | None = None
    #: whether there were too many to count
    many: bool = False

    def add(self, values: Values, rows: np.ndarray[Any, Any]) -> None:
        """Count the labels of these rows."""
        self.rows += len(values)
        if self.kind is Kind.FLAGS:
            self._flags(values, rows)
            return
        if self.kind is not Kind.CLASS or self.many:
            return
        if isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype.kind in "iu" and len(values):
            self._whole(values)
            return
        plain = as_classes(values)
        absent = [i for i, value in enumerate(plain) if value is None]
        self.missing += len(absent)
        self.missing_rows += [int(rows[i]) for i in absent[: 50 - len(self.missing_rows)]]
        self.counts.update(value for value in plain if value is not None)
        self._follow(plain)
        self._refuse_many()

    def merge(self, later: Labels) -> None:
        """Count in what the labels of later rows are."""
        self.rows, self.missing = self.rows + later.rows, self.missing + later.missing
        self.missing_rows = (self.missing_rows + later.missing_rows)[:50]
        self.many = self.many or later.many
        self.counts = Counter() if self.many else self.counts + later.counts
        if later.ends is not None:
            self.changes += later.changes + (self.ends is not None and self.ends[1] != later.ends[0])
            self.ends = later.ends if self.ends is None else (self.ends[0], later.ends[1])

    @property
    def known(self) -> int:
        """Rows with a label."""
        return sum(self.counts.values()) if self.kind is Kind.CLASS else self.rows

    @property
    def majority(self) -> tuple[Hashable, float]:
        """The most frequent class and its share, which is the accuracy of always answering it."""
        name, count = self.counts.most_common(1)[0] if self.counts else (None, 0)
        return name, count / max(self.known, 1)

    @property
    def entropy(self) -> float:
        """Cross-entropy, in nats, of answering every row with the frequencies of the classes."""
        total = max(self.known, 1)
        return -sum(n / total * math.log(n / total) for n in self.counts.values() if n)

    def _flags(self, values: Values, rows: np.ndarray[Any, Any]) -> None:
        if isinstance(values, np.ndarray):
            self.counts.update({i: int(n) for i, n in enumerate((values != 0).sum(0))})
            return
        for i, value in enumerate(values):
            if isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.kind in "biuf":
                self.counts.update(np.flatnonzero(value).tolist())
            else:
                self.missing += 1
                self.missing_rows += [int(rows[i])][: 50 - len(self.missing_rows)]

    def _whole(self, values: np.ndarray[Any, Any]) -> None:
        """Count whole numbers, all at once."""
        kinds, counts = np.unique(values, return_counts=True)
        self.counts.update(dict(zip(kinds.tolist(), counts.tolist(), strict=True)))
        self.changes += int(np.count_nonzero(values[1:] != values[:-1]))
        self._follow([int(values[0]), int(values[-1])], within=False)
        self._refuse_many()

    def _refuse_many(self) -> None:
        if len(self.counts) > MOST:
            self.many, self.counts = True, Counter()

    def _follow(self, plain: list[Any], within: bool = True) -> None:
        if not plain:
            return
        if within:
            self.changes += sum(a != b for a, b in itertools.pairwise(plain))
        if self.ends is not None:
            self.changes += self.ends[1] != plain[0]
        self.ends = (plain[0] if self.ends is None else self.ends[0], plain[-1])


def as_classes(values: Values) -> list[Any]:
    """The class of each row as an int or a string, None where it is missing; one-hot rows by their place."""
    if isinstance(values, list):
        return [_one(value) for value in values]
    if values.ndim > 1 and int(np.prod(values.shape[1:])) > 1:
        return [int(i) for i in values.reshape(len(values), -1).argmax(1)]
    plain: list[Any] = values.reshape(-1).tolist()
    return plain if values.dtype.kind in "iu" else [_one(value) for value in plain]


def _one(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return int(value.argmax()) if value.size > 1 else _one(value.item()) if value.size else None
    if isinstance(value, np.floating):
        return _one(float(value))
    if isinstance(value, np.generic) and not isinstance(value, (str, bytes, np.void)):
        return _one(value.item())
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float):
        return None if math.isnan(value) else int(value) if value.is_integer() else value
    return value if isinstance(value, (str, int)) or value is None else repr(value)[:_LETTERS]
