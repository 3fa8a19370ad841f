"""Probabilities of the classes that a person hands over: proved to be such, and set beside the labels of the data."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...batches import BadInput
from ...bench import Bench
from ...scan import held
from ...scan.columns.block import plain_value
from ...scan.columns.kinds import Kind
from ...scan.counts.copies import hashes
from ...scan.counts.labels import as_classes
from ...scan.reading import Scan
from .probabilities import OutOfFold
from .rows import Rows

Array = np.ndarray[Any, Any]
#: what a row of probabilities may lack to 1: those of half precision, or rounded to two digits, lack up to this
ROUNDED = 0.02
#: classes that are named
NAMED = 8


def given_rows(bench: Bench) -> tuple[Rows, OutOfFold]:
    """The labelled rows of the training data, all of them, and `pred_probs` of the bench for each.

    Raises BadInput, in one sentence, where the table is none of probabilities, or none of these rows and classes.
    """
    name, scan = bench.name("pred_probs"), bench.once(held.train_scan)
    table = _array(bench.get("pred_probs"), name)
    _refuse_rows(table, name, scan)
    classes = _classes(scan, table.shape[1], name)
    table = _probabilities(table, name)
    rows, labels = _labels(scan, classes)
    if not len(rows):
        raise BadInput(f"no row of `{scan.name}` has both an input and a label")
    nothing = np.empty((len(rows), 0), np.float32)
    known = Rows(rows, nothing, labels, classes, scan.plan.inputs, scan.rows)
    return known, OutOfFold(table[rows], f"`{name}`", {})


def _array(given: Any, name: str) -> Array:
    """(rows, classes) of float64."""
    try:
        table = np.asarray(plain_value(given.to_numpy() if hasattr(given, "to_numpy") else given), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BadInput(f"`{name}` is no table of numbers; what is taken is one row of probabilities for each "
                       "example, one column for each class") from error  # fmt: skip
    if table.ndim != 2 or table.shape[1] < 2:
        two = table.ndim in (1, 2) and len(table) and bool(((table >= 0) & (table <= 1)).all())
        told = f"; of two classes: `np.stack([1 - {name}, {name}], 1)`" if two and table.ndim == 1 else ""
        raise BadInput(f"`{name}` has the shape {table.shape}, where (rows, classes) is needed{told}")
    return table


def _probabilities(table: Array, name: str) -> Array:
    lost = np.flatnonzero(~np.isfinite(table).all(1))
    if len(lost):
        raise BadInput(f"`{name}` holds NaN or infinite values, first in row {lost[0]}")
    sums = table.sum(1)
    odd = np.flatnonzero((np.abs(sums - 1) > ROUNDED) | (table < -1e-6).any(1))
    if len(odd):
        logs = bool((table <= 0).all()) and bool((np.abs(np.exp(table).sum(1) - 1) <= ROUNDED).all())
        mend = f"take `np.exp({name})`, these are logarithms" if logs else "take the softmax of scores first"
        raise BadInput(f"the rows of `{name}` are no probabilities: row {odd[0]} sums to {sums[odd[0]]:.4g}; {mend}")
    table = np.clip(table, 0, None)
    return np.asarray(table / table.sum(1, keepdims=True))


def _refuse_rows(table: Array, name: str, scan: Scan) -> None:
    met, length = scan.rows + scan.part.unread, scan.source.length
    if len(table) == met or len(table) == length or (length is None and not scan.whole and len(table) > met):
        return
    raise BadInput(f"`{name}` has {len(table)} rows and `{scan.name}` has {met if length is None else length}: give "
                   "one row for each example, in the order of the data")  # fmt: skip


def _classes(scan: Scan, columns: int, name: str) -> tuple[Any, ...]:
    """The class of each column: numbers from 0 as they are, any other labels in their order."""
    counted = scan.part.labels
    if scan.plan.label is None or counted is None:
        raise BadInput("no column is known to be the label; name it: `--labels NAME`")
    if counted.kind is not Kind.CLASS or counted.many:
        raise BadInput(f"the label `{scan.plan.label}` is no class ({counted.kind}), so that no probability belongs "
                       "to it")  # fmt: skip
    met = sorted(counted.counts, key=lambda key: (str(type(key)), key))
    numbers = [key for key in met if isinstance(key, int)]
    if len(numbers) == len(met) and max(numbers, default=0) < columns and sum(key >= 0 for key in numbers) > 1:
        return tuple(range(columns))  # negative ones stand for what has no label
    if len(met) == columns:
        return tuple(met)
    told = ", ".join(map(str, met[:NAMED])) + (", …" if len(met) > NAMED else "")
    raise BadInput(f"`{name}` has {columns} columns and the labels of `{scan.name}` have {len(met)} classes ({told}): "
                   "give one column for each, in this order")  # fmt: skip


def _labels(scan: Scan, classes: tuple[Any, ...]) -> tuple[Array, Array]:
    """The rows that have one of these classes, rising, and the place of each row's class; by the hashes of labels."""
    _, rows, told = scan.part.copies.table()
    sample = scan.part.sample.block()
    place = {name: i for i, name in enumerate(classes)}
    code = {int(hashes(np.array([name]) if isinstance(name, (int, float)) else [name])[0]): i
            for name, i in place.items()}  # fmt: skip
    at = np.full(int(rows.max(initial=-1)) + 1, -1, np.int64)
    at[rows] = np.arange(len(rows))
    kept = as_classes(sample.columns[scan.plan.label or ""])
    for row, value in zip(sample.rows.tolist(), kept, strict=True):  # labels of more than one value, as one-hot ones
        if value in place and row < len(at) and at[row] >= 0:
            code[int(told[at[row]])] = place[value]
    values, which = np.unique(told, return_inverse=True)
    labels = np.array([code.get(int(value), -1) for value in values], np.int64)[which]
    chosen = np.flatnonzero(labels >= 0)
    chosen = chosen[np.argsort(rows[chosen], kind="stable")]
    return rows[chosen], labels[chosen]
