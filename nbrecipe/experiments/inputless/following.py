"""Whether answers go with the labels of their own rows, however far their loss is off."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...evaluation.answers import Answers, Array
from ...task import Kind

#: orders of the labels that are drawn, their seed, and values of an example that are looked at
DRAWN, SEED, VALUES = 1999, 0, 64


def following(answers: Answers) -> float | None:
    """The chance that answers go with the labels so well, were they given to any others of these rows.

    Of classes the mean probability of the right one is compared with that under labels in random orders, of numbers and
    several labels the covariance: an exact test (Fisher 1935), whatever the loss makes of rows that are answered too
    surely. None where such answers are not kept.
    """
    given = answers.answer if answers.kind is Kind.REGRESSION else answers.probabilities
    if given is None or answers.target is None or len(answers) < 2:
        return None
    given, target = np.asarray(given, np.float64), np.asarray(answers.target)
    keep = np.isfinite(given).reshape(len(given), -1).all(1)
    if answers.kind is Kind.CLASSES and given.ndim == 2 and target.ndim == 1:
        keep &= target >= 0
        given, codes = given[keep], target[keep].astype(np.int64)
        rows = np.arange(len(codes))
        return _chance(len(codes), lambda order: float(given[rows, codes[order]].sum()))
    if given.shape != target.shape or given[0].size > VALUES:
        return None
    one, other = _centred(given[keep]), _centred(target[keep].astype(np.float64))
    return _chance(len(one), lambda order: float((one * other[order]).sum()))


def _centred(values: Array) -> Array:
    """(n, values) about their means, each as wide as the others."""
    flat = values.reshape(len(values), -1)
    away = flat - flat.mean(0)
    wide = away.std(0)
    return np.asarray(away / np.where(wide > 0, wide, 1.0))


def _chance(rows: int, of: Callable[[Array], float]) -> float | None:
    if rows < 2:
        return None
    rng = np.random.default_rng(SEED)
    seen = of(np.arange(rows))
    room = 1e-9 * max(1.0, abs(seen))
    least = seen - room  # the same sum in another order differs in its last digits
    reached = sum(of(rng.permutation(rows)) >= least for _ in range(DRAWN))
    return (1 + reached) / (1 + DRAWN)
