"""What values were before they were normalised with means and deviations that the user keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from ...finding import number

#: names of numbers that are tried, and entries of each
NAMES, ENTRIES = 64, 4096
#: errors of a mean and of a deviation within which a column counts as standardised; a normal one is beyond them once in
#: 1.7 million
ERRORS = 5.0
#: columns that must all be standardised: two numbers of each column would have to be right by chance
COLUMNS = 3
#: how exactly an image reaches 0 and 1 once its own statistics are undone, as float32 computes it
EXACT = 1e-4
#: a mean that values from 0 to 1 cannot have, and that is no number one writes for them
OUTSIDE = 1.5


@dataclass(frozen=True)
class Undone:
    """What statistics say of the values they were taken off, and what to do."""

    told: str
    fix: str


def undone(values: np.ndarray[Any, Any], numbers: Mapping[str, Any]) -> Undone | None:
    """Whether statistics the user keeps were taken off twice, or are those of another scale; `values` are (N, C, ...).

    None where no pair of kept numbers says so with certainty.
    """
    if not np.isfinite(values).all():
        return None
    table = np.moveaxis(values, 1, -1).reshape(-1, values.shape[1])
    pairs = list(_pairs(numbers, table.shape[1]))
    if _standardised(table, slack=4.0) or any(_standardised((table - m) / s) for _, m, _, s in pairs):
        return None  # normalised as it should be, or still to be: -mean/std and 1/std may be kept, too
    for mean, m, std, s in pairs:
        once = table * s + m
        if _by_column(m, s) and _standardised(once):
            return Undone(
                f"undoing `{mean}` and `{std}` once gives columns of mean 0 and deviation 1",
                f"Take `{mean}` off and divide by `{std}` once: a cell that does so was run twice, or two do it.",
            )
        if _other_scale(once, m, s):
            return Undone(
                f"before `{mean}`, {number(float(np.max(m)), 3)}, was taken off and `{std}` divided by, the values lay "
                "from 0 to 1, where no mean of theirs can be so large",
                f"Compute `{mean}` and `{std}` on the values that they are taken off.",
            )
    return None


def _pairs(numbers: Mapping[str, Any], columns: int) -> Iterator[tuple[str, np.ndarray, str, np.ndarray]]:
    """Every two of the numbers that may be means and deviations of so many columns."""
    kept = {name: found for name, value in numbers.items() if (found := _flat(value, columns)) is not None}
    few = dict(list(kept.items())[-NAMES:])
    for std, s in few.items():
        if (s > 0).all():
            yield from ((mean, m, std, s) for mean, m in few.items() if mean != std and m.size == s.size)


def _flat(value: Any, columns: int) -> np.ndarray[Any, Any] | None:
    """One number, or one for each column."""
    try:
        found = np.asarray(value.detach().cpu() if isinstance(value, Tensor) else value, dtype=float).reshape(-1)
    except (TypeError, ValueError, RuntimeError):
        return None
    return found if found.size in (1, columns) and np.isfinite(found).all() else None


def _standardised(table: np.ndarray, slack: float = 1.0) -> bool:
    """Whether every column has mean 0 and deviation 1, within the sampling error of so many rows."""
    rows, columns = table.shape
    mean, std = table.mean(0), table.std(0)
    moves = std > 0
    if rows < 16 or moves.sum() < max(COLUMNS, 0.9 * columns):
        return False
    error = ERRORS / np.sqrt(rows)
    tails = np.mean(((table - mean) / np.where(moves, std, 1)) ** 4, axis=0)  # the error of a deviation grows with it
    spread = error * np.sqrt(np.maximum(tails - 1, 0.1)) / 2
    near = (np.abs(mean) < slack * error) & (np.abs(std - 1) < slack * np.minimum(spread, 0.6))
    return bool(near[moves].all())


def _by_column(mean: np.ndarray, std: np.ndarray) -> bool:
    """Whether each column has numbers of its own: one for all may fit columns that are alike by chance."""
    return all(len(np.unique(np.round(each / np.abs(each).max(), 2))) >= COLUMNS for each in (mean, std) if each.any())


def _other_scale(once: np.ndarray, mean: np.ndarray, std: np.ndarray) -> bool:
    """Whether the values come to lie from 0 to 1, both ends reached, and the mean outside."""
    unit = EXACT * max(1.0, float(np.abs(mean).max()))
    ends = abs(float(once.min())) < unit and abs(float(once.max()) - 1) < unit
    distinct = len(np.unique(np.rint(once[:256] / unit / 10))) > 8
    return ends and distinct and bool((mean > OUTSIDE).all()) and bool((std > 1).all())
