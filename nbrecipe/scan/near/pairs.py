"""Pairs of rows that share a key, as candidates for near copies: found by sorting, in bounded time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..counts.copies import by_key
from .keys import Keys

#: rows behind a row that it is paired with: at least, at most, and with all rows together
BEHIND, FAR, PAIRED = 3, 50, 300_000
#: bits of two outlines that may differ, and pairs in all
BITS, MOST = 12, 8_000
#: pairs that are looked at at once
PART = 1 << 18
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

    found = [_first(map(meet, parts)) for half in (first, second) for parts in _behind(half)]
    if outline.any():
        drawn = np.flatnonzero(outline).astype(np.int32)
        for turn in TURNS:
            turned = outline[drawn] >> np.uint64(turn)
            turned |= outline[drawn] << np.uint64((64 - turn) % 64)
            for parts in _behind(turned, equal=False):
                near = [_nearest(pairs, _apart(outline, pairs)) for pairs in (meet(drawn[part]) for part in parts)]
                pairs = np.concatenate(near)
                found.append(_nearest(pairs, _apart(outline, pairs)))
    one, other = np.sort(np.concatenate(found), axis=1).astype(np.int64).T
    one, other = np.divmod(np.unique(one * np.int64(len(exact)) + other), len(exact))
    apart = np.bitwise_count(outline[one] ^ outline[other])
    apart[(first[one] == first[other]) | (second[one] == second[other])] = 0
    return _nearest(np.stack([one, other], axis=1), apart)


def _first(parts: Iterator[Array]) -> Array:
    """The first `MOST` pairs."""
    kept: list[Array] = [np.empty((0, 2), np.int32)]
    for pairs in parts:
        kept.append(pairs)
        if sum(map(len, kept)) >= MOST:
            break
    return np.concatenate(kept)[:MOST]


def _apart(outline: Array, pairs: Array) -> Array:
    out: Array = np.bitwise_count(outline[pairs[:, 0]] ^ outline[pairs[:, 1]])
    return out


def _nearest(pairs: Array, apart: Array) -> Array:
    near = np.flatnonzero(apart <= BITS)
    out: Array = pairs[near[np.argsort(apart[near], kind="stable")[:MOST]]]
    return out


def _behind(keys: Array, *, equal: bool = True) -> Iterator[Iterator[Array]]:
    """Each row with the next few in the order of the keys, where they are equal or wherever they stand; by parts."""
    order = by_key(keys)
    ranked = keys[order] if equal else None
    steps = min(max(BEHIND, PAIRED // max(len(keys), 1)), FAR, len(keys) - 1)
    for step in range(1, steps + 1):
        yield _paired(order, ranked, step)


def _paired(order: Array, ranked: Array | None, step: int) -> Iterator[Array]:
    """Each row with the one so many places behind it."""
    for low in range(0, len(order) - step, PART):
        high = min(low + PART, len(order) - step)
        near = np.arange(low, high)
        if ranked is not None:
            near = near[ranked[low:high] == ranked[low + step : high + step]]
        yield np.stack([order[near], order[near + step]], axis=1)
