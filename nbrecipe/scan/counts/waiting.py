"""Words with how often each stands, exactly, until they are too many; short ones as numbers, all of a block at once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .letters import BEYOND, Letters

#: bytes of a word that are one number, and of a longer one that are two
SHORT, LONGER = 8, 16
#: words that are put aside before equal ones are taken together
ASIDE = 1 << 16
_WORD = re.compile(r"\w+")
#: which bytes of ASCII words are made of
_INSIDE = bytes(code < 128 and (chr(code).isalnum() or chr(code) == "_") for code in range(256))
#: the bytes of a number that a word of so many letters has
_MASKS = np.array([(1 << (8 * count)) - 1 for count in range(SHORT + 1)], np.uint64)
Array = np.ndarray[Any, Any]
#: the one or two numbers of each word, and how often it stands
Packed = tuple[tuple[Array, ...], Array]


@dataclass
class Waiting:
    """Different words, upper and lower case taken as one, with their counts."""

    #: short and longer words of ASCII
    _short: list[Packed] = field(default_factory=list)
    _longer: list[Packed] = field(default_factory=list)
    _others: Counter[str] = field(default_factory=Counter)

    def add(self, seen: Letters) -> int:
        """Count in the words of some texts; says how many there are."""
        if seen.plain:
            return self._add_plain(seen.lower)
        lower = seen.lower
        if lower.isascii():  # a letter beyond ASCII may have a small one within
            return self._add_plain(lower)
        odd = np.flatnonzero(seen.count(BEYOND))
        others, rest, last = [], [], 0
        for start, end in zip(seen.starts[odd].tolist(), (seen.starts + seen.lengths)[odd].tolist(), strict=True):
            others.append(seen.joined[start:end])
            rest.append(seen.joined[last:start])
            last = end
        rest.append(seen.joined[last:])
        found = _WORD.findall("\0".join(others).lower())
        self._others.update(found)
        return len(found) + self._add_plain("".join(rest).lower())

    def merge(self, later: Waiting) -> None:
        """Count in the words of later rows."""
        self._short += later._short
        self._longer += later._longer
        self._others.update(later._others)

    def over(self, most: int) -> bool:
        """Whether there are more different words than this; looked at once enough were put aside."""
        aside = sum(len(counts) for parts in (self._short, self._longer) for _, counts in parts[1:])
        return (aside > ASIDE or len(self._others) > most) and self._together() > most

    def items(self) -> Iterator[tuple[str, int]]:
        """Every word and how often it stands."""
        self._together()
        for keys, counts in (*self._short, *self._longer):
            words = np.stack(keys, axis=1).astype("<u8").view(f"S{SHORT * len(keys)}")[:, 0].tolist()
            yield from zip((word.decode("ascii") for word in words), counts.tolist(), strict=True)
        yield from self._others.items()

    def __bool__(self) -> bool:
        return bool(self._short or self._longer or self._others)

    def __getstate__(self) -> dict[str, Any]:
        self._together()
        return dict(self.__dict__)

    def _add_plain(self, lower: str) -> int:
        """Count in the words of ASCII, in small letters."""
        plain = lower.encode("ascii") + bytes(LONGER)
        inside = np.frombuffer(plain.translate(_INSIDE), np.bool_)
        edges = np.flatnonzero(inside[1:] != inside[:-1]) + 1
        if inside[0]:
            edges = np.concatenate([[0], edges])
        starts, lengths = edges[0::2], edges[1::2] - edges[0::2]
        if not len(starts):
            return 0
        eight = np.ndarray((len(plain) - SHORT + 1,), np.dtype("<u8"), plain, strides=(1,))
        first = eight[starts] & _MASKS[np.minimum(lengths, SHORT)]
        long = np.flatnonzero(lengths > SHORT)
        if len(long) < len(starts):
            keys, counts = np.unique(first[lengths <= SHORT] if len(long) else first, return_counts=True)
            self._short.append(((keys,), counts))
        if len(long):
            self._add_long(lower, eight, starts[long], lengths[long], first[long])
        return len(starts)

    def _add_long(self, lower: str, eight: Array, starts: Array, lengths: Array, first: Array) -> None:
        """Count in words of more than one number, of which this is the first."""
        two = lengths <= LONGER
        if two.any():
            second = eight[starts[two] + SHORT] & _MASKS[lengths[two] - SHORT]
            self._longer.append(_each((first[two], second), np.ones(len(second), np.int64)))
        others = zip(starts[~two].tolist(), (starts + lengths)[~two].tolist(), strict=True)
        self._others.update([lower[start:end] for start, end in others])

    def _size(self) -> int:
        return sum(len(counts) for _, counts in (*self._short, *self._longer)) + len(self._others)

    def _together(self) -> int:
        """Each word once; says how many there are."""
        self._short, self._longer = _united(self._short), _united(self._longer)
        return self._size()


def _united(parts: list[Packed]) -> list[Packed]:
    if len(parts) < 2:
        return parts
    keys = tuple(np.concatenate(same) for same in zip(*(theirs for theirs, _ in parts), strict=True))
    return [_each(keys, np.concatenate([counts for _, counts in parts]))]


def _each(keys: Sequence[Array], counts: Array) -> Packed:
    """Each word once, in the order of its numbers."""
    order = np.argsort(keys[0]) if len(keys) == 1 else np.lexsort(keys)
    ranked = tuple(key[order] for key in keys)
    new = np.logical_or.reduce([key[1:] != key[:-1] for key in ranked])
    starts = np.flatnonzero(np.concatenate([[True], new]))
    return tuple(key[starts] for key in ranked), np.add.reduceat(counts[order], starts)
