"""How often each id stands, exactly; ids that no table has are kept apart."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

#: ids below this are counted in one array, and others, which are told apart, up to so many
DENSE, OTHERS = 1 << 22, 10_000
#: in place of a row
NOWHERE, SEVERAL = -1, -2
Array = np.ndarray[Any, Any]


@dataclass
class Vocabulary:
    """Counts by id; they merge."""

    #: (ids,) how often each stands
    counts: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    #: (ids,) the only row that each stands in; NOWHERE for none, SEVERAL for more than one
    only: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    #: negative ids, and those from `DENSE` on
    others: Counter[int] = field(default_factory=Counter)
    #: how often those stand that are not kept, because there were too many
    dropped: int = 0
    #: the greatest and the least id, each with the first row that has it
    greatest: tuple[int, int] | None = None
    least: tuple[int, int] | None = None

    def add(self, values: Array, rows: Array) -> None:
        """Count in ids, each with the row that it stands in."""
        if not len(values):
            return
        for end, place in (("greatest", int(values.argmax())), ("least", int(values.argmin()))):
            self._end(end, (int(values[place]), int(rows[place])))
        if int(values.min()) < 0 or int(values.max()) >= DENSE:
            inside = (values >= 0) & (values < DENSE)
            kinds, counts = np.unique(values[~inside], return_counts=True)
            self._apart(dict(zip(kinds.tolist(), counts.tolist(), strict=True)))
            values, rows = values[inside], rows[inside]
        self._grow(np.bincount(values) if len(values) else np.zeros(0, np.int64))
        self._alone(values, rows)

    def merge(self, later: Vocabulary) -> None:
        """Count in what stands in later rows."""
        self._grow(later.counts)
        there = np.flatnonzero(later.only != NOWHERE)
        self._stand(there, later.only[there])
        self._apart(later.others)
        self.dropped += later.dropped
        for end in ("greatest", "least"):
            found = getattr(later, end)
            if found is not None:
                self._end(end, found)

    @property
    def total(self) -> int:
        """Ids that were counted."""
        return int(self.counts.sum()) + self.others.total() + self.dropped

    @property
    def seen(self) -> Array:
        """The ids that stand anywhere, in order."""
        return np.array([*sorted(i for i in self.others if i < 0), *np.flatnonzero(self.counts).tolist(),
                         *sorted(i for i in self.others if i >= 0)], np.int64)  # fmt: skip

    def of(self, i: int) -> int:
        """How often an id stands."""
        return int(self.counts[i]) if 0 <= i < len(self.counts) else self.others.get(i, 0)

    def most(self, count: int) -> list[tuple[int, int]]:
        """The most frequent ids and how often each stands, equal ones by id."""
        order = np.argsort(-self.counts, kind="stable")[:count]
        dense = [(int(i), int(self.counts[i])) for i in order if self.counts[i]]
        return sorted([*dense, *self.others.items()], key=lambda one: (-one[1], one[0]))[:count]

    def unseen(self, size: int) -> Array:
        """The ids below `size` that stand nowhere."""
        there = np.zeros(size, bool)
        there[: len(self.counts)] = self.counts[:size] > 0
        for i in self.others:
            if 0 <= i < size:
                there[i] = True
        return np.flatnonzero(~there)

    @property
    def alone(self) -> int:
        """How often those ids stand, together, that stand in one row alone."""
        return int(self.counts[self.only >= 0].sum())

    def _alone(self, values: Array, rows: Array) -> None:
        """Keep note of the ids that only one row has; rows come in their order."""
        fresh = self.only[values] != SEVERAL
        if not fresh.any():
            return
        values, rows = values[fresh], rows[fresh]
        order = np.argsort(values, kind="stable")
        values, rows = values[order], rows[order]
        starts = np.flatnonzero(np.diff(values, prepend=-1))
        first, last = rows[starts], rows[np.append(starts[1:], len(rows)) - 1]
        self._stand(values[starts], np.where(first == last, first, SEVERAL))

    def _stand(self, ids: Array, rows: Array) -> None:
        """These ids, each once, stand in these rows too."""
        have = self.only[ids]
        self.only[ids] = np.where(have == NOWHERE, rows, np.where(have == rows, have, SEVERAL))

    def _grow(self, counts: Array) -> None:
        more = len(counts) - len(self.counts)
        if more > 0:
            self.counts = np.concatenate([self.counts, np.zeros(more, np.int64)])
            self.only = np.concatenate([self.only, np.full(more, NOWHERE, np.int64)])
        self.counts[: len(counts)] += counts

    def _apart(self, counts: dict[int, int]) -> None:
        """Count ids that stand apart; of too many, the ones that lie furthest out are kept."""
        self.others.update(counts)
        if len(self.others) > OTHERS:
            kept = Counter({i: self.others[i] for i in sorted(self.others, key=lambda i: (-abs(i), i))[:OTHERS]})
            self.dropped += self.others.total() - kept.total()
            self.others = kept

    def _end(self, end: str, found: tuple[int, int]) -> None:
        have = getattr(self, end)
        sign = -1 if end == "greatest" else 1
        if have is None or (sign * found[0], found[1]) < (sign * have[0], have[1]):
            setattr(self, end, found)


def frequencies(ids: Array) -> dict[int, int]:
    """How often each id stands, of those that a table may have: there are no more than a table has rows."""
    kinds, counts = np.unique(ids[(ids >= 0) & (ids < DENSE)], return_counts=True)
    return dict(zip(kinds.tolist(), counts.tolist(), strict=True))
