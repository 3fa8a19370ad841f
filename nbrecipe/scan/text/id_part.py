"""Rows that are ids already, counted: what is padding, what is learned from, what they begin and end with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..columns.block import Block, Values
from ..counts.sample import Sample
from .lengths import Lengths
from .part import NAMED, Failed
from .vocabulary import Vocabulary, frequencies

#: rows that are kept as a sample
SAMPLE = 512
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Roles:
    """What is known of ids beforehand."""

    #: the id of padding, where there is no attention mask; None where it is not known
    padding: int | None = None
    #: what a label is where nothing is learned
    ignored: int = -100
    #: by role, "begin", "end", ...; and all special ids
    special: Mapping[str, int] = field(default_factory=dict)
    every: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Flat:
    """Some rows of ids end to end, with what stands beside each id."""

    rows: Array
    #: (rows,) ids of each row, padding too
    widths: Array
    #: (total,) the ids, and which of them are no padding
    ids: Array
    real: Array
    #: (total,) labels, or None where there is none at every id
    labels: Array | None = None


@dataclass
class IdPart:
    """Rows counted; plain data that can be sent to another process."""

    rows: int = 0
    failed: int = 0
    named: list[Failed] = field(default_factory=list)
    #: rows by their ids, padding left out and counted in
    lengths: Lengths = field(default_factory=Lengths)
    widths: Lengths = field(default_factory=Lengths)
    #: how often each id stands where there is no padding, and each label where something is learned
    ids: Vocabulary = field(default_factory=Vocabulary)
    targets: Vocabulary = field(default_factory=Vocabulary)
    #: rows that are padded on the "left", on the "right", "inside"
    sides: Counter[str] = field(default_factory=Counter)
    #: by role of a special token: rows by how many they have
    special: dict[str, Lengths] = field(default_factory=dict)
    #: how often each id that a table may have is the first or the last of a row, padding left out; rows whose first
    #: two are one special token
    first: Counter[int] = field(default_factory=Counter)
    last: Counter[int] = field(default_factory=Counter)
    doubled: int = 0
    #: rows by the labels that are learned from; None where labels do not stand at every id
    supervised: Lengths | None = None
    #: the first rows without any
    unsupervised: list[int] = field(default_factory=list)
    #: rows that end with the end token, and those of them in which it is learned from
    ended: int = 0
    end_learned: int = 0
    #: learned labels that are the id at their place, and the id after it
    same: int = 0
    following: int = 0
    sample: Sample = field(default_factory=lambda: Sample(SAMPLE))

    @property
    def met(self) -> int:
        """Rows that were met."""
        return self.rows + self.failed

    def merge(self, later: Any) -> None:
        """Count in what another part, of later rows, has counted."""
        for name in ("rows", "failed", "doubled", "ended", "end_learned", "same", "following"):
            setattr(self, name, getattr(self, name) + getattr(later, name))
        for name in ("lengths", "widths", "ids", "targets", "sample"):
            getattr(self, name).merge(getattr(later, name))
        for name in ("sides", "first", "last"):
            getattr(self, name).update(getattr(later, name))
        for role, counts in later.special.items():
            self.special.setdefault(role, Lengths()).merge(counts)
        if later.supervised is not None:
            self.supervised = self.supervised or Lengths()
            self.supervised.merge(later.supervised)
        self.named = (self.named + later.named)[:NAMED]
        self.unsupervised = (self.unsupervised + later.unsupervised)[:NAMED]

    def fail(self, found: list[Failed]) -> None:
        """Keep note of what was not counted."""
        self.failed += len(found)
        self.named += found[: NAMED - len(self.named)]

    def add(self, flat: Flat, roles: Roles) -> None:
        """Count in rows of ids."""
        if not len(flat.rows):
            return
        ends = np.cumsum(flat.widths)
        before = np.concatenate([[0], np.cumsum(flat.real)])
        lengths = before[ends] - before[ends - flat.widths]
        self.rows += len(flat.rows)
        self.lengths.add(lengths)
        self.widths.add(flat.widths)
        row_of = np.repeat(np.arange(len(flat.rows)), flat.widths)
        ids, owners = flat.ids[flat.real], row_of[flat.real]
        self.ids.add(ids, flat.rows[owners])
        for role, i in roles.special.items():
            found = np.bincount(owners[ids == i], minlength=len(flat.rows))
            self.special.setdefault(role, Lengths()).add(found)
        stops = np.cumsum(lengths)
        self._ends(ids, lengths, stops, roles)
        self._sides(flat, lengths, ends)
        if flat.labels is not None:
            self._labels(flat, row_of, stops[lengths > 0] - 1, roles)
        self._keep(flat)

    def _ends(self, ids: Array, lengths: Array, stops: Array, roles: Roles) -> None:
        some, two = lengths > 0, lengths > 1
        starts = stops - lengths
        for counts, found in ((self.first, ids[starts[some]]), (self.last, ids[stops[some] - 1])):
            counts.update(frequencies(found))
        at = starts[two]
        self.doubled += int(((ids[at] == ids[at + 1]) & np.isin(ids[at], list(roles.every))).sum())

    def _sides(self, flat: Flat, lengths: Array, ends: Array) -> None:
        """On which side rows are padded, told where they have something else too."""
        some = np.flatnonzero((lengths > 0) & (lengths < flat.widths))
        if not len(some):
            return
        places = np.flatnonzero(flat.real)
        stops = np.cumsum(lengths)
        first, last = places[stops[some] - lengths[some]], places[stops[some] - 1]
        left, right = first > (ends - flat.widths)[some], last < ends[some] - 1
        inside = last - first + 1 > lengths[some]
        for side, found in (("left", left), ("right", right), ("inside", inside)):
            if found.any():
                self.sides[side] += int(found.sum())

    def _labels(self, flat: Flat, row_of: Array, final: Array, roles: Roles) -> None:
        assert flat.labels is not None
        learned = flat.labels != roles.ignored
        counts = np.bincount(row_of[learned], minlength=len(flat.rows))
        self.supervised = self.supervised or Lengths()
        self.supervised.add(counts)
        self.unsupervised += flat.rows[counts == 0][: NAMED - len(self.unsupervised)].tolist()
        self.targets.add(flat.labels[learned], flat.rows[row_of[learned]])
        self.same += int((learned & (flat.labels == flat.ids)).sum())
        next_to = (row_of[1:] == row_of[:-1]) & learned[:-1]
        self.following += int((next_to & (flat.labels[:-1] == flat.ids[1:])).sum())
        end = roles.special.get("end")
        if end is not None:
            places = np.flatnonzero(flat.real)[final]
            ended = places[flat.ids[places] == end]
            self.ended += len(ended)
            self.end_learned += int(learned[ended].sum())

    def _keep(self, flat: Flat) -> None:
        columns: dict[str, Values] = {"ids": _by_row(flat.ids, flat), "real": _by_row(flat.real, flat)}
        if flat.labels is not None:
            columns["labels"] = _by_row(flat.labels, flat)
        self.sample.add(Block(flat.rows, columns))


def _by_row(values: Array, flat: Flat) -> Values:
    """What stands in each row: one array where all are equally wide."""
    width = int(flat.widths[0])
    if bool((flat.widths == width).all()):
        return values.reshape(len(flat.widths), width)
    return np.split(values, np.cumsum(flat.widths)[:-1])
