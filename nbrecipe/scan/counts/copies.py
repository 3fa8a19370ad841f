"""Which rows are equal: a hash of every input, kept with its row and a hash of its label.

Two different rows get the same 64 bits with a chance of n^2 / 2^65 in all: one in a hundred million for a million rows.
Beyond `SPILL` rows they lie in a file. Where that has no room, only those with certain hashes are kept: every copy of a
kept row is kept too, so that shares stay right.
"""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xxhash

from ..columns.block import Block, Values
from .sample import places
from .spilled import ENTRY, Again, Held, Spilled, again, columns, entries, thinned

#: hashes that are kept in memory, 24 bytes each, where there is no file for them, and from which on there is one
MOST, SPILL = 1 << 21, 1 << 20
Array = np.ndarray[Any, Any]


@dataclass
class Copies:
    """Hashes of inputs by row; they merge."""

    most: int = MOST
    #: hashes are kept whose lowest `_thinned` bits are zero
    thinned: int = 0
    _parts: list[tuple[Array, Array, Array]] = field(default_factory=list)
    #: all but the last of them, where they are many; None where there is no need or no room
    _file: Spilled | None = None
    _full: bool = False
    _again: Again | None = None

    def add(self, block: Block, label: str | None) -> Array:
        """Take the hashes of a block; those of its inputs are given back."""
        inputs = [values for name, values in block.columns.items() if name != label]
        if not inputs or not len(block):
            return np.empty(0, np.uint64)
        keys = hashes(inputs[0]) if len(inputs) == 1 else combined([_keys(values) for values in inputs])
        labels = block.columns.get(label or "")
        told = np.zeros(len(block), np.uint64) if labels is None else hashes(labels)
        self._take([(keys, block.rows, told)])
        return keys

    def merge(self, other: Copies) -> None:
        """Take the hashes of other rows."""
        self.most, self.thinned = min(self.most, other.most), max(self.thinned, other.thinned)
        self._parts = [self._kept(*part) for part in self._parts]
        for batch in other._file.whole() if other._file is not None else ():
            self._take([columns(batch)])
        self._take(other._parts)

    def table(self) -> tuple[Array, Array, Array]:
        """(keys, rows, labels), in the order of the rows: all, of those in a file as many as memory should hold."""
        if self._file is not None:
            return columns(self._few()[0])
        if not self._parts:
            return np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.uint64)
        if len(self._parts) > 1:
            keys, rows, labels = (np.concatenate(part) for part in zip(*self._parts, strict=True))
            self._parts = [(keys, rows, labels)]
        keys, rows, labels = self._parts[0]
        if (rows[1:] < rows[:-1]).any():
            order = np.argsort(rows, kind="stable")
            self._parts = [(keys[order], rows[order], labels[order])]
        return self._parts[0]

    @property
    def spilled(self) -> int:
        """Bytes in a file; 0 where all are in memory."""
        return self._file.rows * ENTRY.itemsize if self._file is not None else 0

    def again(self, drawn: Array | None = None) -> Again:
        """The rows whose input stands more than once, and how many stand once; `drawn` are those asked about."""
        if drawn is not None:
            return again([self.source()], self.thinned, [drawn])
        if self._again is None:
            self._again = again([self.source()], self.thinned, [None])
        return self._again

    def source(self) -> Held | Spilled:
        """What `again` takes, also of several together."""
        if self._file is None:
            return Held(entries(*self.table()))
        self._spill()
        return Held(entries(*self.table())) if self._file is None else self._file

    @property
    def repeated(self) -> int:
        """Rows whose input stands in an earlier row; those among which only some hashes are kept, by their share."""
        keys = np.sort(self.several()[0])
        bits = self.thinned if self._file is None else self.again().thinned
        return int(np.count_nonzero(keys[1:] == keys[:-1])) << bits

    @property
    def rows(self) -> int:
        """Rows whose hashes are kept."""
        return sum(len(part[0]) for part in self._parts) + (self._file.rows if self._file is not None else 0)

    def groups(self, most: int | None = None) -> list[Array]:
        """Rows of each input that stands more than once, the largest groups first, and at most so many of them."""
        keys, rows, _ = self.several()
        order = by_key(keys)
        starts, sizes = runs(keys[order])
        several = np.flatnonzero(sizes > 1)
        several = several[np.argsort(-sizes[several], kind="stable")][:most]
        return [rows[order[starts[i] : starts[i] + sizes[i]]] for i in several]

    def several(self) -> tuple[Array, Array, Array]:
        """(keys, rows, labels) of all rows whose input stands more than once, at least, in the order of the rows."""
        if self._file is None:
            return self.table()
        return columns(self.again().sides[0])

    def __getstate__(self) -> dict[str, Any]:
        """What another process takes: as many hashes as memory should hold, and no file."""
        state = {**self.__dict__, "_file": None, "_again": None}
        if self._file is not None:
            some, state["thinned"] = self._few()
            state["_parts"] = [columns(some)]
        return state

    def _take(self, parts: list[tuple[Array, Array, Array]]) -> None:
        self._again = None
        self._parts += [self._kept(*part) for part in parts]
        if sum(len(part[0]) for part in self._parts) > SPILL and not self._full:
            self._spill()
        self._thin()

    def _spill(self) -> None:
        """Put all that is in memory into the file; where it has no room, keep as many as memory should hold."""
        try:
            self._file = self._file or Spilled(self.most)
            self._file.add([entries(*part) for part in self._parts])
        except OSError:
            self._full = True
            if self._file is not None:
                some, self.thinned = self._few()
                self._file, self._parts = None, [columns(some)]
            return
        self._parts = []
        while self._file.rows > self._file.most:
            self.thinned += 1
            self._file.thin(self.thinned)

    def _few(self) -> tuple[Array, int]:
        """Entries of the file and of memory, few enough for memory, and how many bits of their hashes are zero."""
        assert self._file is not None
        bits, kept = self.thinned, []
        for batch in (*self._file.whole(), *(entries(*part) for part in self._parts)):
            kept.append(thinned(batch, bits))
            while sum(map(len, kept)) > self.most:
                bits += 1
                kept = [thinned(some, bits) for some in kept]
        whole = np.concatenate(kept)
        return whole[np.argsort(whole["row"], kind="stable")], bits

    def _kept(self, keys: Array, rows: Array, labels: Array) -> tuple[Array, Array, Array]:
        if not self.thinned:
            return keys, rows, labels
        chosen = (keys & np.uint64((1 << self.thinned) - 1)) == 0
        return keys[chosen], rows[chosen], labels[chosen]

    def _thin(self) -> None:
        while self._file is None and self.rows > self.most:
            self.thinned += 1
            self._parts = [self._kept(*part) for part in self._parts]


def by_key(keys: Array) -> Array:
    """Positions by key and then as they stand; few keys stand twice, so that only those are ordered by both."""
    order = np.argsort(keys).astype(np.int32)
    ranked = keys[order]
    twice = np.flatnonzero(ranked[1:] == ranked[:-1])
    if len(twice):
        those = np.union1d(twice, twice + 1)
        some = order[those]
        order[those] = some[np.lexsort((some, ranked[those]))]
    return order


def runs(ranked: Array) -> tuple[Array, Array]:
    """Where each run of equal keys begins, and how long it is."""
    edges = (np.flatnonzero(ranked[1:] != ranked[:-1]) + 1).astype(np.int32)
    starts = np.concatenate([np.zeros(min(len(ranked), 1), np.int32), edges])
    return starts, np.diff(starts, append=np.int32(len(ranked)))


def hashes(values: Values) -> Array:
    """A 64-bit hash of each entry; 1 and 1.0 are one number, and so are short rows of them."""
    if isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype.kind in "biuf":
        return places(as_bits(values))
    if isinstance(values, np.ndarray) and values.dtype.kind in "biufc":
        return _of_rows(_plain(np.ascontiguousarray(values).reshape(len(values), int(np.prod(values.shape[1:])))))
    if isinstance(values, list) and values and isinstance(values[0], str):
        with contextlib.suppress(UnicodeEncodeError, TypeError):  # half a letter that stands alone; what is no text
            return np.fromiter(map(_ONE, map(str.encode, values)), np.uint64, count=len(values))
    keys = np.fromiter(map(_key, values), np.uint64, count=len(values))
    single = np.fromiter(map(_is_number, values), np.bool_, count=len(values))
    return np.where(single, places(keys), keys) if single.any() else keys


def _plain(table: Array) -> Array:
    """Rows of numbers as what is hashed: short ones by their values whatever their type, -0.0 as 0.0."""
    if table.shape[1] <= _SHORT and table.dtype.kind != "c":
        return as_bits(table)
    return table + table.dtype.type(0) if table.dtype.kind in "fc" else table


def combined(columns: list[Array]) -> Array:
    """One hash for several columns."""
    if len(columns) == 1:
        return columns[0]
    return _of_rows(np.stack(columns, axis=1))


def as_bits(values: Array) -> Array:
    """Single numbers as 64 bits, the same for equal ones of whatever type; NaN is equal to NaN."""
    if values.dtype.kind in "biu" and values.dtype.itemsize < 8:
        return values.astype(np.float64).view(np.uint64)
    if values.dtype.kind in "iu":
        near = (values <= _EXACT) & (values >= -_EXACT) if values.dtype.kind == "i" else values <= _EXACT
        return np.where(near, values.astype(np.float64).view(np.uint64), values.view(np.uint64))
    bits = np.add(values, 0.0, dtype=np.float64).view(np.uint64)  # -0.0 becomes 0.0
    nan = np.isnan(values)
    return np.where(nan, _NAN, bits) if nan.any() else bits


#: numbers of a row that are hashed by their values
_SHORT = 256
#: whole numbers up to which a float holds every one; the bits of a missing number
_EXACT, _NAN = 1 << 53, np.array([np.nan]).view(np.uint64)[0]
_MISSING: bytes = _NAN.tobytes()
_ONE = xxhash.xxh3_64_intdigest


def _keys(values: Values) -> Array:
    """What stands for each entry where columns are taken together: single numbers as they are, a hash of the rest."""
    if isinstance(values, list):
        return np.fromiter(map(_key, values), np.uint64, count=len(values))
    return as_bits(values) if values.ndim == 1 and values.dtype.kind in "biuf" else hashes(values)


def _key(value: Any) -> int:
    plain = _bytes(value)
    return int.from_bytes(plain, sys.byteorder) if _is_number(value) else _ONE(plain)


def _is_number(value: Any) -> bool:
    """Whether 64 bits stand for it; whole numbers beyond them are texts here."""
    return value is None or (isinstance(value, (bool, int, float, np.number, np.bool_)) and len(_bytes(value)) == 8)


def _of_rows(table: Array) -> Array:
    if not table.shape[1]:
        return np.full(len(table), _ONE(b""), np.uint64)
    return np.fromiter(map(_ONE, np.ascontiguousarray(table)), np.uint64, count=len(table))


def _bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        plain: bytes = _plain(np.ascontiguousarray(value).reshape(1, -1)).tobytes()
        return plain
    if value is None:
        return _MISSING
    if isinstance(value, (bool, int, float, np.number, np.bool_)):
        return _of_number(value)
    if isinstance(value, bytes):
        return value
    if isinstance(value, dict):
        return b"".join(repr(key).encode("utf-8", "backslashreplace") + _bytes(item) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return b"(" + b",".join(map(_bytes, value)) + b")"
    return repr(value).encode("utf-8", "surrogatepass")


def _of_number(value: Any) -> bytes:
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            return repr(value).encode()
        bits: bytes = as_bits(array[None]).tobytes()
        return bits
    except (OverflowError, ValueError):
        return repr(value).encode()
