"""Texts as numbers of their letters, all rows of a block at once."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
#: what a letter is; one of several
UPPER, LOWER, SPACE, SYMBOL, BEYOND, BROKEN = (1 << i for i in range(6))
#: letters that show that a text was decoded wrongly or copied with what cannot be seen
_INVISIBLE = (0xFFFD, 0xFEFF, *range(0x200B, 0x2010), *range(0x80, 0xA0))


def _sorts() -> Array:
    """What each letter of the basic plane is; later ones are like the last."""
    sorts = np.full(1 << 16, BEYOND, np.uint8)
    for code in range(128):
        letter = chr(code)
        sorts[code] = (
            UPPER if letter.isupper() else LOWER if letter.islower() else SPACE if letter.isspace() else
            0 if letter.isdigit() else SYMBOL
        )  # fmt: skip
        if code < 32 and letter not in "\t\n\r\x0b\x0c":
            sorts[code] |= BROKEN
    sorts[[0xA0, 0x3000, *range(0x2000, 0x200B)]] |= SPACE
    for code in _INVISIBLE:
        sorts[code] |= BROKEN
    sorts[0xD800:0xE000] |= BROKEN  # halves of a letter that stand alone
    return sorts


_SORTS = _sorts()
_OF_ASCII = _SORTS[:256].tobytes()


@dataclass(frozen=True)
class Letters:
    """Every letter of some texts; after each text stands a zero that belongs to none."""

    joined: str
    sorts: Array
    #: where each text starts, and its letters
    starts: Array
    lengths: Array
    #: the same letters as bytes where all of them are ASCII, else nothing
    plain: bytes = b""

    def count(self, sort: int) -> Array:
        """Letters of this sort in each text."""
        if not len(self.starts) or not self._there & sort:
            return np.zeros(len(self.starts), np.int64)
        least = np.int32 if len(self.sorts) < 1 << 31 else np.int64
        return np.add.reduceat((self.sorts & sort) != 0, self.starts, dtype=least).astype(np.int64)

    @functools.cached_property
    def spaces(self) -> Array:
        """Spaces in each text."""
        return self.count(SPACE)

    @functools.cached_property
    def lower(self) -> str:
        """All of it in small letters."""
        return self.joined.lower()

    @functools.cached_property
    def _there(self) -> int:
        """Which sorts there are at all."""
        return int(np.bitwise_or.reduce(self.sorts)) if len(self.sorts) else 0

    def rows_of(self, places: Sequence[int] | Array) -> Array:
        """The texts in which these places lie, each once."""
        if not len(places):
            return np.zeros(0, np.int64)
        return np.asarray(np.unique(np.searchsorted(self.starts, np.asarray(places), side="right") - 1))


def letters(texts: Sequence[str]) -> Letters:
    """The letters of some texts."""
    lengths = np.fromiter(map(len, texts), np.int64, count=len(texts))
    joined = "\0".join(texts) + "\0" if len(texts) else ""
    starts = np.cumsum(lengths + 1) - lengths - 1
    plain = joined.encode("ascii") if joined.isascii() else b""
    if plain:
        sorts = np.frombuffer(bytearray(plain).translate(_OF_ASCII), np.uint8)
    else:
        wide = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
        sorts = _SORTS[np.minimum(wide, 0xFFFE)]
    sorts[starts + lengths] = 0
    return Letters(joined, sorts, starts, lengths, plain)


@dataclass(frozen=True)
class Texts:
    """The texts of a column, read once for all that is counted of them."""

    seen: Letters
    #: rows of the column, and at which of them a text stands; None where one stands at all
    rows: int
    places: Array | None = None

    def along(self, rows: Array) -> Array:
        """What belongs to each row, for the texts alone."""
        return rows if self.places is None else rows[self.places]


def texts_of(values: Sequence[Any]) -> Texts:
    """The texts of a column; what is none is left out."""
    if set(map(type, values)) <= {str}:
        return Texts(letters(values), len(values))
    places = [i for i, value in enumerate(values) if isinstance(value, str)]
    if len(places) == len(values):
        return Texts(letters(values), len(values))
    return Texts(letters([values[i] for i in places]), len(values), np.array(places, np.int64))
