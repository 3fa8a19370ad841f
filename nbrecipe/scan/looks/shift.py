"""How far two splits lie apart, feature by feature: by sampling error, in effect, and whether one is a rescaled other.

Where both splits hold classes, the training rows are weighted so that the classes are as frequent as in validation: a
split with more of one class is no shift of the inputs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...bench import Bench
from .. import held
from ..columns.axes import axes_of
from ..columns.block import Block
from ..columns.kinds import Kind
from ..counts.labels import as_classes
from ..counts.sample import taken
from ..reading import Scan
from ..sources.datasets import Batched

#: rows of a split and features that are compared, and rows below which nothing is told
ROWS, FEATURES, FEWEST = 5000, 256, 20
#: rate at which splits that are alike are told apart, over all features
ERROR = 1e-6
#: rate at which a feature's shape is said to differ though it does not
SHAPE = 1e-3
#: decimal places that a measurement in its own units may have, distinct values that it needs, and how large it may be
PLACES, DISTINCT, LARGE = 6, 10, 250_000
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Feature:
    """One axis of the inputs in both splits."""

    name: str
    #: exact mean and standard deviation
    train: tuple[float, float]
    val: tuple[float, float]
    #: largest distance of the two distribution functions, and the one that chance exceeds with `ERROR`
    apart: float
    critical: float
    #: range of the middle 90 % in validation over that in training; 1 where a split has none
    ratio: float
    #: distance of the medians in the larger of these ranges
    moved: float
    #: whether each has a range at all
    spread: bool
    #: whether the distributions agree once each is measured by its own median and range
    alike: bool
    #: distance of the distribution functions of the first and the last quarter of the training rows, in their order
    drift: float
    #: decimal places of the values, where all have few
    places: tuple[int | None, int | None]

    @property
    def differs(self) -> bool:
        """Beyond sampling error."""
        return self.apart > self.critical


@dataclass(frozen=True)
class Shift:
    """The features of the tables, then the axes of everything else."""

    features: tuple[Feature, ...]
    axes: tuple[Feature, ...]
    rows: tuple[int, int]
    #: columns that the two splits do not share, or hold in another way
    unlike: tuple[str, ...]


def shift(bench: Bench) -> Shift:
    """Both splits of a bench, compared. Raises Missing where one is missing."""
    train, val = held.both_scans(bench)
    blocks = [_part_of(scan.part.sample.block()) for scan in (train, val)]
    chosen, weight = _matched(train, val, *blocks)
    shared = [name for name, kind in train.plan.inputs.items() if val.plan.inputs.get(name) is kind]
    unlike = sorted({*train.plan.inputs, *val.plan.inputs} - set(shared))
    tables, axes = [], []
    for name in shared:
        kind = train.plan.kinds[name]
        if kind is Kind.TOKENS and any(isinstance(scan.source, Batched) for scan in (train, val)):
            continue  # batches pad to their own longest row, and their sizes may differ
        found = _features(name, kind, (train, val), blocks, chosen, weight)
        if found is None:
            unlike.append(name)
        elif kind in (Kind.TABLE, Kind.NUMBER):
            tables += found
        else:
            axes += found
    return Shift(tuple(tables), tuple(axes), (train.rows, val.rows), tuple(unlike))


def _part_of(block: Block) -> Block:
    """Some rows of a sample, evenly over all of it."""
    if len(block) <= ROWS:
        return block
    order = np.linspace(0, len(block) - 1, ROWS).astype(np.int64)
    return taken(block, order)


def _matched(train: Scan, val: Scan, own: Block, other: Block) -> tuple[Array, float]:
    """Training rows drawn so that the classes are as frequent as in validation, and how many rows they are worth."""
    plain = np.arange(len(own)), float(len(own))
    label = train.plan.label
    kinds = {scan.plan.kinds.get(label or "") for scan in (train, val)}
    if label is None or kinds != {Kind.CLASS} or val.plan.label != label:
        return plain
    classes = [np.array([str(c) for c in as_classes(block.columns[label])]) for block in (own, other)]
    names, counts = np.unique(classes[1], return_counts=True)
    wanted = dict(zip(names.tolist(), (counts / len(other)).tolist(), strict=True))
    names, counts = np.unique(classes[0], return_counts=True)
    have = dict(zip(names.tolist(), (counts / len(own)).tolist(), strict=True))
    weights = np.array([wanted.get(c, 0.0) / have[c] for c in classes[0].tolist()])
    worth = weights.sum() ** 2 / max(float((weights**2).sum()), 1e-12)
    if worth < FEWEST:
        return plain
    points = (np.arange(len(own)) + 0.5) / len(own) * weights.sum()
    return np.minimum(np.searchsorted(np.cumsum(weights), points), len(own) - 1), worth


def _features(
    name: str, kind: Kind, scans: tuple[Scan, Scan], blocks: list[Block], chosen: Array, worth: float
) -> list[Feature] | None:
    """The axes of one column; None where the splits have different ones."""
    (names, own), (others, table) = (axes_of(name, kind, block.columns[name]) for block in blocks)
    spreads = [scan.part.spreads.get(name) for scan in scans]
    if names != others or any(s is None or s.names != names for s in spreads):
        return None
    if not names:
        return []
    keep: list[int] = np.unique(np.linspace(0, len(names) - 1, min(FEATURES, len(names))).astype(np.int64)).tolist()
    found = []
    for k in keep:
        exact = [(float(s.mean[k]), float(s.deviation[k])) for s in spreads if s is not None]
        x, y = (np.asarray(values, dtype=np.float64) for values in (own[:, k], table[:, k]))
        picked = x[chosen]
        picked, x, y = (values[np.isfinite(values)] for values in (picked, x, y))
        if min(len(picked), len(y)) >= FEWEST:
            found.append(_feature(names[k], exact, (x, picked, y), worth * len(picked) / len(own), len(keep)))
    return found


def _feature(name: str, exact: Any, values: tuple[Array, Array, Array], worth: float, axes: int) -> Feature:
    raw, x, y = values
    error = math.sqrt(1 / max(worth, 1.0) + 1 / len(y))
    (low, middle, high), (below, centre, above) = (np.quantile(v, (0.05, 0.5, 0.95)) for v in (x, y))
    ranges = float(high - low), float(above - below)
    spread = min(ranges) > 0
    own = [
        np.round((v - at) / max(wide, 1e-300), 4) for v, at, wide in ((x, middle, ranges[0]), (y, centre, ranges[1]))
    ]
    alike = spread and _distance(*own) <= _limit(SHAPE / axes) * error
    return Feature(
        name=name,
        train=exact[0],
        val=exact[1],
        apart=_distance(x, y),
        critical=_limit(ERROR / axes) * error,
        ratio=ranges[1] / ranges[0] if spread else 1.0,
        moved=abs(float(centre - middle)) / max(*ranges, 1e-300),
        spread=spread,
        alike=alike,
        drift=_distance(raw[: len(raw) // 4], raw[-(len(raw) // 4) :]),
        places=(places_of(raw), places_of(y)),
    )


def _limit(error: float) -> float:
    """The distance of two distribution functions, in standard errors, that chance exceeds so rarely (Smirnov 1939)."""
    return math.sqrt(-math.log(error / 2) / 2)


def _distance(x: Array, y: Array) -> float:
    """The largest distance of two empirical distribution functions (Kolmogorov and Smirnov)."""
    both = np.concatenate([x, y])
    at = [np.searchsorted(np.sort(v), both, side="right") / len(v) for v in (x, y)]
    return float(np.abs(at[0] - at[1]).max())


def places_of(values: Array) -> int | None:
    """The decimal places that all of many distinct values make do with, as float32 holds them; None for more."""
    some = np.unique(values[:1000])
    if len(some) < DISTINCT:
        return None
    for places in range(PLACES + 1):
        scaled = some * 10.0**places
        largest = float(np.abs(scaled).max())
        if largest > LARGE:
            return None
        if bool((np.abs(scaled - np.rint(scaled)) <= 2e-7 * np.abs(scaled) + 1e-9).all()):
            return places
    return None
