"""Series as what near copies of them are told by: 64 bits of their course while they are read, and their steps later.

The bits say where the course, without its linear trend, rises from one stretch of time to the next, and where it moves
more: noise, another scale and a few steps cut off leave nearly all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..columns.block import Values
from ..columns.steps import time_axis

#: stretches of time less one, for either half of the bits; the share of the whole range by which one has to exceed the
#: next; steps below which a series is too short to be told by its course
STRETCHES, MARGIN, SHORTEST = 32, 0.05, 48
#: share of its deviation that a series has to keep without its trend, not to be taken for a line
FLAT = 1e-3
#: rows of one shape that are looked at together
TOGETHER = 1 << 22
Array = np.ndarray[Any, Any]


def channels(values: Values) -> list[Array]:
    """(channels, steps) of each series; a single channel of what has no two axes."""
    axis = time_axis(values)
    return [_upright(np.asarray(value), axis) for value in values]


def _upright(value: Array, axis: int | None) -> Array:
    if value.ndim != 2:
        return value.reshape(1, -1)
    return value if axis == 1 else value.T


def courses(values: Values) -> Array:
    """64 bits of each series; 0 of short and of flat ones."""
    out = np.zeros(len(values), np.uint64)
    each = channels(values)
    shapes: dict[tuple[int, ...], list[int]] = {}
    for row, series in enumerate(each):
        if series.shape[1] >= SHORTEST:
            shapes.setdefault(series.shape, []).append(row)
    for shape, rows in shapes.items():
        step = max(1, TOGETHER // (shape[0] * shape[1]))
        for low in range(0, len(rows), step):
            few = rows[low : low + step]
            out[few] = _bits(levelled(np.stack([each[row] for row in few])))
    return out


def levelled(series: Array) -> Array:
    """(N, channels, steps) without mean and linear trend, each channel of deviation 1; 0 where nothing is left."""
    plain = np.nan_to_num(series.astype(np.float32), posinf=0.0, neginf=0.0)
    plain = plain - plain.mean(-1, keepdims=True)
    before = np.sqrt(np.square(plain).mean(-1, keepdims=True))
    line = np.linspace(-1, 1, plain.shape[-1], dtype=np.float32)
    plain -= ((plain @ line) / (line @ line))[..., None] * line
    left = np.sqrt(np.square(plain).mean(-1, keepdims=True))
    out: Array = np.where(left > FLAT * before, plain / np.maximum(left, 1e-30), 0)
    return out


def _bits(series: Array) -> Array:
    """Of (N, channels, steps), channels by falling weight; time begins where most is going on, and ends before it."""
    weights = 0.7 ** np.arange(series.shape[1], dtype=np.float32)
    edges = np.linspace(0, series.shape[2], STRETCHES + 2).astype(int)
    sizes = np.diff(edges).astype(np.float32)
    series = _from_loudest(series, int(sizes[0]))
    means = np.add.reduceat(series, edges[:-1], axis=2) / sizes
    moves = np.sqrt(np.maximum(np.add.reduceat(np.square(series), edges[:-1], axis=2) / sizes - np.square(means), 0))
    found = [_rises(np.einsum("nct,c->nt", part, weights)) for part in (means, moves)]
    out: Array = np.packbits(np.concatenate(found, axis=1), axis=1).view(np.uint64)[:, 0]
    return out


def _from_loudest(series: Array, width: int) -> Array:
    """The steps in a circle, from the stretch of most power on: a few that are cut off in front shift nothing."""
    power = np.square(series).sum(1)
    whole = np.cumsum(np.concatenate([np.zeros_like(power[:, :1]), power], axis=1, dtype=np.float64), axis=1)
    loudest = np.argmax(whole[:, width:] - whole[:, :-width], axis=1)
    order = (loudest[:, None] + np.arange(series.shape[2])) % series.shape[2]
    out: Array = np.take_along_axis(series, order[:, None], axis=2)
    return out


def _rises(course: Array) -> Array:
    """(N, STRETCHES) where a course grows."""
    course = course[:, : STRETCHES + 1]
    least = MARGIN * (course.max(1) - course.min(1))
    out: Array = (course[:, 1:] - course[:, :-1]) > least[:, None]
    return out


def windows(series: Sequence[Array], every: int, width: int) -> tuple[Array, Array]:
    """(N, channels, width) from the middle of each of (channels, steps), means of `every` steps, and their lengths."""
    made = np.zeros((len(series), max((len(one) for one in series), default=1), width), np.float32)
    lengths = np.zeros(len(series), np.int64)
    for row, one in enumerate(series):
        steps = one.shape[1] // every
        plain = one[:, : steps * every].reshape(len(one), steps, every).mean(2, dtype=np.float32)
        start = max(0, (steps - width) // 2)
        part = plain[:, start : start + width]
        lengths[row] = part.shape[1]
        if part.shape[1] > 1:
            made[row, : len(one), : part.shape[1]] = levelled(part[None])[0]
    return made, lengths
