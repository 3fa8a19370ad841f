"""How small images may become before a linear model loses accuracy, and whether it matters where something stands.

The linear model is a ridge regression on the pixels, averaged over squares, judged out of fold. Position is judged by
the same random filters twice: averaged over the whole image, as a net does that ends in global average pooling, and
averaged within each of 4 x 4 fields. Both have as many features.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ...batches import BadInput
from ...finding import number, percent
from ...scan.columns.block import stretches
from ...scan.columns.kinds import Kind, flat_side
from ...scan.counts.sample import places, taken
from ...scan.reading import Scan
from .linear import Array, folds, indicators, out_of_fold
from .pixels import channels_first
from .rows import prepared

#: rows, rows below which nothing is said, and pixels a side that are tried
MOST, FEW, SIDES = 1200, 300, (32, 16, 8, 4, 2, 1)
#: images that are filtered at once
AT_ONCE = 64
#: standard errors from which on accuracies differ: with ten comparisons one in forty pages errs
LOST = 3.0
#: features of either kind of filters, fields a side, pixels a side of a filter: a quarter of the image at most
FEATURES, FIELDS, FILTER = 128, 4, 5


@dataclass(frozen=True)
class Resolution:
    """Accuracy of a linear model by the pixels it is given."""

    rows: int
    #: (pixels a side, share of right answers), the largest first; 0 stands for the images' own size, above the largest
    sides: tuple[tuple[int, float], ...]
    #: the least side whose accuracy is that of the best, but for chance
    enough: int
    #: share of the most frequent class
    majority: float
    #: accuracy of filters averaged over the image, over fields of it, and the standard error of the difference
    pooled: float
    placed: float
    error: float

    def told(self) -> tuple[str, str]:
        """Both outcomes, each in a sentence."""
        largest, top = self.sides[0]
        at = dict(self.sides)
        noise = LOST * math.sqrt(self.majority * (1 - self.majority) / self.rows)
        less = [side for side, _ in self.sides if side < self.enough]
        first = (
            f"{self.enough} × {self.enough} pixels are enough: a linear model is right in "
            f"{percent(at[self.enough])} of {self.rows} rows then, in {percent(top)} at {largest} × {largest}"
            if self.enough < largest
            else f"a linear model is right in {percent(top)} of {self.rows} rows at {largest} × {largest} pixels"
        )
        first += f", and in {percent(at[less[0]])} at {less[0]} × {less[0]}" if less else ""
        gap = (self.placed - self.pooled) / max(self.error, 1e-9)
        second = "position matters" if gap > LOST else "position may be averaged out"
        first += f"; the most frequent class is {percent(self.majority)}"
        if max(at.values()) <= self.majority + noise:
            first = f"a linear model on pixels does no better than the most frequent class, {percent(self.majority)}"
            first += f" of {self.rows} rows"
        if max(self.pooled, self.placed) <= self.majority + noise:
            return first, ""
        return (
            first,
            f"{second}: a linear model on random filters is right in {percent(self.placed)} with what they find in "
            f"each part of the image, and in {percent(self.pooled)} with its average over the whole image "
            f"(± {number(self.error, 1)})",
        )


def resolution(scan: Scan) -> Resolution:
    """Try the images of a scan at several sizes. Raises BadInput where there are no images with classes, or too few."""
    images = [name for name, kind in scan.plan.inputs.items() if kind is Kind.IMAGE]
    if len(images) != 1 or scan.plan.label is None or scan.plan.kinds[scan.plan.label] is not Kind.CLASS:
        raise BadInput("this takes one image and one class for each row")
    block = scan.part.sample.block()
    if len(block) > MOST:
        block = taken(block, np.sort(np.argpartition(places(block.rows), MOST - 1)[:MOST]))
    rows = prepared(block, scan.plan, scan.rows)
    if len(rows) < FEW:
        raise BadInput(f"{len(rows)} rows are too few to tell accuracies apart; {FEW} are needed")
    kept = np.searchsorted(block.rows, rows.rows)
    pixels = grey_or_colour(block.columns[images[0]], kept)
    fold = folds(len(rows), blocks=False, labels=rows.labels)
    right = {side: _right(_at(pixels, side), rows.labels, fold) for side in SIDES if side <= min(pixels.shape[2:])}
    best = max(right, key=lambda side: float(right[side].mean()))
    enough = min(side for side in right if not _loses(right[best], right[side]))
    pooled, placed = (_right(_filtered(pixels, fields), rows.labels, fold) for fields in (1, FIELDS))
    return Resolution(
        rows=len(rows),
        sides=tuple((side, float(some.mean())) for side, some in right.items()),
        enough=enough,
        majority=float(np.bincount(rows.labels).max() / len(rows)),
        pooled=float(pooled.mean()),
        placed=float(placed.mean()),
        error=_error(placed, pooled),
    )


def grey_or_colour(values: Array | list[Array], kept: Array) -> Tensor:
    """(N, C, H, W) float32, at most 32 a side, each image of its own size brought to the same."""
    if isinstance(values, np.ndarray):
        side = flat_side(values[kept]) if values.ndim == 2 else 0
        images = values.reshape(len(values), side, side) if side else values
        few = stretches(values)
        return torch.cat([_shrunk(_clean(images[kept[part]])) for part in few if len(kept[part])])
    alike = [_shrunk(_clean(np.asarray(values[i])[None]), square=True) for i in kept]
    channels = min(image.shape[1] for image in alike)
    return torch.cat([image[:, :channels] for image in alike])


def _clean(images: Array) -> Tensor:
    """(N, C, H, W) without NaN, three colours at most."""
    return channels_first(images).nan_to_num()[:, :3]


def _shrunk(pixels: Tensor, *, square: bool = False) -> Tensor:
    high, wide = (SIDES[0] if square else min(SIDES[0], length) for length in pixels.shape[2:])
    return functional.adaptive_avg_pool2d(pixels, (high, wide))


def _at(pixels: Tensor, side: int) -> Array:
    """The pixels averaged over squares, so many a side, standardised together."""
    small = functional.adaptive_avg_pool2d(pixels, side).flatten(1)
    return _scaled(small)


def _filtered(pixels: Tensor, fields: int) -> Array:
    """What random filters give, rectified and averaged over so many fields a side."""
    count = FEATURES // fields**2
    size = max(2, min(FILTER, *(length // 4 for length in pixels.shape[2:])))
    random = torch.randn(count, pixels.shape[1], size, size, generator=torch.Generator().manual_seed(0))
    random -= random.mean((1, 2, 3), keepdim=True)
    parts = (functional.conv2d(part, random).relu() for part in torch.split(pixels - pixels.mean(), AT_ONCE))
    return _scaled(torch.cat([functional.adaptive_avg_pool2d(part, fields).flatten(1) for part in parts]))


def _scaled(table: Tensor) -> Array:
    scaled: Array = ((table - table.mean(0)) / table.std().clamp_min(1e-12)).numpy()
    return scaled


def _right(features: Array, labels: Array, fold: Array) -> Array:
    told = out_of_fold(features, indicators(labels, int(labels.max()) + 1), fold).argmax(1)
    right: Array = told == labels
    return right


def _error(first: Array, second: Array) -> float:
    """Standard error of the difference of two accuracies on the same rows."""
    gaps = first.astype(np.float64) - second
    return float(gaps.std() / math.sqrt(len(gaps)))


def _loses(best: Array, other: Array) -> bool:
    gap = float(best.mean() - other.mean())
    return gap > max(LOST * _error(best, other), 1e-12)
