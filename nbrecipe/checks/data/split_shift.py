"""Validation inputs have the statistics of the training inputs.

A split that missed the normalisation, or has other units, asks the model about numbers that it never saw: training
looks well and the score is that of a guess. A fault is what nature does not do: nearly all features moved far and kept
their shape, or pixels on a grid of another step. Other hospitals, years and speakers shift some of them: a hint.
Splits that are alike are told apart once in a million.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, Seen, bad, hint, number, ok, skipped
from ...scan import held
from ...scan.columns.kinds import Kind
from ...scan.looks.pixels import Grid, Pixels, pixels
from ...scan.looks.shift import FEWEST, Feature, Shift, shift

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="sources of noise", cost="scan")

#: factor by which the range grew, and distance of the medians in the larger range, from which on a feature has moved
#: far: by a shift of 1.5 ranges of 90 % hardly a value is shared. A range that shrank is that of a part of the values,
#: unless it has become that of standardised ones: mean and deviation within these of 0 and 1
FACTOR, MOVED, STANDARD = 4.0, 1.5, (0.3, 1.6)
#: distance of the first and last training rows from which on the data drift by themselves, as series do
DRIFT = 0.5
#: the same where one split has round numbers and the other has none: nothing but a transform makes that difference
FACTOR_ROUND, MOVED_ROUND, MOST_ROUND = 2.0, 0.5, 0.75
#: share of the features that "nearly all" are, and how many there have to be
MOST, SEVERAL = 0.9, 3
#: distance of the distribution functions that is worth a look: half of it is a quarter of a standard deviation
APART = 0.3
#: factor between the contrasts of images which no light makes, and that between a file's values and normalised ones
UNITS, NORMALISED = 8.0, 2.5
#: relative differences of steps that rounding makes, and from which on the scale is another
SAME, OTHER = 1e-4, 0.05
FIX = "Give validation the very transform that training has, with the numbers that were measured on the training rows."


@check.run
def run(bench: Bench) -> Finding:
    seen = bench.once(shift)
    if min(seen.rows) < FEWEST:
        return skipped(f"needs {FEWEST} rows in either split, not {min(seen.rows)}")
    images = [_images(bench, name) for name, kind in _shared(bench, seen) if kind is Kind.IMAGE]
    found = [*(finding for finding in images if finding is not None), *_tables(bench, seen)]
    if found:
        return min(found, key=lambda finding: finding.verdict.value)  # bad before hint
    features = (*seen.features, *seen.axes)
    if not features:
        return skipped("no number of the inputs can be compared")
    furthest = max(features, key=lambda f: f.apart)
    return ok(
        f"training and validation agree in **{len(features)}** {'axis' if len(features) == 1 else 'axes'}; "
        f"`{furthest.name}` differs most: its distribution functions are {number(furthest.apart, 2)} apart",
        **_numbers([furthest], seen),
    )


def _shared(bench: Bench, seen: Shift) -> list[tuple[str, Kind]]:
    train, _ = held.both_scans(bench)
    return [(name, kind) for name, kind in train.plan.inputs.items() if name not in seen.unlike]


def _tables(bench: Bench, seen: Shift) -> list[Finding]:
    """What the features say: all of them together, then each."""
    names = [held.given_data(bench, split)[1] for split in ("train", "val")]
    spread = [f for f in seen.features if f.spread]
    far = [f for f in spread if f.differs and f.alike and _far(f)]
    rounded = [f for f in spread if f.differs and _rounded(f)]
    moved = [f for f in spread if f.differs and (f.moved > MOVED_ROUND or abs(_grown(f)) > math.log(FACTOR_ROUND))]
    drifting = sum(f.drift >= DRIFT for f in spread) > len(spread) / 2
    if len(spread) >= SEVERAL and len(far) >= MOST * len(spread) and not drifting:
        why = "each kept its shape: the same quantities in other units, as where one split was not normalised"
        return [_bad(names, far, spread, seen, why)]
    enough = len(spread) >= SEVERAL and len(rounded) >= MOST_ROUND * len(spread)
    if enough and len(moved) >= MOST_ROUND * len(spread):
        split = names[0] if rounded[0].places[0] is not None else names[1]
        why = f"`{split}` holds round numbers, as they were measured, and the other split numbers of many digits"
        return [_bad(names, moved, spread, seen, why)]
    shifted = [f for f in (*seen.features, *seen.axes) if f.differs and f.apart >= APART]
    if not shifted:
        return []
    furthest = sorted(shifted, key=lambda f: -f.apart)
    first = furthest[0]
    return [
        hint(
            f"**{len(shifted)}** of {len(seen.features) + len(seen.axes)} axes of the inputs differ between "
            f"`{names[0]}` and `{names[1]}`, most of all `{first.name}`: {_told(first.val)} in validation, "
            f"{_told(first.train)} in training",
            fix="See whether validation is meant to come from elsewhere; if not, split the rows at random.",
            why="another time or place makes such a difference, and so does a mistake",
            **_numbers(furthest, seen),
        )
    ]


def _bad(names: list[str], moved: list[Feature], of: list[Feature], seen: Shift, why: str) -> Finding:
    furthest = sorted(moved, key=lambda f: -abs(_grown(f)) - f.moved)
    first = furthest[0]
    return bad(
        f"**{len(moved)}** of {len(of)} features moved far between `{names[0]}` and `{names[1]}`: `{first.name}` has "
        f"mean {number(first.val[0])} and deviation {number(first.val[1])} in validation, {number(first.train[0])} and "
        f"{number(first.train[1])} in training",
        fix=FIX,
        why=why,
        **_numbers(furthest, seen),
    )


def _far(f: Feature) -> bool:
    shrunk = _grown(f) < -math.log(FACTOR) and abs(f.val[0]) < STANDARD[0] and 1 / STANDARD[1] < f.val[1] < STANDARD[1]
    return shrunk or _grown(f) > math.log(FACTOR) or f.moved > MOVED


def _grown(f: Feature) -> float:
    """Logarithm of the factor between the ranges."""
    return math.log(max(f.ratio, 1e-300))


def _rounded(f: Feature) -> bool:
    """Whether the values of one split alone are round."""
    return (f.places[0] is None) != (f.places[1] is None)


def _told(of: tuple[float, float]) -> str:
    return f"mean {number(of[0])}, deviation {number(of[1])}"


def _images(bench: Bench, name: str) -> Finding | None:
    """What the pixels say."""
    scans = held.both_scans(bench)
    train, val = (pixels(scan.part.sample.block().columns[name]) for scan in scans)
    if min(train.images, val.images) < FEWEST:
        return None
    told = (
        f"images of `{scans[1].name}` have mean {number(val.brightness[1])} and deviation {number(val.contrast[1])} "
        f"where those of `{scans[0].name}` have {number(train.brightness[1])} and {number(train.contrast[1])}"
    )
    measured: dict[str, Any] = {"contrast": [train.contrast[1], val.contrast[1]]}
    for one, other in zip(train.grids, val.grids, strict=False):
        other_step = _steps(one, other)
        if one is not None and other is not None and other_step:
            told += f"; their values come in steps of **{number(other.step, 3)}**, not of {number(one.step, 3)}"
            if other_step == "little":
                why = "each split was scaled by numbers of its own"
                return hint(told, fix=FIX, why=why, **measured)
            return bad(told, fix=FIX, why="both are images of 8 bits, scaled in two ways", **measured)
    if all(g is not None for g in (*train.grids, *val.grids)):
        return None
    factor = val.contrast[1] / max(train.contrast[1], 1e-12)
    factor = max(factor, 1 / max(factor, 1e-12))
    disjoint = train.contrast[2] < val.contrast[0] or val.contrast[2] < train.contrast[0]
    if disjoint and (factor >= UNITS or (factor >= NORMALISED and _one_normalised(train, val))):
        return bad(told, fix=FIX, why="no light makes such a difference", **measured)
    return None


def _steps(one: Grid | None, other: Grid | None) -> str:
    """How the steps of two grids differ: "", "little" or "much"; a coarser grid over the same range is none."""
    if one is None or other is None:
        return ""
    steps, ranges = other.step / one.step, (other.high - other.low) / (one.high - one.low)
    if abs(steps - 1) <= SAME:
        off = (other.low - one.low) / one.step
        return "much" if abs(off - round(off)) > OTHER and abs(off) < 1000 else ""
    if not 1 / 1.5 <= ranges / steps <= 1.5:
        return ""
    return "much" if abs(math.log(steps)) > OTHER else "little"


def _one_normalised(train: Pixels, val: Pixels) -> bool:
    """Whether one split has the values of a file, from 0 on in steps of 1 or 1/255, and the other goes below 0."""
    for plain, other in ((train, val), (val, train)):
        grids = [g for g in plain.grids if g is not None]
        whole = len(grids) == len(plain.grids) and all(
            any(math.isclose(g.step, s, rel_tol=1e-3) for s in (1.0, 1 / 255)) and g.low >= 0 for g in grids
        )
        if whole and other.negative >= MOST:
            return True
    return False


def _numbers(features: list[Feature], seen: Shift) -> dict[str, Any]:
    some = features[:8]
    return {
        "names": [f.name for f in some],
        "train": [list(f.train) for f in some],
        "val": [list(f.val) for f in some],
        "apart": [f.apart for f in some],
        "rows": list(seen.rows),
    }


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """The middle of each feature that differs most, and its deviation, in the training split's own units."""
    if "names" not in seen:
        ax.bar(["training", "validation"], seen["contrast"], color=["C0", "C1"])
        ax.set_ylabel("contrast")
        return
    for i, (train, val) in enumerate(zip(seen["train"], seen["val"], strict=True)):
        unit = train[1] or 1.0
        ax.errorbar([0], [i], xerr=[1], fmt="o", color="C0")
        ax.errorbar([(val[0] - train[0]) / unit], [i + 0.2], xerr=[val[1] / unit], fmt="s", color="C1")
    ax.set_yticks(range(len(seen["names"])), seen["names"])
    ax.set_xlabel("training standard deviations")


def _split(x: torch.Tensor, y: torch.Tensor, val: torch.Tensor, labels: torch.Tensor) -> Bench:
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(val, labels), batch_size=64)
    names = {"model": "net", "train_loader": "train_dl", "val_loader": "val_dl"}
    return toys.bench(toys.mlp((x[0].numel(), 8, 5)), x, y, torch.nn.CrossEntropyLoss(), val_loader=loader, names=names)


def _units(mean: torch.Tensor, std: torch.Tensor) -> Bench:
    x, y = toys.classify(rows=600).train_data.tensors
    return _split(x[:400], y[:400], x[400:] * std + mean, y[400:])


@check.breaks
def validation_in_raw_units() -> Bench:
    """Training rows are standardised, validation rows are as they were measured."""
    g = toys.seeded(3)
    return _units(torch.randn(20, generator=g) * 50, torch.rand(20, generator=g) * 90 + 10)


@check.breaks
def images_without_normalisation() -> Bench:
    """Training images are normalised, validation images are those of the file, from 0 to 1."""
    x, y = toys.images(rows=400).train_data.tensors
    raw = ((x - x.min()) / (x.max() - x.min()) * 255).round() / 255
    return _split((raw[:256] - 0.5) / 0.2, y[:256], raw[256:], y[256:])


@check.holds
def one_transform() -> Bench:
    """Both splits by the numbers of training."""
    return _units(torch.zeros(20), torch.ones(20))


@check.holds
def one_class_more_often() -> Bench:
    """Validation has other shares of the classes, and the same rows within each."""
    x, y = toys.classify(rows=3000, classes=2).train_data.tensors
    rare = (torch.arange(3000) % 8 == 0) | (y == 0)
    return _split(x[:2000], y[:2000], x[2000:][rare[2000:]], y[2000:][rare[2000:]])


@check.holds
def another_hospital() -> Bench:
    """Every feature is shifted a little and two are shifted much: a hint."""
    shift = torch.full((20,), 0.2)
    shift[:2] = 2.0
    return _units(shift, torch.ones(20))
