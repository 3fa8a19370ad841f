"""Whether pixel values lie on the circle of bytes with the cut at another place than between 255 and 0.

Neighbouring pixels are mostly alike, so that the short way between them on the circle of bytes crosses few values. No
such way crosses the two ends of the scale in a picture, and each place within it is crossed often. Where bytes have
wrapped round, 10 - 20 being 246, the ends are crossed as often as any place, and the cut that nothing crosses lies
elsewhere. Scans in black and white cross the ends and hardly anything else; noise crosses every place alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..columns.block import Values
from ..columns.kinds import COLOURS
from .pixels import grid

#: images, and values of them, that are looked at
IMAGES, VALUES = 200, 4_000_000
#: longest way between neighbours that counts: from an edge nothing is learned
SHORT = 64
#: values away from both ends
MIDDLE = 32, 224
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Wrapping:
    """How often the short ways between neighbours cross the places of the circle, as shares of all pairs."""

    #: the place between 255 and 0, the place that is crossed least, and the one that a quarter are crossed more than
    ends: float
    least: float
    usual: float
    #: different values, and share of them all that lie in the middle, away from both ends
    values: int
    middle: float
    #: the value before the place that is crossed least
    cut: int
    #: pairs that cross the ends, and share of images with more of them than their least place
    pairs: int
    share: float
    images: int
    #: places among the images with the most crossings
    worst: tuple[int, ...]


def wrapping(values: Values) -> tuple[Wrapping, ...]:
    """The crossings of each channel of a column of images; none where the values are not those of bytes."""
    most = max(1, VALUES // max(int(np.size(values[0])), 1))
    places = np.unique(np.linspace(0, len(values) - 1, min(IMAGES, most, len(values))).astype(np.int64))
    some = [_channels_first(np.asarray(values[i])) for i in places]
    images = _bytes(some)
    if images is None:
        return ()
    channels = min(len(image) for image in images)
    return tuple(_of_channel([image[c] for image in images], places) for c in range(channels))


def _of_channel(images: list[Array], places: Array) -> Wrapping:
    crossed = np.stack([crossings(image) for image in images])
    pairs = sum(max(image.size * 2 - sum(image.shape), 1) for image in images)
    total = crossed.sum(0)
    cut = int(total.argmin())
    counts = np.sum([np.bincount(image.ravel(), minlength=256)[:256] for image in images], axis=0)
    have = crossed[:, 255] > crossed[:, cut]
    order = np.argsort(-crossed[:, 255], kind="stable")[:8]
    return Wrapping(
        ends=float(total[255] / pairs),
        least=float(total[cut] / pairs),
        usual=float(np.quantile(total, 0.75) / pairs),
        values=int(np.count_nonzero(counts)),
        middle=float(counts[MIDDLE[0] : MIDDLE[1]].sum() / counts.sum()),
        cut=cut,
        pairs=int(total[255]),
        share=float(have.mean()),
        images=len(images),
        worst=tuple(int(places[i]) for i in order if crossed[i, 255]),
    )


def crossings(image: Array) -> Array:
    """How many short ways between neighbours in (H, W) bytes cross the place after each of 0 to 255, (256,)."""
    edges = np.zeros(513, np.int64)
    for one, other in ((image[:, :-1], image[:, 1:]), (image[:-1], image[1:])):
        way = (other - one + 128) % 256 - 128
        near = np.abs(way) <= SHORT
        start, way = np.where(way >= 0, one, other)[near], np.abs(way)[near]
        edges += np.bincount(start, minlength=513) - np.bincount(start + way, minlength=513)
    passed = np.cumsum(edges)
    out: Array = passed[:256] + passed[256:512]
    return out


def _bytes(images: list[Array]) -> list[Array] | None:
    """The images as whole numbers of 0 to 255; None where they are none."""
    if all(image.dtype == np.uint8 for image in images):
        return [image.astype(np.int64) for image in images]
    pool = np.concatenate([image.ravel()[:: max(1, image.size // 4096)].astype(np.float64) for image in images])
    seen = grid(pool)
    if seen is None or round((seen.high - seen.low) / seen.step) < 240:
        return None
    whole = [np.rint((image.astype(np.float64) - seen.low) / seen.step) for image in images]
    return [np.clip(image, 0, 255).astype(np.int64) for image in whole]


def _channels_first(image: Array) -> Array:
    """(C, H, W); a row that is an image laid flat becomes a square."""
    if image.ndim == 1:
        side = round(len(image) ** 0.5)
        return image.reshape(1, side, side) if side * side == len(image) else image.reshape(1, 1, -1)
    if image.ndim == 2:
        return image[None]
    return np.moveaxis(image, 2, 0) if image.shape[2] in COLOURS and image.shape[0] not in COLOURS else image
