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
    points: list[tuple[int, int]] = []
    for place, at in _points(encoding, spans, kept):
        over = int(np.searchsorted(starts, at)) - 1
        if over >= 0 and ends[over] > at:  # within a segment: those that have a place there belong to it
            if kept[place]:
                own[over].append(place)
                continue
            at = int(ends[over])
        points.append((at, place))
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


def _points(encoding: Encoding, spans: np.ndarray, kept: np.ndarray) -> Iterator[tuple[int, int]]:
    """Every token of no width and the place in the text where it stands."""
    wide = kept & (spans[:, 0] < spans[:, 1])
    text = np.flatnonzero(~np.asarray(encoding.special, bool))
    behind = max(np.flatnonzero(wide).max(initial=-1), text.min(initial=len(spans)))
    before = np.where(wide, np.arange(len(spans)), -1)
    before = np.maximum.accumulate(before) if len(before) else before
    for place in np.flatnonzero(~wide).tolist():
        if kept[place]:
            yield place, int(spans[place, 0])
        elif encoding.special[place] and place > behind:
            yield place, len(encoding.text)
        else:
            yield place, int(spans[before[place], 1]) if before[place] >= 0 else 0


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
