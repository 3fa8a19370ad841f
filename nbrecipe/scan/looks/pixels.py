"""The grid that pixel values lie on: images of 8 bits keep it under any scaling, and it tells which that was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..columns.block import Values
from ..columns.kinds import COLOURS

#: images that are looked at, and values of a channel
IMAGES, VALUES = 200, 1 << 18
#: levels that a grid has: fewer tell no step, more are no 8 bits
FEWEST, MOST = 8, 256
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Grid:
    """Equally spaced values, from the lowest to the highest."""

    step: float
    low: float
    high: float


@dataclass(frozen=True)
class Pixels:
    """The pixels of one column of images."""

    #: the grid of each channel; None where its values lie on none
    grids: tuple[Grid | None, ...]
    #: 1 %, 50 % and 99 % of the images' standard deviations, and of their means
    contrast: tuple[float, float, float]
    brightness: tuple[float, float, float]
    #: share of images with a negative value
    negative: float
    images: int


def pixels(values: Values) -> Pixels:
    """What the pixel values of some images, evenly over all of them, show."""
    places = np.unique(np.linspace(0, len(values) - 1, min(IMAGES, len(values))).astype(np.int64))
    some = [np.asarray(values[i]) for i in places]
    channels = [_thinned([_channel(image, c) for image in some]) for c in range(_channels(some[0]))]
    mean, spread, least = np.array([_level(image) for image in some]).T  # one by one: large ones take much as doubles
    return Pixels(
        grids=tuple(grid(channel) for channel in channels),
        contrast=_three(spread),
        brightness=_three(mean),
        negative=float(np.mean(least < 0)),
        images=len(some),
    )


def _level(image: Array) -> tuple[float, float, float]:
    """Mean, standard deviation and the least value, 0 at most."""
    plain = np.asarray(image, dtype=np.float64)
    return float(plain.mean()), float(plain.std()), float(plain.min(initial=0))


def _thinned(channels: list[Array]) -> Array:
    """Values of all of them end to end, evenly over each, so many as a grid is told by."""
    step = max(1, sum(channel.size for channel in channels) // VALUES)
    return np.concatenate([channel.ravel()[::step].astype(np.float64) for channel in channels])


def grid(values: Array) -> Grid | None:
    """The grid that these values lie on; None where they lie on none of at most 256 steps."""
    step = max(1, len(values) // VALUES)
    levels = np.unique(values[::step])
    levels = levels[np.isfinite(levels)]
    if not FEWEST <= len(levels) <= 4 * MOST:
        return None
    width = float(levels[-1] - levels[0])
    levels = levels[np.concatenate([[True], np.diff(levels) > 1e-5 * width])]  # rounding of float32
    if not FEWEST <= len(levels) <= MOST:
        return None
    count = width / float(np.diff(levels).min())
    places = np.rint((levels - levels[0]) / width * round(count))
    off = np.abs((levels - levels[0]) / width * round(count) - places)
    if round(count) >= MOST or float(off.max()) > 0.02:
        return None
    return Grid(width / round(count), float(levels[0]), float(levels[-1]))


def _channels(image: Array) -> int:
    if image.ndim != 3:
        return 1
    return int(image.shape[0] if _first(image) else image.shape[2])


def _channel(image: Array, c: int) -> Array:
    if image.ndim != 3:
        return image
    size = image.shape[0] if _first(image) else image.shape[2]
    return image[min(c, size - 1)] if _first(image) else image[..., min(c, size - 1)]


def _first(image: Array) -> bool:
    return image.shape[0] in COLOURS and image.shape[2] not in COLOURS


def _three(values: Array) -> tuple[float, float, float]:
    low, middle, high = np.quantile(values, (0.01, 0.5, 0.99))
    return float(low), float(middle), float(high)
