"""Whether inputs fall into groups by themselves: few rows stand between the centres of neighbouring groups.

Centres are found on one half of the rows and looked at on the other, so that they fit nothing by chance. Along the
line between two centres a single group has as many rows in the middle as at the emptier end, or more, for its density
has one top; two groups leave a valley.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .rows import Rows

Array = np.ndarray[Any, Any]
#: starts and rounds of k-means; half the width of a window along the line, as a share of it
STARTS, ROUNDS, WINDOW = 4, 30, 0.1


@dataclass(frozen=True)
class Valleys:
    """Rows halfway between neighbouring centres, and at the emptier end of each line."""

    groups: int
    between: int
    ends: int

    @property
    def depth(self) -> float:
        """Rows halfway beside those at the emptier end: 1 or more in a single group, 0 where groups stand apart."""
        return self.between / max(self.ends, 1)

    @property
    def p(self) -> float:
        """Chance of so few halfway, were they as many as at the emptier end."""
        count = self.between + self.ends
        short = count / 2 - self.between
        return math.exp(-2 * short * short / count) if count and short > 0 else 1.0


def valleys(rows: Rows, groups: int, seed: int = 0) -> Valleys:
    """Look for as many groups as asked."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(rows))
    x = rows.features.astype(np.float64)
    first, second = x[order[: len(rows) // 2]], x[order[len(rows) // 2 :]]
    centres = min((_centres(first, groups, random) for _ in range(STARTS)), key=lambda found: found[1])[0]
    own = _nearest(second, centres)[0]
    between = ends = 0
    for i in range(groups):
        gaps = np.square(centres - centres[i]).sum(1)
        gaps[i] = np.inf
        j = int(gaps.argmin())
        if not np.isfinite(gaps[j]) or gaps[j] <= 0:
            continue
        line = centres[j] - centres[i]
        place = (second[(own == i) | (own == j)] - centres[i]) @ line / gaps[j]
        between += int((np.abs(place - 0.5) < WINDOW).sum())
        ends += int(min((np.abs(place) < WINDOW).sum(), (np.abs(place - 1) < WINDOW).sum()))
    return Valleys(groups, between, ends)


def _centres(x: Array, groups: int, random: np.random.Generator) -> tuple[Array, float]:
    """k-means from k-means++ (Arthur and Vassilvitskii 2007): centres, and the mean square distance to them."""
    centres = [x[random.integers(len(x))]]
    gap = np.square(x - centres[0]).sum(1)
    for _ in range(groups - 1):
        total = gap.sum()
        pick = random.choice(len(x), p=gap / total) if total > 0 else random.integers(len(x))
        centres.append(x[pick])
        gap = np.minimum(gap, np.square(x - x[pick]).sum(1))
    found = np.stack(centres)
    for _ in range(ROUNDS):
        own, _ = _nearest(x, found)
        counts = np.bincount(own, minlength=groups)
        sums = np.zeros_like(found)
        np.add.at(sums, own, x)
        new = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], found)
        if np.allclose(new, found):
            break
        found = new
    return found, float(_nearest(x, found)[1].mean())


def _nearest(x: Array, centres: Array) -> tuple[Array, Array]:
    gap = np.square(x).sum(1)[:, None] - 2 * x @ centres.T + np.square(centres).sum(1)
    return gap.argmin(1), gap.min(1)
