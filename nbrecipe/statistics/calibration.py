"""Whether probabilities are what they say: of the answers given with 80 %, are 80 % right?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .families import holm
from .interval import Interval
from .means import mean_interval
from .proportions import wilson

Array = np.ndarray[Any, Any]
#: bins of as many rows each, and the fewest rows of one
BINS, ROWS = 10, 20
#: labels drawn by the probabilities themselves, and the seed
DRAWS, SEED = 1999, 0
#: rows above which neighbours are drawn together, in so many runs of rows of nearly one probability
MANY, RUNS = 5000, 200
#: numbers drawn at once: few enough to stay in the cache
BLOCK = 100_000


@dataclass(frozen=True)
class Bin:
    """The rows whose probabilities lie between two values."""

    low: float
    high: float
    rows: int
    #: mean probability, and the share that is right
    confidence: float
    share: float
    interval: Interval
    #: chance of a share so far from the probability, were all probabilities right; corrected for the bins (Holm 1979)
    p: float


@dataclass(frozen=True)
class Calibration:
    """Probabilities against what came true."""

    rows: int
    bins: tuple[Bin, ...]
    #: expected calibration error: the mean distance of share and probability over the bins, weighted by their rows
    error: float
    #: what probabilities that are all right would show on average with so many rows
    by_chance: float
    #: chance of so large an error, were they all right
    p: float
    #: mean squared distance of the probability from what came true, and what probabilities that are all right expect
    brier: float
    brier_expected: float
    #: mean probability less the share that is right: above 0 for too sure
    too_sure: float
    too_sure_interval: Interval
    method: str


def calibration(probability: Any, true: Any, bins: int = BINS) -> Calibration:
    """Hold the probabilities of a statement against whether it was true.

    Args:
        probability: (n,) 0 to 1: of the class answered, or of "yes".
        true: (n,) whether that class is the label.
        bins: of equally many rows, at least 20 each; rows of one probability are never parted.

    Even probabilities that are all right miss the shares by chance, the more so the fewer rows a bin has. So labels are
    drawn 1999 times by the probabilities themselves, and `p` says how often these miss by as much (Bröcker and Smith
    2007): of models that are calibrated, 5 % have a p below 5 %.
    Raises ValueError where a probability is none, and where there is no row.
    """
    given, came = np.asarray(probability, np.float64), np.asarray(true, np.float64)
    if not len(given) or not bool(((given >= 0) & (given <= 1)).all()):
        raise ValueError("calibration needs probabilities, 0 to 1, of one row or more")
    order = np.argsort(given, kind="stable")
    given, came = given[order], came[order]
    starts = _starts(given, min(bins, max(1, len(given) // ROWS)))
    sizes = np.diff([*starts, len(given)])
    means, shares = (np.add.reduceat(values, starts) / sizes for values in (given, came))
    drawn = _drawn(given, starts) / sizes
    far, chances = np.abs(shares - means), np.abs(drawn - means)
    errors = chances @ (sizes / len(given))
    error = float(far @ sizes) / len(given)
    p = holm(_share_above(chances, far))
    found = _bins(given, starts, means, shares, p)
    away = given - came
    return Calibration(
        len(given), found, error, float(errors.mean()), float(_share_above(errors[:, None], np.array([error]))[0]),
        float(np.square(away).mean()), float((given * (1 - given)).mean()), float(away.mean()), mean_interval(away),
        f"{len(found)} bins of equally many rows; p of {DRAWS} draws, seed {SEED}",
    )  # fmt: skip


def brier(probabilities: Any, target: Any) -> Array:
    """(n,) the Brier score of each row (1950): the summed squared distance of its probabilities from what came true.

    Args:
        probabilities: (n,) of "yes", or (n, classes).
        target: (n,) True or False, or places of the classes.
    """
    given, labels = np.asarray(probabilities, np.float64), np.asarray(target)
    if given.ndim == 1:
        return np.asarray(np.square(given - labels))
    rest = np.square(given).sum(1)
    own = given[np.arange(len(given)), labels.astype(np.int64)]
    return np.asarray(rest - 2 * own + 1)


def _bins(ordered: Array, starts: list[int], means: Array, shares: Array, p: Array) -> tuple[Bin, ...]:
    bins = []
    for s, e, mean, share, one in zip(starts, [*starts[1:], len(ordered)], means, shares, p, strict=True):
        low, high, interval = float(ordered[s]), float(ordered[e - 1]), wilson(share * (e - s), e - s)
        bins.append(Bin(low, high, e - s, float(mean), float(share), interval, float(one)))
    return tuple(bins)


def _starts(ordered: Array, bins: int) -> list[int]:
    """Where the bins begin: at equally many rows, or at the first row of a probability that would be parted."""
    edges = np.arange(bins) * len(ordered) // bins
    return [int(start) for start in np.unique(np.searchsorted(ordered, ordered[edges], "left"))]


def _drawn(ordered: Array, starts: list[int]) -> Array:
    """(draws, bins) how many come true, where each does with its own probability."""
    rng = np.random.default_rng(SEED)
    if len(ordered) <= MANY:
        block = max(1, BLOCK // len(ordered))
        sizes = [min(block, DRAWS - start) for start in range(0, DRAWS, block)]
        parts = [
            np.add.reduceat(
                rng.random((n, len(ordered)), np.float32) < ordered.astype(np.float32), starts, 1, np.float64
            )
            for n in sizes
        ]
        return np.concatenate(parts)
    runs = np.unique([*starts, *(np.arange(RUNS) * len(ordered) // RUNS)])
    counts = np.diff([*runs, len(ordered)])
    means = np.clip(np.add.reduceat(ordered, runs) / counts, 0, 1)
    drawn = rng.binomial(counts, means, (DRAWS, len(runs))).astype(np.float64)
    return np.asarray(np.add.reduceat(drawn, np.searchsorted(runs, starts), 1))


def _share_above(drawn: Array, seen: Array) -> Array:
    return np.asarray((1 + (drawn >= seen - 1e-12).sum(0)) / (1 + len(drawn)))
