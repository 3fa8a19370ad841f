"""What the texts of a column are written in: words, the most frequent ones, and what one may want to take out first.

Distinct words are counted by HyperLogLog (standard error 0.8 %), frequent ones by the frequent-items sketch of Apache
DataSketches, once there are more different words than wait; until then each has its own count. Parts are merged in the
order of the rows; the numbers are therefore the same whoever has read which part.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .letters import BEYOND, BROKEN, LOWER, SPACE, UPPER, Letters, Texts
from .sketches import frequent_items, frequent_merged, library
from .waiting import Waiting

#: log2 of the registers, and of the words that are followed
REGISTERS, FOLLOWED = 14, 15
#: different words that wait to be counted in, rows that are named, letters from which on capitals are shouting
WAITING, NAMED, SHOUTED = 1 << 16, 5, 8
#: letters of a word that are kept
LONGEST = 64
#: tags of HTML by name: <unk> and <s> are tokens, a <b and c> d is none
_NAMES = (
    "a|abbr|article|b|blockquote|body|br|button|center|code|div|em|font|footer|form|h[1-6]|head|header|hr|html|i|iframe|"
    "img|input|label|li|link|meta|nav|ol|p|pre|script|section|small|span|strong|style|sub|sup|table|tbody|td|th|thead|"
    "title|tr|u|ul"
)
_TAG = re.compile(rf"<(?:/?(?:{_NAMES})\s*/?|(?:{_NAMES})\s[^<>\0]*=[^<>\0]*|!--[^<>\0]*--)>", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,7});")
Array = np.ndarray[Any, Any]


@dataclass
class Words:
    """Words of one column, and how many rows have which habit; they merge in the order of the rows."""

    rows: int = 0
    words: int = 0
    #: rows by habit ("URLs", "capitals only", ...), and the first of them
    habits: Counter[str] = field(default_factory=Counter)
    named: dict[str, list[int]] = field(default_factory=dict)
    _waiting: Waiting = field(default_factory=Waiting)
    #: sketches as bytes, so that they can be sent, and so that all are merged alike
    _distinct: bytes = b""
    _frequent: bytes = b""

    def add(self, texts: Texts, rows: Array) -> None:
        """Count in the texts of these rows."""
        seen, rows = texts.seen, texts.along(rows)
        if not len(rows):
            return
        self.rows += len(rows)
        for habit, found in _habits(seen).items():
            self._note(habit, rows[found])
        self.words += self._waiting.add(seen)
        if self._waiting.over(WAITING):
            self._settle()

    def merge(self, later: Words) -> None:
        """Count in the words of later rows."""
        self.rows, self.words = self.rows + later.rows, self.words + later.words
        self.habits.update(later.habits)
        for habit, rows in later.named.items():
            self.named[habit] = (self.named.get(habit, []) + rows)[:NAMED]
        if later._distinct:
            self._settle()
            self._distinct = _united(self._distinct, later._distinct)
            self._frequent = frequent_merged(self._frequent, later._frequent)
        self._waiting.merge(later._waiting)
        if self._waiting.over(WAITING):
            self._settle()

    @property
    def distinct(self) -> float:
        """Different words, upper and lower case taken as one; exact where there are few."""
        self._settle()
        return float(library().hll_sketch.deserialize(self._distinct).get_estimate()) if self._distinct else 0.0

    def most(self, count: int) -> list[tuple[str, int]]:
        """The most frequent words and how often they stand, at least."""
        self._settle()
        return frequent_items(self._frequent)[:count]

    def _note(self, habit: str, rows: Array) -> None:
        if len(rows):
            self.habits[habit] += len(rows)
            have = self.named.setdefault(habit, [])
            have += rows[: NAMED - len(have)].tolist()

    def _settle(self) -> None:
        """Count in the words that wait, each once with how often it stands."""
        if not self._waiting:
            return
        sketches = library()
        distinct = sketches.hll_sketch(REGISTERS)
        frequent = sketches.frequent_strings_sketch(FOLLOWED)
        for word, count in self._waiting.items():
            plain = word.encode("utf-8", "replace").decode()[:LONGEST]
            distinct.update(plain)
            frequent.update(plain, count)
        self._waiting = Waiting()
        self._distinct = _united(self._distinct, distinct.serialize_compact())
        self._frequent = frequent_merged(self._frequent, frequent.serialize())


def _habits(seen: Letters) -> dict[str, Array]:
    """Which texts have which habit."""
    filled = seen.spaces < seen.lengths
    full = np.flatnonzero(filled)
    starts, ends = seen.starts[full], seen.starts[full] + seen.lengths[full] - 1
    space = (seen.sorts & SPACE) != 0
    doubled = seen.rows_of(np.flatnonzero(space[1:] & space[:-1]))
    beyond, broken = seen.count(BEYOND), seen.count(BROKEN)
    return {
        "empty": np.flatnonzero(~filled),
        "URLs": seen.rows_of([*_places(seen.joined, "://"), *_places(seen.joined, "www.")]),
        "HTML tags": seen.rows_of([found.start() for found in _TAG.finditer(seen.joined)]),
        "HTML entities": seen.rows_of([found.start() for found in _ENTITY.finditer(seen.joined)]),
        "capitals only": _shouted(seen, beyond),
        "space at an end": full[space[starts] | space[ends]],
        "repeated spaces": doubled[filled[doubled]],
        "invisible or broken letters": np.flatnonzero(broken > 0),
        "letters beyond ASCII": np.flatnonzero(beyond > 0),
    }


def _shouted(seen: Letters, beyond: Array) -> Array:
    """The texts in capitals alone."""
    loud = (seen.count(UPPER) >= SHOUTED) & (beyond == 0)
    return np.flatnonzero(loud & (seen.count(LOWER) == 0)) if loud.any() else np.zeros(0, np.int64)


def _places(text: str, sign: str) -> list[int]:
    if sign.strip("/w") not in text:  # one letter is found faster than several
        return []
    places, at = [], text.find(sign)
    while at >= 0:
        places.append(at)
        at = text.find(sign, at + len(sign))
    return places


def _united(left: bytes, right: bytes) -> bytes:
    """The union of two sketches of distinct words, estimated alike however many were united."""
    sketches = library()
    union = sketches.hll_union(REGISTERS)
    for plain in (left, right):
        if plain:
            union.update(sketches.hll_sketch.deserialize(plain))
            union.update(sketches.hll_sketch.deserialize(plain))  # once more: what was merged is estimated otherwise
    made: bytes = union.get_result().serialize_compact()
    return made
