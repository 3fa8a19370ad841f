"""Words, letters and bytes of texts, as far as tokens are set against them.

A word is a run of anything between spaces, which needs no rules of any language: "don't" and "end." are one each. Where
most letters are of scripts that put no spaces between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese, Tibetan), a
run would be a sentence: such texts have letters and bytes alone, and are left out where tokens are set against words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..counts.letters import SPACE, letters

Array = np.ndarray[Any, Any]
#: scripts without spaces between words, by the code points that they take
_RUNS = (
    (0x0E00, 0x0EFF), (0x0F00, 0x0FFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x1950, 0x1AAF), (0x2E80, 0x2FDF),
    (0x3005, 0x3007), (0x3040, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F),
    (0xF900, 0xFAFF), (0xFF66, 0xFF9D),
)  # fmt: skip
#: Chinese letters beyond the basic plane
_BEYOND = (0x20000, 0x33FFF)


def _unspaced() -> Array:
    table = np.zeros(1 << 16, bool)
    for first, last in _RUNS:
        table[first : last + 1] = True
    return table


_UNSPACED = _unspaced()


@dataclass(frozen=True)
class Written:
    """Each text in numbers."""

    #: (texts,) letters, bytes of UTF-8, words; words are 0 where `unspaced`
    letters: Array
    bytes: Array
    words: Array
    #: texts in scripts that put no spaces between words
    unspaced: Array


def written(texts: Sequence[str]) -> Written:
    """The numbers of some texts; half a letter that stands alone is three bytes."""
    seen = letters(texts)
    space = (seen.sorts & SPACE) != 0
    space[seen.starts + seen.lengths] = True  # the zero behind each text
    before = np.empty_like(space)
    before[0:1], before[1:] = True, space[:-1]
    words = _within(before & ~space, seen.starts)
    if seen.joined.isascii():
        return Written(seen.lengths, seen.lengths, words, np.zeros(len(texts), bool))
    codes = np.frombuffer(seen.joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    size = 1 + (codes >= 0x80).astype(np.int64) + (codes >= 0x800) + (codes >= 0x10000)
    without = _UNSPACED[np.minimum(codes, 0xFFFF)] | ((codes >= _BEYOND[0]) & (codes <= _BEYOND[1]))
    own = seen.lengths - _within(space, seen.starts) + 1
    unspaced = 2 * _within(without, seen.starts) > own
    return Written(seen.lengths, _within(size, seen.starts) - 1, np.where(unspaced, 0, words), unspaced)


def _within(values: Array, starts: Array) -> Array:
    """The sum of what stands in each text."""
    if not len(starts):
        return np.zeros(0, np.int64)
    return np.asarray(np.add.reduceat(values, starts, dtype=np.int64))
