"""A text partitioned by its tokens: pieces which, one after the other, are the text's own characters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .tokenizer import Encoding


class Segment(NamedTuple):
    """Characters of a text and the tokens that stand for them.

    Several tokens share what they cannot share out, such as the bytes of one character. Text without tokens is what
    no token stands for; a token without text, such as one that only marks the start, has a segment of no width.
    """

    start: int
    end: int
    tokens: tuple[int, ...]  #: places of the tokens in the encoding, ascending


def segments(encoding: Encoding) -> tuple[Segment, ...]:
    """The segments of a text in its own order, which need not be that of the tokens.

    Neighbours touch, the first starts at 0, the last ends where the text does. Tokens whose spans overlap share a
    segment. One of no width stands where the token before it ended; put in behind the last of the text, at its end.
    """
    size = len(encoding.text)
    spans = np.asarray(encoding.spans, np.int64).reshape(-1, 2)
    kept = (spans[:, 0] >= 0) & (spans[:, 0] <= spans[:, 1]) & (spans[:, 1] <= size)
    wide = np.flatnonzero(kept & (spans[:, 0] < spans[:, 1]))
    starts, ends, group = _merged(spans[wide])
    own = _grouped(wide, group, len(starts))
    narrow, at = _points(encoding, spans, kept)
    over = np.searchsorted(starts, at) - 1
    reach = np.append(ends, 0)[over]  # 0 where none begins before it
    within = kept[narrow] & (reach > at)  # those that have a place within a segment belong to it
    for place, which in zip(narrow[within].tolist(), over[within].tolist(), strict=True):
        own[which].append(place)
    points = list(zip(np.maximum(at, reach)[~within].tolist(), narrow[~within].tolist(), strict=True))
    return tuple(_laid(size, list(zip(starts.tolist(), ends.tolist(), own, strict=True)), sorted(points)))


def _merged(spans: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Starts and ends of the stretches that spans of some width cover, each as long as they overlap; whose is which."""
    order = np.argsort(spans[:, 0], kind="stable")
    start, reach = spans[order, 0], np.maximum.accumulate(spans[order, 1])
    first = np.ones(len(spans), bool)
    first[1:] = start[1:] >= reach[:-1]
    last = np.append(first[1:], True)[: len(spans)]
    group = np.empty(len(spans), np.int64)
    group[order] = np.cumsum(first) - 1
    return start[first], reach[last], group


def _grouped(places: np.ndarray, group: np.ndarray, count: int) -> list[list[int]]:
    own: list[list[int]] = [[] for _ in range(count)]
    for place, which in zip(places.tolist(), group.tolist(), strict=True):
        own[which].append(place)
    return own


def _points(encoding: Encoding, spans: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The tokens of no width and the place in the text where each stands."""
    wide = kept & (spans[:, 0] < spans[:, 1])
    special = np.asarray(encoding.special, bool)
    text = np.flatnonzero(~special)
    behind = max(np.flatnonzero(wide).max(initial=-1), text.min(initial=len(spans)))
    narrow = np.flatnonzero(~wide)
    last = np.maximum.accumulate(np.where(wide, np.arange(len(spans)), -1)) if len(spans) else np.zeros(0, np.int64)
    before = np.append(spans[:, 1], 0)[last[narrow]]  # where the token of some width before it ended
    at = np.where(special[narrow] & (narrow > behind), len(encoding.text), before)
    return narrow, np.where(kept[narrow], spans[narrow, 0], at)


def _laid(size: int, wide: list[tuple[int, int, list[int]]], points: list[tuple[int, int]]) -> Iterator[Segment]:
    """Segments of some width, those of none between them, and what is left over of the text."""
    at, point = 0, 0
    for start, end, tokens in [*wide, (size, size, [])]:
        while point < len(points) and points[point][0] <= start:
            place = points[point]
            if place[0] > at:
                yield Segment(at, place[0], ())
                at = place[0]
            yield Segment(at, at, (place[1],))
            point += 1
        if start > at:
            yield Segment(at, start, ())
        if end > start:
            yield Segment(start, end, tuple(sorted(tokens)))
        at = end
