"""Pairs of rows that share a key, as candidates for near copies: found by sorting, in bounded time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .keys import Keys

#: rows behind a row that it is paired with: at least, at most, and with all rows together
BEHIND, FAR, PAIRED = 3, 50, 300_000
#: bits of two outlines that may differ, and pairs in all
BITS, MOST = 12, 8_000
#: places of an outline from which it is sorted: rows that differ in few bits agree at the front of one of these orders
TURNS = (0, 16, 32, 48)
Array = np.ndarray[Any, Any]


def candidates(keys: Keys, exact: Array, side: Array | None = None) -> Array:
    """(pairs, 2) positions, the first before the second, of rows that share a key and are not equal, the nearest first.

    `exact` is equal for equal rows; with `side` given, only pairs of a row of side 0 with one of side 1.
    """
    first, second, outline = keys

    def meet(pairs: Array) -> Array:
        pairs = pairs[exact[pairs[:, 0]] != exact[pairs[:, 1]]]
        return pairs if side is None else pairs[side[pairs[:, 0]] != side[pairs[:, 1]]]

    found = [meet(pairs)[:MOST] for half in (first, second) for pairs in _behind(half)]
    if outline.any():
        drawn = np.flatnonzero(outline)
        for turn in TURNS:
            turned = outline[drawn] >> np.uint64(turn) | outline[drawn] << np.uint64((64 - turn) % 64)
            for pairs in _behind(turned, equal=False):
                pairs = meet(drawn[pairs])
                found.append(_nearest(pairs, np.bitwise_count(outline[pairs[:, 0]] ^ outline[pairs[:, 1]])))
    one, other = np.sort(np.concatenate(found), axis=1).T
    one, other = np.divmod(np.unique(one * np.int64(len(exact)) + other), len(exact))
    apart = np.bitwise_count(outline[one] ^ outline[other])
    apart[(first[one] == first[other]) | (second[one] == second[other])] = 0
    return _nearest(np.stack([one, other], axis=1), apart)


def _nearest(pairs: Array, apart: Array) -> Array:
    near = np.flatnonzero(apart <= BITS)
    out: Array = pairs[near[np.argsort(apart[near], kind="stable")[:MOST]]]
    return out


def _behind(keys: Array, *, equal: bool = True) -> Iterator[Array]:
    """Each row with the next few in the order of the keys, where they are equal or wherever they stand."""
    order = np.argsort(keys, kind="stable")
    ranked = keys[order]
    steps = min(max(BEHIND, PAIRED // max(len(keys), 1)), FAR, len(keys) - 1)
    for step in range(1, steps + 1):
        near = np.flatnonzero(ranked[step:] == ranked[:-step]) if equal else np.arange(len(keys) - step)
        yield np.stack([order[near], order[near + step]], axis=1)
