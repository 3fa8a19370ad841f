"""Whether two rows are one row that was changed a little: decided on the rows themselves, not on their keys.

Of numbers: all but a few values are equal, and these hold too many bits to be equal by chance. Of images also: the
distance to the other is so much smaller than to the nearest third image that among all rows not one pair in a hundred
data sets is as near by chance. In k dimensions the ratio of the first to the second distance falls below r with a
chance of r^k (Facco et al. 2017), where k is read off a sample.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..columns.block import stretches
from .keys import coarse, plane

#: share of the values that may differ, and pairs that chance may bring in all
FEW, PAIRS = 0.02, 0.01
#: images that tell how far apart images are, and their sides where they are larger than that
REFERENCES, SIDE = 1000, 32
#: contrast below which an image is blank, as a share of the usual one, and distance up to which images look alike
FAINT, FAR = 0.1, 0.35
Array = np.ndarray[Any, Any]


def differing(first: Array, second: Array) -> Array:
    """How many values of each pair of rows differ, to three digits; -1 where they are too many."""
    one, other = coarse(first).reshape(len(first), -1), coarse(second).reshape(len(second), -1)
    changed = (one != other).sum(1)
    out: Array = np.where(changed <= max(1, int(FEW * one.shape[1])), changed, -1)
    return out


def certainly(changed: Array, values: int, bits: Array, needed: float) -> Array:
    """Whether what is left equal in rows of so many bits holds more than chance needs.

    Which values differ may be chosen, which takes log2(values) bits for each.
    """
    out: Array = bits * (1 - changed / max(values, 1)) - changed * np.log2(max(values, 2)) > needed
    return out


class Looks:
    """How far apart the images of a data set are, whatever their brightness and contrast."""

    def __init__(self, images: Array, rows: int) -> None:
        plain = np.concatenate([small(plane(images[few])) for few in stretches(images)] or [small(plane(images))])
        contrast = plain.std(1)
        self.least = FAINT * float(np.median(contrast)) if len(plain) else 0.0
        self.known = _standard(plain[contrast > self.least])
        self.rows = max(rows, 2)
        self.dimension = self._dimension()

    def chance(self, first: Array, second: Array) -> Array:
        """Pairs as near as each of these that chance brings among all rows; infinite for blank and unlike images."""
        out = np.full(len(first), np.inf)
        one, other = small(plane(first)), small(plane(second))
        faint = np.minimum(one.std(1), other.std(1)) <= self.least
        one, other = _standard(one), _standard(other)
        between = np.sqrt(np.square(one - other).sum(1))
        near = np.flatnonzero(~faint & (between <= FAR))
        if self.dimension <= 0 or not len(near):
            return out
        third = np.minimum(self._nearest(one[near]), self._nearest(other[near]))
        third = third * (len(self.known) / self.rows) ** (1 / self.dimension)
        ratio = np.minimum(between[near] / np.maximum(third, 1e-12), 1.0)
        out[near] = self.rows * ratio**self.dimension
        return out

    def _nearest(self, images: Array) -> Array:
        """Distance to the nearest of the known images that is not (nearly) this one itself.

        The nearest may be the image or its copy, which tells nothing: the second of the two nearest counts, the third
        where both stand among the known ones.
        """
        distances = np.sqrt(np.maximum(2 - 2 * images @ self.known.T, 0))
        place = min(2, distances.shape[1] - 1)
        nearest: Array = np.partition(distances, place, axis=1)[:, place]
        return nearest

    def _dimension(self) -> float:
        """Of the ratio of the third to the second distance, which falls below r with a chance of r^-2k."""
        if len(self.known) < 20:
            return 0.0
        distances = np.sqrt(np.maximum(2 - 2 * self.known @ self.known.T, 0))
        np.fill_diagonal(distances, np.inf)
        second, third = np.partition(distances, (1, 2), axis=1)[:, 1:3].T  # the first may be a copy
        apart = second > 1e-3
        if apart.sum() < 20:
            return 0.0
        ratio = float(np.median(third[apart] / second[apart]))
        return float(np.log(2) / (2 * np.log(ratio))) if ratio > 1 else 0.0


def small(images: Array) -> Array:
    """(N, values) of (N, H, W), by means over blocks where they are large."""
    tall, wide = (max(1, size // SIDE) for size in images.shape[1:])
    height, width = images.shape[1] // tall * tall, images.shape[2] // wide * wide
    plain = np.nan_to_num(images[:, :height, :width].astype(np.float32))
    blocks = plain.reshape(len(plain), height // tall, tall, width // wide, wide).mean((2, 4))
    out: Array = blocks.reshape(len(plain), -1)
    return out


def _standard(images: Array) -> Array:
    plain = images - images.mean(1, keepdims=True)
    out: Array = plain / np.maximum(np.sqrt(np.square(plain).sum(1, keepdims=True)), 1e-12)
    return out
