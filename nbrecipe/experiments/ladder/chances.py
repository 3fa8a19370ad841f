"""The chance of a class after what was seen before, counted and smoothed.

The chance of w after v is (n(v, w) + m p(w)) / (n(v) + m), where p is the chance of w anywhere, (n(w) + a) / (n + a V)
(MacKay and Peto 1995). How strong the smoothing is, a and m, is what tells the last tenth of the training rows best
after counting the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .entries import Entries

Array = np.ndarray[Any, Any]
#: strengths of the smoothing that are tried, for a class anywhere and for one after another
ANYWHERE = (0.001, 0.01, 0.1, 1.0)
AFTER = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 10000.0)


@dataclass(frozen=True)
class Anywhere:
    """How likely each class is, whatever stands before it."""

    counts: Array
    strength: float

    @property
    def chances(self) -> Array:
        """(classes,), all above 0."""
        return np.asarray((self.counts + self.strength) / (self.counts.sum() + self.strength * len(self.counts)))


@dataclass(frozen=True)
class After:
    """How likely each class is after each context."""

    base: Array
    strength: float
    #: contexts times classes plus the class, rising, and how often each pair was seen
    codes: Array
    counts: Array
    #: (contexts,) how often each was seen
    seen: Array

    def of(self, context: Array, target: Array) -> Array:
        """(entries,) the chance of each target after its context."""
        code = context * len(self.base) + target
        at = np.minimum(np.searchsorted(self.codes, code), max(len(self.codes) - 1, 0))
        found = np.where(self.codes[at] == code, self.counts[at], 0) if len(self.codes) else np.zeros(len(code))
        return np.asarray((found + self.strength * self.base[target]) / (self._total(context) + self.strength))

    def rows(self, context: Array) -> Array:
        """(entries, classes) the chances of all classes after each context."""
        count = len(self.base)
        return self.of(np.repeat(context, count), np.tile(np.arange(count), len(context))).reshape(-1, count)

    def best(self, context: Array) -> Array:
        """(entries,) the likeliest class after each context."""
        count, top = len(self.base), int(self.base.argmax())
        owner, place = np.divmod(self.codes, count)
        worth = self.counts + self.strength * self.base[place]
        order = np.lexsort((-worth, owner))
        first = np.flatnonzero(np.diff(owner[order], prepend=-1))
        likeliest = np.full(len(self.seen), top)
        chosen = order[first]
        better = worth[chosen] >= self.strength * self.base[top]
        likeliest[owner[chosen[better]]] = place[chosen[better]]
        known = context < len(self.seen)
        return np.where(known, likeliest[np.minimum(context, len(self.seen) - 1)], top)

    def _total(self, context: Array) -> Array:
        known = context < len(self.seen)
        return np.where(known, self.seen[np.minimum(context, len(self.seen) - 1)], 0)


def anywhere(entries: Entries, classes: int, strength: float | None = None) -> Anywhere:
    """Count classes; the strength is chosen on a tenth of the rows where it is not given."""
    if strength is None:
        first, last = _parted(entries)
        counts = _counts(first, classes)
        strength = _best(ANYWHERE, lambda a: -np.log(Anywhere(counts, a).chances[last.target]).mean(), last)
    return Anywhere(_counts(entries, classes), strength)


def after(entries: Entries, classes: int, base: Anywhere, strength: float | None = None) -> After:
    """Count classes after contexts; the same holds."""
    if strength is None:
        first, last = _parted(entries)
        assert last.context is not None
        chances, context = Anywhere(_counts(first, classes), base.strength).chances, last.context
        counted = _after(first, chances, 1.0)
        strength = _best(
            AFTER,
            lambda m: -np.log(After(chances, m, counted.codes, counted.counts, counted.seen)
                              .of(context, last.target)).mean(),
            last,
        )  # fmt: skip
    return _after(entries, base.chances, strength)


def _after(entries: Entries, base: Array, strength: float) -> After:
    assert entries.context is not None
    codes, counts = np.unique(entries.context * len(base) + entries.target, return_counts=True)
    return After(base, strength, codes, counts, np.bincount(entries.context, minlength=1))


def _counts(entries: Entries, classes: int) -> Array:
    return np.bincount(entries.target, minlength=classes).astype(np.float64)


def _parted(entries: Entries) -> tuple[Entries, Entries]:
    """The last tenth of the rows, or of the positions of a single row, apart from the others."""
    place = entries.owner if entries.rows > 1 else np.arange(len(entries))
    count = entries.rows if entries.rows > 1 else len(entries)
    held = place >= count - max(1, count // 10)
    return entries.where(~held, entries.rows), entries.where(held, entries.rows)


def _best(tried: tuple[float, ...], off: Any, last: Entries) -> float:
    return min(tried, key=off) if len(last) else 1.0
