"""Whether two series are one that was changed a little: noise, another scale, a few steps cut off.

They are held against each other channel by channel, shifted by a few steps, without mean, scale and linear trend. They
are near copies where they are so much nearer than either is to the nearest third series that among all rows not one
pair in a hundred data sets is as near by chance (Facco et al. 2017, as for images). In k dimensions the ratio of the
distances falls below r with a chance of 2 r^k; k is the least of that of all series, of those around the pair
(Levina and Bickel 2004) and of the frequencies that the pair itself holds: series of one period, lines and steps have
few, and are near each other by chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..counts.sample import drawn
from .alike import PAIRS
from .waves import channels, levelled, windows

#: steps that are compared, steps that one may be shifted by, and the share of all that it may be shifted by
WIDTH, SHIFT, PART = 1024, 32, 1 / 16
#: series that tell how far apart series are; neighbours that tell how many dimensions they have around a pair
KNOWN, AROUND = 256, 20
#: distance up to which series look alike, also as a share of that to the third; distance that rounding makes; share of
#: the steps that both have to have
FAR, NEARER, LEAST, BOTH = 0.15, 0.3, 1e-3, 0.9
#: correlation at some shift from which on a pair is looked at closely, and shifts around that one
LIKELY, BESIDE = 0.8, 2
#: share of the power that means over some steps have to keep, to stand for them
KEEPS = 0.9
Array = np.ndarray[Any, Any]


class Waves:
    """How far apart the series of a data set are, whatever their scale."""

    def __init__(self, known: Sequence[Array], rows: int) -> None:
        every = channels(list(known))
        few = [every[row] for row in drawn(len(known), KNOWN).tolist()]
        self.rows = max(rows, 2)
        self.every = _every(few)
        self.known, self.lengths = windows(few, self.every, WIDTH)
        there = self.known.any((1, 2))
        self.known, self.lengths = self.known[there], self.lengths[there]
        self.dimension = self._dimension()

    def told(self, first: Sequence[Array], second: Sequence[Array]) -> list[tuple[str, bool]]:
        """In what the series of each pair differ, and whether no third is as near; "" where they are no near copies."""
        out = [("", False)] * len(first)
        one, other = channels(list(first)), channels(list(second))
        same = [a for a in range(len(one)) if len(one[a]) == len(other[a]) == self.known.shape[1]]
        if self.dimension <= 0 or not same:
            return out
        (left, mine), (right, yours) = (windows([side[a] for a in same], self.every, WIDTH) for side in (one, other))
        between, shift = paired(left, mine, right, yours)
        third = _third([hash(one[a].tobytes()) for a in same], [hash(other[a].tobytes()) for a in same], between)
        alone = (between <= FAR) & (np.maximum(between, LEAST) <= NEARER * third)
        near = np.flatnonzero(alone & left.any((1, 2)) & right.any((1, 2)))
        if not len(near):
            return out
        chance = self._chance(left[near], mine[near], between[near], third[near])
        for a, rare in zip(near.tolist(), (chance < PAIRS).tolist(), strict=True):
            if rare:
                pair = same[a]
                out[pair] = _differ(one[pair].shape[1], other[pair].shape[1], int(shift[a]) * self.every), True
        return out

    def _chance(self, series: Array, lengths: Array, between: Array, nearest: Array) -> Array:
        """Pairs as near as these that chance brings among all rows; `nearest` are the third rows that are known."""
        apart = np.sort(apart_from(series, lengths, self.known, self.lengths), axis=1)
        around = apart[:, 2 : 2 + AROUND]  # the first two may be this series and its copy
        third, last = np.maximum(around[:, 0], LEAST), np.maximum(around[:, -1:], LEAST)
        logs = np.log(last / np.maximum(around[:, :-1], LEAST)).sum(1)
        local = (around.shape[1] - 2) / np.maximum(logs, 1e-9)
        dimension = np.minimum(np.minimum(self.dimension, local), _freedom(series))
        third = third * (len(self.known) / self.rows) ** (1 / dimension) if len(self.known) < self.rows else third
        third = np.minimum(third, nearest)
        ratio = np.maximum(between, LEAST) / np.maximum(third, LEAST)
        out: Array = np.where(ratio <= NEARER, 2 * self.rows * np.minimum(ratio, 1) ** dimension, np.inf)
        return out

    def _dimension(self) -> float:
        """Of the ratio of the third to the second distance, which falls below r with a chance of r^-2k."""
        if len(self.known) <= AROUND + 2:
            return 0.0
        apart = apart_from(self.known, self.lengths, self.known, self.lengths)
        np.fill_diagonal(apart, np.inf)
        second, third = np.partition(apart, (1, 2), axis=1)[:, 1:3].T  # the first may be a copy
        clear = second > LEAST
        if clear.sum() < AROUND:
            return 0.0
        ratio = float(np.median(third[clear] / second[clear]))
        return float(np.log(2) / (2 * np.log(ratio))) if ratio > 1 else 0.0


def _third(first: list[int], second: list[int], between: Array) -> Array:
    """Distance of the third nearest row to either of each pair among all pairs; infinite where there are fewer."""
    apart: dict[int, dict[int, float]] = {}
    for a, b, distance in zip(first, second, between.tolist(), strict=True):
        apart.setdefault(a, {})[b] = apart.setdefault(b, {})[a] = distance
    third = {row: sorted(others.values())[2] if len(others) > 2 else np.inf for row, others in apart.items()}
    return np.array([min(third[a], third[b]) for a, b in zip(first, second, strict=True)])


def _differ(first: int, second: int, shift: int) -> str:
    if first != second:
        return f"length, {first} and {second} steps"
    return f"a shift of {abs(shift)} steps" if shift else "noise or scale"


def _every(known: Sequence[Array]) -> int:
    """How many steps are taken together: as many as the whole needs to fit, where that leaves what it is."""
    long = int(np.median([one.shape[1] for one in known])) if known else 0
    every = -(-long // WIDTH)
    if every < 2:
        return 1
    made = [levelled(one[None])[0] for one in known[:64]]
    kept = [np.square(one[:, : one.shape[1] // every * every].reshape(len(one), -1, every).mean(2)).mean()
            for one in made if one.any() and one.shape[1] >= every]  # fmt: skip
    return every if kept and np.median(kept) >= KEEPS else 1


def _shifts(width: int) -> range:
    most = int(min(SHIFT, width * PART))
    return range(-most, most + 1)


def paired(left: Array, mine: Array, right: Array, yours: Array) -> tuple[Array, Array]:
    """Distance of each pair at its best shift, and that shift; infinite of those that are plainly unlike."""
    between, shift = np.full(len(left), np.inf), np.zeros(len(left), np.int64)
    likely, about = _likely(left, right, int(max(mine.max(), yours.max())))
    few = np.flatnonzero(likely >= LIKELY)
    for beside in range(-BESIDE, BESIDE + 1):
        for step in np.unique(about[few]).tolist():
            at = few[about[few] == step]
            apart = _at(left[at], mine[at], right[at], yours[at], step + beside)
            better = apart < between[at] - 1e-9
            between[at[better]], shift[at[better]] = apart[better], step + beside
    return between, shift


def _likely(left: Array, right: Array, width: int) -> tuple[Array, Array]:
    """The largest correlation of each pair over all shifts, roughly, and that shift."""
    size, steps = 2 * left.shape[2], np.array(_shifts(width))
    power = np.sqrt(np.square(left).sum((1, 2)) * np.square(right).sum((1, 2)))
    best, shift = np.zeros(len(left)), np.zeros(len(left), np.int64)
    for low in range(0, len(left), 256):
        one, other = (np.fft.rfft(part[low : low + 256], size, axis=2) for part in (left, right))
        across = np.fft.irfft((one.conj() * other).sum(1), size, axis=1)[:, steps]
        best[low : low + 256], shift[low : low + 256] = across.max(1), steps[across.argmax(1)]
    return best / np.maximum(power, 1e-30), shift


def _at(left: Array, mine: Array, right: Array, yours: Array, step: int) -> Array:
    """Distance of each pair where the second is shifted by so many steps."""
    count = np.minimum(mine - max(0, -step), yours - max(0, step))
    a, b = (
        part[..., : left.shape[2] - abs(step)].astype(np.float64) for part in (_cut(left, -step), _cut(right, step))
    )
    inside = np.arange(a.shape[2]) < count[:, None, None]
    a, b = a * inside, b * inside
    like = _correlation((a * b).sum(2), a.sum(2), b.sum(2), (a * a).sum(2), (b * b).sum(2), count[:, None]).mean(1)
    return np.where(count >= BOTH * np.maximum(mine, yours), np.sqrt(np.maximum(2 - 2 * like, 0)), np.inf)


def apart_from(series: Array, lengths: Array, known: Array, theirs: Array) -> Array:
    """(N, M) distance of each of the one to each of the others, at its best shift."""
    best = np.full((len(series), len(known)), -1.0, np.float32)
    held = channels_of(series, lengths), channels_of(known, theirs)
    for step in _shifts(int(max(lengths.max(initial=0), theirs.max(initial=0)))):
        count = np.minimum(lengths[:, None] - max(0, -step), theirs[None] - max(0, step)).astype(np.float32)
        total = np.zeros_like(best)
        for (a, inside), (b, within) in zip(*held, strict=True):
            width = a.shape[1] - abs(step)
            a, inside = (_cut(part, -step)[:, :width] for part in (a, inside))
            b, within = (_cut(part, step)[:, :width] for part in (b, within))
            total += _correlation(a @ b.T, a @ within.T, inside @ b.T, (a * a) @ within.T, inside @ (b * b).T, count)
        enough = count >= BOTH * np.maximum(lengths[:, None], theirs[None])
        best = np.maximum(best, np.where(enough, total / len(held[0]), -1))
    out: Array = np.sqrt(np.maximum(2 - 2 * best.astype(np.float64), 0))
    return out


def channels_of(series: Array, lengths: Array) -> list[tuple[Array, Array]]:
    """(N, width) of each channel, and 1 where there is a step."""
    inside = (np.arange(series.shape[2]) < lengths[:, None]).astype(np.float32)
    return [(np.ascontiguousarray(series[:, k]), inside) for k in range(series.shape[1])]


def _cut(values: Array, step: int) -> Array:
    """What is left of the steps where so many are cut off in front."""
    return values[..., max(0, step) :]


def _correlation(both: Array, one: Array, other: Array, squares: Array, theirs: Array, count: Array) -> Array:
    """Out of the sums of products, values and squares over the steps that both have."""
    count = np.maximum(count, 1)
    power = np.maximum(squares - one * one / count, 0) * np.maximum(theirs - other * other / count, 0)
    out: Array = np.where(power > 0, (both - one * other / count) / np.sqrt(np.maximum(power, 1e-30)), 0)
    return out


def _freedom(series: Array) -> Array:
    """How many numbers a series holds, at most: twice the frequencies that share its power (participation ratio)."""
    power = np.square(np.abs(np.fft.rfft(series, axis=2))).reshape(len(series), -1)
    out: Array = 2 * np.square(power.sum(1)) / np.maximum(np.square(power).sum(1), 1e-30)
    return out
