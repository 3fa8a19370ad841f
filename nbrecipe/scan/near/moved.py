"""Whether two images are one picture that was moved by a pixel: equal on what they share, and its border moved along.

A thing that moves over a ground leaves the border where it is: images of it are examples of their own, as are glyphs
and other things that stand elsewhere. So the border of what both share has to hold more bits than chance has among all
rows. They are those that DEFLATE needs for what no neighbour foretells of it, with the borders of other images as a
dictionary: grounds of one colour, of stripes or of a gradient, and those that images have in common, take next to none.
Tiles are known by that they equal themselves at another place. And no third image may be nearly as near at any place,
as among images of few dimensions (Facco et al. 2017, Levina and Bickel 2004, as for series).
"""

from __future__ import annotations

import collections
import functools
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
import xxhash

from ..columns.block import Values
from ..columns.kinds import COLOURS
from ..counts.sample import drawn
from ..doubles.chance import needed
from .alike import PAIRS, differing

MOVED = "a shift of one pixel"
#: pixels that the second is moved by, down and across
STEPS = [(down, across) for down in (0, -1, 1) for across in (0, -1, 1) if down or across]
#: share of the values of one row that may differ where a pair is looked at closely, and of the side that is border
LIKELY, PART = 0.25, 1 / 8
#: pixels of a border at most
WIDE = 16
#: images whose borders are the dictionary, and bytes of it that DEFLATE can reach
KNOWN, REACH = 128, 1 << 15
#: how many times the bits that chance needs a border has to hold: DEFLATE takes more than there are; levels of a number
SURELY, LEVELS = 8, 256
#: pixels a side below which an image is too small to be told by its border, and to which it is made small
SMALLEST, SIDE = 8, 16
#: share of its values in which tiles equal themselves; neighbours that tell how many dimensions the images have; the
#: distance that rounding makes, and the one up to which a third image at any place is alike (photographs are 0.5 apart)
SELF, AROUND, LEAST, ALIKE = 0.8, 20, 1e-3, 0.4
#: images that are one picture, at most: windows that slide over a picture are many, each the next one moved
MOST = 3
Array = np.ndarray[Any, Any]
Step = tuple[int, int]


class Moves:
    """What the borders of the images of a data set are like."""

    def __init__(self, known: Values, rows: int) -> None:
        self.all, self.rows = known, max(rows, 2)

    @functools.cached_property
    def few(self) -> list[Array]:
        """Some of the images, upright."""
        few = [np.asarray(self.all[row]) for row in drawn(len(self.all), KNOWN).tolist()]
        plain = [upright(image[None])[0] for image in few if image.dtype.kind in "buif"]
        return [image for image in plain if min(image.shape[:2]) >= SMALLEST]

    @functools.cached_property
    def known(self) -> Array:
        """Their spectra."""
        return np.stack([_waves(image) for image in self.few])

    @functools.cached_property
    def borders(self) -> dict[int, bytes]:
        """What DEFLATE can reach of their borders."""
        made: dict[int, bytes] = {}
        for image in self.few:
            if sum(map(len, made.values())) < 2 * REACH:
                made[_key(image)] = self._border(image)
        return made

    @functools.cached_property
    def level(self) -> float:
        """What counts for one, of fractions."""
        spread = [float(np.ptp(image)) for image in self.few if image.dtype.kind == "f"]
        return max((one for one in spread if 0 < one < np.inf), default=LEVELS) / LEVELS

    def told(self, first: Sequence[Array], second: Sequence[Array]) -> Array:
        """Whether the second of each pair is the first, moved by a pixel."""
        out = np.zeros(len(first), bool)
        shapes = collections.defaultdict(list)
        for row, (one, other) in enumerate(zip(first, second, strict=True)):
            if one.shape == other.shape and one.dtype == other.dtype and one.dtype.kind in "buif":
                shapes[one.shape, one.dtype].append(row)
        equal: list[tuple[int, Array, Array, Step]] = []
        for rows in shapes.values():
            one, other = (upright(np.stack([side[row] for row in rows])) for side in (first, second))
            if min(one.shape[1:3]) >= SMALLEST:
                equal += [(rows[place], one[place], other[place], step) for place, step in _steps(one, other)]
        together = _together([(_key(one), _key(other)) for _, one, other, _ in equal])
        for row, one, other, step in equal:
            out[row] = together[_key(one)] <= MOST and self._telling(one, other, step)
        return out

    def _telling(self, one: Array, other: Array, step: Step) -> bool:
        """Whether the border of what both share is equal, and holds enough bits."""
        ours, theirs = (shared[0] for shared in _shared(one[None], other[None], step))
        changed = [np.concatenate([strip.reshape(-1) for strip in _strips(image)])[None] for image in (ours, theirs)]
        if differing(*changed)[0] < 0:
            return False
        but = _key(one), _key(other)
        known = b"".join(border for key, border in self.borders.items() if key not in but)[-REACH:]
        border = self._border(ours)
        held = _deflated(border, known) - _deflated(bytes(len(border)), known)
        if held <= SURELY * needed(len(STEPS) * self.rows) or _periodic(ours):
            return False
        return max(self._chance(one), self._chance(other)) < PAIRS

    def _chance(self, image: Array) -> float:
        """Pairs with images like this, equal but for rounding, that chance brings among all rows."""
        if not len(self.few):
            return np.inf
        like = np.fft.irfft2(self.known.conj() * _waves(image), (SIDE, SIDE)).max((1, 2))
        # the first two may be this image and its copy
        apart = np.sort(np.sqrt(np.maximum(2 - 2 * like, 0)))[2 : 3 + AROUND]
        if len(apart) < AROUND or apart[0] <= ALIKE:
            return np.inf
        dimension = (len(apart) - 2) / max(float(np.log(apart[-1] / apart[:-1]).sum()), 1e-9)
        third = apart[0] * min(1.0, len(self.known) / self.rows) ** (1 / dimension)
        return float(len(STEPS) * self.rows * min(1.0, LEAST / third) ** dimension)

    def _border(self, image: Array) -> bytes:
        """What no neighbour foretells of one colour along the border."""
        plane = _colour(image)
        if plane.dtype.kind == "f":
            plane = np.rint(np.clip(np.nan_to_num(plane) / self.level, -1e9, 1e9))
        return b"".join(_unforetold(strip.astype(np.int64)).tobytes() for strip in _strips(plane))


def _waves(image: Array) -> Array:
    """Of one colour, small and of one contrast, the spectrum."""
    plane = torch.from_numpy(np.nan_to_num(_colour(image).astype(np.float32)))[None]
    few = torch.nn.functional.adaptive_avg_pool2d(plane, SIDE).numpy()[0].astype(float)
    few -= few.mean()
    out: Array = np.fft.rfft2(few / max(float(np.sqrt(np.square(few).sum())), 1e-12))
    return out


def _colour(image: Array) -> Array:
    return image[..., 1 if image.shape[-1] >= 3 else 0]


def _periodic(image: Array) -> bool:
    """Whether it equals itself at another place, down or across."""
    plane = _colour(image)
    for side in (plane, plane.T):
        for step in range(1, len(side) // 2 + 1):
            if (side[step:] == side[:-step]).mean() >= SELF:
                return True
    return False


def _together(pairs: list[tuple[int, int]]) -> dict[int, int]:
    """Of each image how many are joined with it by pairs, itself among them."""
    group: dict[int, int] = {}

    def of(image: int) -> int:
        while group.setdefault(image, image) != image:
            group[image] = image = group[group[image]]
        return image

    for one, other in pairs:
        group[of(one)] = of(other)
    sizes = collections.Counter(of(image) for image in list(group))
    return {image: sizes[of(image)] for image in list(group)}


def _key(image: Array) -> int:
    return xxhash.xxh3_64_intdigest(image.tobytes())


def upright(images: Array) -> Array:
    """(N, H, W, colours) of images of one shape."""
    if images.ndim == 2:
        side = round(images.shape[1] ** 0.5)
        return images.reshape(-1, side, side, 1)
    if images.ndim == 3:
        return images[..., None]
    first = images.shape[1] in COLOURS and images.shape[3] not in COLOURS
    return np.moveaxis(images, 1, 3) if first else images


def _steps(one: Array, other: Array) -> Iterator[tuple[int, Step]]:
    """The pairs that are equal on what they share when the second is moved, and by how much."""
    left = np.arange(len(one))
    for step in STEPS:
        ours, theirs = _shared(one, other, step)
        row = ours.shape[1] // 2
        likely = left[(ours[left, row] != theirs[left, row]).mean((1, 2)) <= LIKELY]
        equal = likely[differing(ours[likely], theirs[likely]) >= 0] if len(likely) else likely
        yield from ((place, step) for place in equal.tolist())
        left = np.setdiff1d(left, equal)


def _shared(one: Array, other: Array, step: Step) -> tuple[Array, Array]:
    """What both have of (N, H, W, colours) where the second begins so many pixels down and across in the first."""
    for axis, by in zip((1, 2), step, strict=True):
        low, high = max(0, -by), one.shape[axis] - max(0, by)
        one, other = one.swapaxes(0, axis)[low + by : high + by], other.swapaxes(0, axis)[low:high]
        one, other = one.swapaxes(0, axis), other.swapaxes(0, axis)
    return one, other


def _strips(image: Array) -> list[Array]:
    """What lies along the border of (H, W) or (H, W, colours), left and right turned."""
    wide = int(np.clip(PART * min(image.shape[:2]), 1, WIDE))
    return [image[:wide], image[-wide:], image[:, :wide].swapaxes(0, 1), image[:, -wide:].swapaxes(0, 1)]


def _unforetold(plane: Array) -> Array:
    """Of (H, W) how far each value is from the best that those left and above would lead on to, but steps of one."""
    around = np.pad(plane, ((2, 0), (2, 0)), "edge")
    here, left, up = around[2:, 2:], around[2:, 1:-1], around[1:-1, 2:]
    led = left, up, left + up - around[1:-1, 1:-1], 2 * left - around[2:, :-2], 2 * up - around[:-2, 2:]
    apart = here - np.stack(led)
    least = np.take_along_axis(apart, np.abs(apart).argmin(0)[None], axis=0)[0]
    out: Array = np.where(np.abs(least) > 1, np.clip(least, -127, 127), 0).astype(np.int8)
    return out


def _deflated(values: bytes, known: bytes) -> int:
    """Bits that DEFLATE takes after what is known."""
    made = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, known)
    return 8 * len(made.compress(values) + made.flush())
