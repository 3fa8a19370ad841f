"""Seconds of the whole ladder: on digits, and on 100,000 rows of 100 columns."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from sklearn.datasets import load_digits

import nbrecipe

#: seconds that each may take on two cores that do nothing else
DIGITS, TABLE = 5.0, 60.0
ROWS, COLUMNS, HELD = 100_000, 100, 20_000


def rows() -> Iterator[tuple[str, str, str]]:
    """What was climbed, the seconds of all threads together, and how many there may be."""
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order], y[order]
    yield measured("ladder of digits", (x[:1437], y[:1437]), (x[1437:], y[1437:]), DIGITS)
    for classes in (2, 10, 0):
        x, y = table(classes)
        name = f"ladder of {ROWS:,} rows × {COLUMNS} columns, {f'{classes} classes' if classes else 'a number'}"
        yield measured(name, (x[:-HELD], y[:-HELD]), (x[-HELD:], y[-HELD:]), TABLE)


def table(classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of which every fifth column says something, in steps and in pairs."""
    random = np.random.default_rng(0)
    x = random.normal(size=(ROWS, COLUMNS)).astype(np.float32)
    told = x[:, ::5] @ random.normal(size=COLUMNS // 5) + 2 * np.sign(x[:, 1] * x[:, 2]) + random.normal(size=ROWS)
    return x, np.digitize(told, np.quantile(told, np.arange(1, classes) / classes)) if classes else told


def measured(name: str, train: object, val: object, most: float) -> tuple[str, str, str]:
    """Seconds of a ladder, and rungs that were fitted on fewer rows than there are."""
    start, work = time.perf_counter(), time.process_time()
    answer = nbrecipe.baseline(train, val)
    took, worked = time.perf_counter() - start, time.process_time() - work
    assert answer.ladder is not None
    assert all(not rung.refused for rung in answer.ladder.rungs)
    fewer = [f"{rung.id} on {rung.fitted_on}" for rung in answer.ladder.rungs if " of " in rung.fitted_on]
    told = f"{worked:.1f} s of a processor, {took:.1f} s by the clock"
    return name, "; ".join([told, *fewer]), f"{most:.0f} s"
