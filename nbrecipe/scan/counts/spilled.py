"""Hashes of more rows than memory should hold: in a file without a name, which the system deletes with the process.

Rows are written in batches, each ordered by the highest bits of the hashes. So what stands between two such bits is
read at once, equal inputs always together, and which rows have an equal one is told of any number of rows, exactly.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
#: what is kept of a row
ENTRY = np.dtype([("key", np.uint64), ("row", np.int64), ("label", np.uint64)])
#: bytes of a file, at most, and the share of the free space that it may take
DISK, SHARE = 4 << 30, 0.5
#: buckets by the highest bits of a hash, rows that are compared at once where they fit, and at most
BITS, AT_ONCE, LARGEST = 8, 1 << 19, 1 << 21
#: rows with an equal one that are told, and labels that are counted
MOST, LABELS = 1 << 21, 1000


def entries(keys: Array, rows: Array, labels: Array) -> Array:
    """Hashes of inputs, numbers of rows and hashes of labels side by side."""
    made = np.empty(len(keys), ENTRY)
    made["key"], made["row"], made["label"] = keys, rows, labels
    return made


def columns(some: Array) -> tuple[Array, Array, Array]:
    """The same apart."""
    return some["key"].copy(), some["row"].copy(), some["label"].copy()


def thinned(some: Array, bits: int) -> Array:
    """Those whose hashes have so many lowest bits of zero."""
    return some[(some["key"] & np.uint64((1 << bits) - 1)) == 0] if bits else some


class Held:
    """Entries in memory, by bucket."""

    def __init__(self, some: Array) -> None:
        self._entries, self.edges = _by_bucket(some)

    def between(self, low: int, high: int) -> Iterator[Array]:
        """The entries of some buckets, batch by batch."""
        yield self._entries[self.edges[low] : self.edges[high]]


class Spilled:
    """Entries in a file, batch by batch; in each by bucket. Raises OSError where there is no room for `least` rows."""

    def __init__(self, least: int = 0) -> None:
        self._file = tempfile.TemporaryFile(dir=folder())  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        self._batches: list[Array] = []
        self.rows = 0
        #: rows that there is room for
        self.most = int(min(DISK, SHARE * shutil.disk_usage(folder()).free)) // ENTRY.itemsize
        if self.most < least:
            raise OSError("there is no room for a temporary file")

    @property
    def edges(self) -> Array:
        """Where each bucket would begin if all batches were one."""
        whole: Array = sum((batch - batch[0] for batch in self._batches), np.zeros((1 << BITS) + 1, np.int64))
        return whole

    def add(self, parts: list[Array]) -> None:
        """One more batch."""
        if not sum(map(len, parts)):
            return
        ordered, edges = _by_bucket(np.concatenate(parts))
        self._file.seek(self.rows * ENTRY.itemsize)
        self._file.write(ordered.view(np.uint8).data)
        self._file.flush()
        self._batches.append(edges + self.rows)
        self.rows += len(ordered)

    def whole(self) -> Iterator[Array]:
        """All entries, batch by batch."""
        return self.between(0, 1 << BITS)

    def between(self, low: int, high: int) -> Iterator[Array]:
        """The entries of some buckets, batch by batch."""
        for batch in self._batches:
            yield self._read(int(batch[low]), int(batch[high]))

    def thin(self, bits: int) -> None:
        """Keep those whose hashes have so many lowest bits of zero, in the same file."""
        before, self._batches, self.rows = self._batches, [], 0
        for batch in before:
            self.add([thinned(self._read(int(batch[0]), int(batch[-1])), bits)])
        self._file.truncate(self.rows * ENTRY.itemsize)

    def _read(self, first: int, last: int) -> Array:
        made = np.empty(last - first, ENTRY)
        self._file.seek(first * ENTRY.itemsize)
        if self._file.readinto(made.view(np.uint8).data) != made.nbytes:
            raise OSError("a temporary file was cut off")
        return made


def folder() -> str:
    """Where large temporary files go: /tmp lies in memory on many systems, /var/tmp on none."""
    own = next((os.environ[name] for name in ("TMPDIR", "TEMP", "TMP") if os.environ.get(name)), "")
    usual = "/var/tmp"
    return usual if not own and os.path.isdir(usual) and os.access(usual, os.W_OK) else tempfile.gettempdir()  # noqa: PTH112


@dataclass(frozen=True)
class Again:
    """The rows whose input stands more than once, by source, and how many of each stand once."""

    #: entries of each source, in the order of the rows
    sides: tuple[Array, ...]
    alone: tuple[int, ...]
    #: rows that stand once, by the hash of their label; empty where labels are many
    labels: tuple[dict[int, int], ...]
    #: told are the rows alone whose hashes have so many lowest bits of zero
    thinned: int = 0


def again(sources: Sequence[Held | Spilled], bits: int, drawn: Sequence[Array | None], most: int = MOST) -> Again:
    """Which rows of all sources together stand more than once, of those whose numbers `drawn` has.

    Told are at most `most` such rows: of more those of certain hashes, with every row that equals one of them.
    """
    masks = [None if chosen is None else _mask(chosen) for chosen in drawn]
    while (found := _compared(sources, bits, masks, most)) is None:
        bits += 1
    return found


@dataclass
class _Side:
    """What is known of a source so far."""

    held: list[Array] = field(default_factory=list)
    alone: int = 0
    labels: dict[int, int] | None = field(default_factory=dict)

    def take(self, some: Array, twice: Array) -> None:
        self.held.append(some[twice])
        once = some["label"][~twice]
        self.alone += len(once)
        if self.labels is not None and len(once):
            for label, count in zip(*(part.tolist() for part in np.unique(once, return_counts=True)), strict=True):
                self.labels[label] = self.labels.get(label, 0) + count
            self.labels = self.labels if len(self.labels) <= LABELS else None

    def in_order(self) -> Array:
        whole = np.concatenate(self.held) if self.held else np.empty(0, ENTRY)
        ordered: Array = whole[np.argsort(whole["row"], kind="stable")]
        return ordered


def _compared(sources: Sequence[Held | Spilled], bits: int, masks: list[Array | None], most: int) -> Again | None:
    """The same of rows of certain hashes; None where they are too many."""
    sides, held = [_Side() for _ in sources], 0
    for low, high in _stretches(sources):
        parts = [_picked(source.between(low, high), bits, mask) for source, mask in zip(sources, masks, strict=True)]
        if any(part is None for part in parts):
            return None
        some = [part for part in parts if part is not None]
        twice = _twice(np.concatenate([part["key"] for part in some]))
        held += int(np.count_nonzero(twice))
        if held > most:
            return None
        ends = np.cumsum([len(part) for part in some])[:-1]
        for side, part, those in zip(sides, some, np.split(twice, ends), strict=True):
            side.take(part, those)
    return Again(tuple(side.in_order() for side in sides), tuple(side.alone for side in sides),
                 tuple(side.labels or {} for side in sides), bits)  # fmt: skip


def _stretches(sources: Sequence[Held | Spilled]) -> Iterator[tuple[int, int]]:
    """Buckets after one another, so many at once as hold few rows."""
    edges: Array = sum((source.edges - source.edges[0] for source in sources), np.zeros((1 << BITS) + 1, np.int64))
    low = 0
    while low < 1 << BITS:
        high = max(low + 1, int(np.searchsorted(edges, edges[low] + AT_ONCE, "right")) - 1)
        yield low, high
        low = high


def _picked(batches: Iterator[Array], bits: int, mask: Array | None) -> Array | None:
    """The entries of certain hashes, of these rows; None where they are too many to be compared at once."""
    kept: list[Array] = [np.empty(0, ENTRY)]
    for batch in batches:
        some = thinned(batch, bits)
        kept.append(some if mask is None else some[mask[np.minimum(some["row"], len(mask) - 1)]])
        if sum(map(len, kept)) > LARGEST:
            return None
    return np.concatenate(kept)


def _mask(chosen: Array) -> Array:
    """Whether each row is among them; the last place stands for all later rows."""
    out = np.zeros(int(chosen.max(initial=-1)) + 2, np.bool_)
    out[chosen] = True
    return out


def _twice(keys: Array) -> Array:
    """Which of the keys stand more than once."""
    ranked = np.sort(keys)
    several = ranked[1:][ranked[1:] == ranked[:-1]]
    if not len(several):
        return np.zeros(len(keys), np.bool_)
    at = np.minimum(np.searchsorted(several, keys), len(several) - 1)
    out: Array = several[at] == keys
    return out


def _by_bucket(some: Array) -> tuple[Array, Array]:
    """Entries in the order of their buckets, and where each bucket begins."""
    bucket = (some["key"] >> np.uint64(64 - BITS)).astype(np.uint8)
    counts = np.bincount(bucket, minlength=1 << BITS)
    edges = np.fromiter(itertools.accumulate(counts.tolist(), initial=0), np.int64, (1 << BITS) + 1)
    order, ordered = np.argsort(bucket, kind="stable"), np.empty(len(some), ENTRY)
    for name in ENTRY.names or ():  # a third of the time that whole entries take
        ordered[name] = some[name][order]
    return ordered, edges
