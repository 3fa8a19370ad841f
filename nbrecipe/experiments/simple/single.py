"""Which single column of the inputs tells the target, and how much all the others together do.

A column is exact where the target follows from it without error, row by row: one value for each class and none of
them twice; or, for a number, a straight line, its logarithm, root, square or exponential. Rounding to float32 leaves
1e-13 of the variance unexplained; no measurement is that good.

Noise does not hide a copy. Where the rows of each class lie together so closely that the gaps between classes are
`SHARP` times as wide as what any class spans, the values within a class would be one in a converter of 13 bits; if the
standard deviation within classes were as much as a thousandth of a gap, 50 rows would keep so close once in 10^60. A
column that rises with a number is found by ranks: noise of a share s of the range swaps about n^2 s of the pairs of n
rows. What rises without a swap may still be what the number was made from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...batches import BadInput
from ...libraries import library
from ...scan.columns.block import Values
from ...scan.columns.kinds import Kind
from ...scan.counts.labels import as_classes
from ...scan.reading import Scan
from .features import as_number, standardised
from .linear import folds, indicators, out_of_fold
from .rows import labelled, some

Array = np.ndarray[Any, Any]
#: columns that are looked at; share of the variance that rounding may leave; levels into which a column is cut
COLUMNS, ROUNDING, LEVELS = 4096, 1e-9, 32
#: columns that are judged one by one
SINGLE = 256
#: the most columns that are judged together, and whose ranks are looked at
OTHERS = 1024
#: times that the gaps between classes are as wide as what any class spans, where a column is the class and noise
SHARP = 1e4


@dataclass(frozen=True)
class Single:
    """What one column tells, beside what the others do."""

    #: names of the columns that tell the target without error; empty where none does
    exact: tuple[str, ...]
    #: how: "equal", "a straight line", "its logarithm", "one value for each class", "one column for each class"
    how: str
    #: the best single column, and the share that it leaves unexplained: errors, or variance
    best: str
    left: float
    #: what the best of the columns leaves that are neither exact nor the best
    next: float
    #: the same for all columns that are not exact, and for a guess that knows none of them
    others: float
    guess: float
    columns: int
    rows: int
    classes: int
    #: whether what the best column leaves is of the variance of the ranks
    ranked: bool = False

    @property
    def margin(self) -> float:
        """What a share out of fold may be off by chance, three standard errors."""
        return float(3 * np.sqrt(max(self.guess * (1 - self.guess), 0.01) / self.rows)) if self.classes else 0.0


def single(scan: Scan) -> Single:
    """Look at the sample of a scan. Raises BadInput where no input has columns, or the label is no class or number."""
    block, labels, names_of_classes = labelled(some(scan), scan.plan)
    table, names = _columns({name: block.columns[name] for name in scan.plan.inputs}, scan.plan.inputs)
    if not table.shape[1]:
        raise BadInput("no column holds numbers that can be told apart")
    classes = len(names_of_classes)
    exact, how = _of_classes(table, labels, classes) if classes else _of_numbers(table, labels)
    told = _alone(table, labels, classes)
    ranked = np.ones(0) if classes else _unranked(table, labels)
    ranks = len(ranked) and ranked.min() < told.min()
    best = int(np.argmin(ranked if ranks else told))
    others = np.setdiff1d(np.arange(table.shape[1]), exact if len(exact) else [best])
    guess = 1 - np.bincount(labels).max() / len(labels) if classes else 1.0
    return Single(
        tuple(names[i] for i in exact), how, names[best], float((ranked if ranks else told)[best]),
        float(told[others].min(initial=guess)),
        _together(table[:, others[:OTHERS]], labels, classes) if len(others) else float(guess), float(guess),
        table.shape[1], len(labels), classes, bool(ranks),
    )  # fmt: skip


def _columns(inputs: dict[str, Values], kinds: Any) -> tuple[Array, list[str]]:
    """(rows, columns) as float64, and what each is called."""
    parts, names = [], []
    for name, values in inputs.items():
        if isinstance(values, list):
            part = _codes(values, kinds[name])
        elif values.dtype.kind in "biuf" and values.size:
            part = values.reshape(len(values), -1)
        else:
            continue
        if part is None or part.shape[1] > COLUMNS:
            continue
        parts.append(part.astype(np.float64))
        names += [name] if part.shape[1] == 1 else [f"{name}[{_place(values, i)}]" for i in range(part.shape[1])]
    if not parts:
        raise BadInput("the inputs have no columns of their own: nothing to look at one by one")
    return np.concatenate(parts, axis=1), names


def _codes(values: list[Any], kind: Kind) -> Array | None:
    """Words of a few kinds by a number for each; None for texts."""
    if kind is Kind.NUMBER:
        return standardised(np.array([as_number(v) for v in values])[:, None])
    if not all(isinstance(value, (str, int, type(None))) for value in values):
        return None
    told = as_classes(values)
    seen = {value: code for code, value in enumerate(dict.fromkeys(told))}
    return np.array([seen[value] for value in told])[:, None] if len(seen) <= 1000 else None


def _place(values: Values, flat: int) -> str:
    shape = np.shape(values)[1:]
    return ", ".join(str(int(i)) for i in np.unravel_index(flat, shape)) if len(shape) > 1 else str(flat)


def _of_classes(table: Array, labels: Array, classes: int) -> tuple[Array, str]:
    """Columns with one value for each class; else one column that marks it for each class, where all are marked."""
    low, high = _ends(table, labels, classes)
    constant = np.flatnonzero((low == high).all(0))
    one_each = [i for i in constant if len(np.unique(low[:, i])) == classes]
    if one_each:
        return np.array(one_each), "one value for each class"
    sharp = np.flatnonzero(_gaps(low, high) > SHARP * (high - low).max(0))
    if len(sharp):
        return sharp, "one value for each class, and noise"
    marks: dict[int, int] = {}
    for i in constant:
        values, counts = np.unique(low[:, i], return_counts=True)
        if len(values) == 2 and 1 in counts:
            marks.setdefault(int(np.flatnonzero(low[:, i] == values[int(counts.argmin())])[0]), int(i))
    if classes > 2 and len(marks) == classes:
        return np.array(sorted(marks.values())), "one column for each class"
    return np.empty(0, np.int64), ""


def _ends(table: Array, labels: Array, classes: int) -> tuple[Array, Array]:
    """(classes, columns) least and greatest value of each class."""
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], np.arange(classes))
    low, high = (f.reduceat(table[order], starts, axis=0) for f in (np.minimum, np.maximum))
    return low, high


def _gaps(low: Array, high: Array) -> Array:
    """(columns,) the narrowest gap between what two classes span; less than zero where two of them overlap."""
    order = np.argsort(low, axis=0)
    low, high = (np.take_along_axis(ends, order, 0) for ends in (low, high))
    with np.errstate(invalid="ignore"):
        gaps = (low[1:] - high[:-1]).min(0, initial=np.inf)
    return np.where(np.isfinite(gaps), gaps, -1.0)


def _of_numbers(table: Array, target: Array) -> tuple[Array, str]:
    """Columns of which the target is a straight line, or a plain function."""
    equal = np.flatnonzero((table == target[:, None]).all(0))
    if len(equal):
        return equal, "equal"
    for how, form in _FORMS.items():
        with np.errstate(all="ignore"):
            found = np.flatnonzero(_unexplained(table, form(target)) < ROUNDING)
        if len(found):
            return found, how
    return np.empty(0, np.int64), ""


_FORMS: dict[str, Callable[[Array], Array]] = {
    "a straight line": lambda y: y,
    "its logarithm": np.log,
    "its logarithm after adding 1": np.log1p,
    "its exponential": np.exp,
    "its root": np.sqrt,
    "its square": np.square,
    "its reciprocal": lambda y: 1 / y,
}


def _unexplained(table: Array, target: Array) -> Array:
    """1 - r^2 of each column with the target; 1 where one of them does not vary or is not finite."""
    if not np.isfinite(target).all() or len(np.unique(target)) < 10:
        return np.ones(table.shape[1])
    x, y = table - table.mean(0), target - target.mean()
    power, there = (x * x).sum(0), (y * y).sum()
    slope = (x * y[:, None]).sum(0) / np.where(power > 0, power, 1)
    left = np.square(y[:, None] - slope * x).sum(0) / (there if there > 0 else 1)
    return np.where((power > 0) & np.isfinite(left), left, 1.0)


def _alone(table: Array, labels: Array, classes: int) -> Array:
    """(columns,) errors of the second half, where each column is cut into levels on the first; or share of variance."""
    first = folds(len(labels), blocks=False, count=2) == 0
    told = np.ones(table.shape[1])
    if not classes:
        return _unexplained(np.nan_to_num(table), labels)
    for i in _promising(table, labels, classes):
        column = np.nan_to_num(table[:, i])
        values = np.unique(column[first])
        edges = values[1:] if len(values) <= LEVELS else _edges(column[first], labels[first], classes)
        level = np.searchsorted(edges, column, side="right")
        counts = np.zeros((len(edges) + 1, classes))
        np.add.at(counts, (level[first], labels[first]), 1)
        told[i] = (counts.argmax(1)[level[~first]] != labels[~first]).mean()
    return told


def _edges(column: Array, labels: Array, classes: int) -> Array:
    """Where a column is cut: evenly, or between the classes where these lie apart."""
    if len(np.unique(labels)) == classes:
        low, high = _ends(column[:, None], labels, classes)
        if _gaps(low, high)[0] > 0:
            order = np.argsort(low[:, 0])
            between: Array = (low[order[1:], 0] + high[order[:-1], 0]) / 2
            return between
    even: Array = np.unique(np.quantile(column, np.arange(1, LEVELS) / LEVELS))
    return even


def _unranked(table: Array, target: Array) -> Array:
    """1 - r^2 of the ranks of each column with those of the target; of the first columns where there are many."""
    ranked = library("scipy.stats", "scipy").rankdata
    return _unexplained(ranked(np.nan_to_num(table[:, :OTHERS]), axis=0), ranked(target))


def _promising(table: Array, labels: Array, classes: int) -> list[int]:
    """The columns whose means differ most between classes, beside their spread."""
    if table.shape[1] <= SINGLE:
        return list(range(table.shape[1]))
    known = standardised(np.nan_to_num(table) + 0.0)
    if known.shape[1] != table.shape[1]:
        known = np.nan_to_num((table - table.mean(0)) / np.maximum(table.std(0), 1e-12))
    marks = indicators(labels, classes)
    means = (marks.T @ known) / np.maximum(marks.sum(0), 1)[:, None]
    between = (np.square(means) * marks.sum(0)[:, None]).sum(0)
    return [int(i) for i in np.argsort(-between, kind="stable")[:SINGLE]]


def _together(table: Array, labels: Array, classes: int) -> float:
    """Errors, or share of variance, that a linear model of these columns leaves out of fold."""
    table = standardised(table)
    if not table.shape[1]:
        return float(1 - np.bincount(labels).max() / len(labels)) if classes else 1.0
    fold = folds(len(labels), blocks=False, labels=labels if classes else None)
    if classes:
        told = out_of_fold(table, indicators(labels, classes), fold)
        return float((told.argmax(1) != labels).mean())
    told = out_of_fold(table, labels[:, None].astype(np.float64), fold)[:, 0]
    return float(np.square(labels - told).mean() / max(labels.var(), 1e-300))
