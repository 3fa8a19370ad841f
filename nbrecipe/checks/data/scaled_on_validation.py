"""Numbers that scale the inputs were measured on the training rows alone.

A scaler that was fitted on training and validation together has seen what it is to be judged on; one fitted on each
gives them two units. Standardised columns show it: their mean over both splits is 0 to the last digit, which that of
training rows alone would miss by its sampling error. Data that came standardised look the same, so it is a hint, and a
fault only where a cell of the notebook scales. Ranges of exactly 0 to 1 over both are read alike.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import torch

from ... import toys
from ...bench import Bench, Cell
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped
from ...scan import held
from ...scan.columns.kinds import Kind
from ...scan.reading import Scan

check = Check(__name__, tip="sources of noise", cost="scan")

#: rows of either split, and columns, below which chance may do it
ROWS, COLUMNS = 20, 2
#: how near to 0 and 1 a mean and a deviation have to be: float32 rounds so where the raw mean is 1000 deviations
NEAR = 1e-4
#: rate at which means that are near 0 by sampling error alone are taken for exact
ERROR = 1e-6
#: ends of the range that lie in validation alone, from which on they are no accident
ENDS = 3
#: code that fits a scaler
SCALES = (
    r"StandardScaler|MinMaxScaler|fit_transform|zscore|preprocessing\.(min_?max_)?scale\(|"
    r"-\s*[\w.]+\.(mean|min|amin)\("
)
FIX = "Fit the scaler on the training rows, and apply it to both splits."
Array = np.ndarray[Any, Any]


@check.run
def run(bench: Bench) -> Finding:
    scans = held.both_scans(bench)
    train, val = (_columns(scan) for scan in scans)
    if train.shape != val.shape or not all(scan.whole for scan in scans):
        return skipped("needs two splits of the same columns of numbers, read whole")
    usable = (train[1] > 0) & (val[1] > 0)
    if usable.sum() < COLUMNS or min(scan.rows for scan in scans) < ROWS:
        return skipped(f"needs {COLUMNS} columns of numbers that vary, and {ROWS} rows in either split")
    train, val = train[:, usable], val[:, usable]
    both = _together(train, val)
    if _standard(train).all():
        if _standard(val).all():
            told = f"in each split alone, all **{usable.sum()}** columns have mean 0 and deviation 1"
            return _found(bench, told, "each split was scaled by numbers of its own")
        return ok(f"all **{usable.sum()}** columns were standardised by `{scans[0].name}` alone")
    if _standard(both).all() and _chance(train, val) < ERROR:
        largest = float(np.abs(train[0]).max())
        told = (
            f"over both splits together, all **{usable.sum()}** columns have mean 0 and deviation 1; over "
            f"`{scans[0].name}` alone the means are off by up to {number(largest, 2)}"
        )
        return _found(bench, told, "they were standardised by all rows, those of validation too")
    ends = _ends_in_validation(train, val)
    if ends >= ENDS:
        told = (
            f"over both splits together, all **{usable.sum()}** columns reach from 0 to 1, and **{ends}** of these "
            f"ends lie in `{scans[1].name}` alone"
        )
        return _found(bench, told, "they were scaled by the range of all rows, those of validation too")
    return ok(f"no scaling of **{usable.sum()}** columns shows the rows of both splits")


def _found(bench: Bench, told: str, why: str) -> Finding:
    for cell in bench.cells:
        if re.search(SCALES, cell.source):
            return bad(told, fix=FIX, why=f"{why}, and cell {cell.number} scales")
    return hint(told, fix=FIX, why=f"{why}; data that came so look the same")


def _columns(scan: Scan) -> Array:
    """Mean, deviation, lowest and highest value, and count of each column of numbers, (5, columns)."""
    rows = []
    for name, kind in scan.plan.inputs.items():
        spread = scan.part.spreads.get(name)
        if spread is not None and kind in (Kind.TABLE, Kind.NUMBER):
            ends = spread.low.shape[1] > 0
            nothing = np.full(len(spread.names), np.nan)
            low, high = (spread.low[:, 0], spread.high[:, 0]) if ends else (nothing, nothing)
            rows.append(np.stack([spread.mean, spread.deviation, low, high, spread.count]))
    return np.concatenate(rows, axis=1) if rows else np.empty((5, 0))


def _together(one: Array, other: Array) -> Array:
    """Means and deviations over both, and how many rows."""
    n, m = one[4], other[4]
    mean = (n * one[0] + m * other[0]) / (n + m)
    square = (n * (one[1] ** 2 + one[0] ** 2) + m * (other[1] ** 2 + other[0] ** 2)) / (n + m) - mean**2
    return np.stack([mean, np.sqrt(np.maximum(square, 0)), one[2], one[3], n + m])


def _standard(columns: Array) -> Array:
    """Which columns have mean 0 and deviation 1, by n or by n - 1."""
    mean, deviation, _, _, count = columns
    by_less = deviation * np.sqrt(count / np.maximum(count - 1, 1))
    near: Array = (np.abs(mean) < NEAR) & ((np.abs(deviation - 1) < NEAR) | (np.abs(by_less - 1) < NEAR))
    return near


def _chance(train: Array, val: Array) -> float:
    """The rate at which a scaler fitted on training rows gives means over both that are as near 0."""
    n, m = train[4], val[4]
    error = np.sqrt(m / ((n + m) * n)) * val[1]
    return math.exp(float(np.log(np.minimum(1.0, 2 * NEAR / (error * math.sqrt(2 * math.pi)))).sum()))


def _ends_in_validation(train: Array, val: Array) -> int:
    """Ends of ranges of exactly 0 to 1 that validation rows alone reach; 0 where some column has another range."""
    low, high = np.minimum(train[2], val[2]), np.maximum(train[3], val[3])
    if not ((np.abs(low) < 1e-6) & (np.abs(high - 1) < 1e-6)).all():
        return 0
    return int((train[2] > 1e-6).sum() + (train[3] < 1 - 1e-6).sum())


def _scaled(by: slice, *, cells: tuple[Cell, ...] = (), own: bool = False) -> Bench:
    """Rows standardised by some of them, the first 200 for training."""
    x, y = toys.classify(rows=260).train_data.tensors
    x = x * torch.arange(1.0, 21.0) + 3
    scaled = (x - x[by].mean(0)) / x[by].std(0)
    train, val = scaled[:200], scaled[200:]
    if own:
        train, val = ((part - part.mean(0)) / part.std(0) for part in (train, val))
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(val, y[200:]), batch_size=64)
    return toys.bench(toys.mlp(), train, y[:200], torch.nn.CrossEntropyLoss(), val_loader=loader, cells=cells)


@check.breaks
def fitted_on_all_rows() -> Bench:
    """The notebook scales before it splits."""
    return _scaled(slice(None), cells=(Cell(2, "X = StandardScaler().fit_transform(X)"),))


@check.breaks
def came_standardised() -> Bench:
    """All rows were standardised together, and no cell shows by whom: a hint."""
    return _scaled(slice(None))


@check.breaks
def fitted_on_each() -> Bench:
    """Each split was standardised by itself: a hint."""
    return _scaled(slice(200), own=True)


@check.holds
def fitted_on_training_rows() -> Bench:
    """The numbers of the training rows scale both splits."""
    return _scaled(slice(200), cells=(Cell(2, "X_train = scaler.fit_transform(X_train)"),))


@check.holds
def not_scaled() -> Bench:
    """Rows as they were measured."""
    x, y = toys.regress(rows=300).train_data.tensors
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x[200:], y[200:]), batch_size=64)
    return toys.bench(toys.mlp((10, 8, 1)), x[:200] + 0.3, y[:200], torch.nn.MSELoss(), val_loader=loader)
