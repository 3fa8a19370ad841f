"""Two that answered the same examples: by how much one is better, and whether it could be chance."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import student
from .bootstrap import SAMPLES, SEED, resampled
from .interval import LEVEL, Interval
from .means import mean_interval

Array = np.ndarray[Any, Any]
#: p-value from which a difference could be chance
CHANCE = 0.05
#: examples up to which signs are flipped, and how often; of more, Student's t is as good
FLIPPED, FLIPS = 2000, 9999


@dataclass(frozen=True)
class Paired:
    """The first against the second, on the same examples."""

    #: the first's metric less the second's
    difference: float
    interval: Interval
    #: two-sided: the chance of a difference at least as large, were there none
    p: float
    method: str
    #: examples that only the first, and only the second, answers right; None where nothing is right or wrong
    only: tuple[int, int] | None = None

    @property
    def could_be_chance(self) -> bool:
        """Whether so large a difference is to be expected in one of twenty pairs that are equally good."""
        return not self.p < CHANCE


def right_against(first: Any, second: Any) -> Paired:
    """The shares of right answers of two, (n,) True where each is right: McNemar's exact test (1947).

    The interval is that of Bonett and Price 2012.
    """
    one, other = np.asarray(first, bool), np.asarray(second, bool)
    n, gained, lost = len(one), int((one & ~other).sum()), int((other & ~one).sum())
    method = f"exact McNemar test of {gained + lost} examples that one of them answers right"
    if not n:
        return Paired(math.nan, Interval(-1.0, 1.0, "no examples"), 1.0, method, (0, 0))
    z = student.NORMAL.inv_cdf((1 + LEVEL) / 2)
    some, middle = (gained + lost + 2) / (n + 2), (gained - lost) / (n + 2)
    half = z * math.sqrt((some - middle**2) / (n + 2))
    interval = Interval(max(-1.0, middle - half), min(1.0, middle + half), "Bonett and Price")
    return Paired((gained - lost) / n, interval, sign_test(gained, lost), method, (gained, lost))


def sign_test(gained: int, lost: int) -> float:
    """The chance of so uneven a split either way, were both sides as likely: exact."""
    return min(1.0, 2 * at_most(min(gained, lost), gained + lost))


def at_most(count: int, n: int) -> float:
    """The chance of no more than `count` heads of `n` tosses: exact."""
    if count < 0 or count >= n:
        return float(count >= n)
    logs = [math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in range(count + 1)]
    top = max(logs)
    return min(1.0, math.exp(top + math.log(math.fsum(math.exp(one - top) for one in logs)) - n * math.log(2)))


def means_against(first: Any, second: Any, weights: Any = None) -> Paired:
    """The mean losses of two, (n,) sums of each example, over `weights` that both share; None: 1 each.

    Up to 2000 examples the signs of the differences are flipped at random (Fisher 1935), of more Student's t.
    """
    away = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    shares = np.ones(len(away)) if weights is None else np.asarray(weights, np.float64)
    away, shares = away[shares != 0], shares[shares != 0]
    n, interval = len(away), mean_interval(away, shares)
    difference = float(away.sum() / shares.sum()) if n else math.nan
    if n < 2 or not math.isfinite(difference):
        return Paired(difference, interval, 1.0, "nothing to test")
    if n > FLIPPED:
        error = math.sqrt(float(np.square(away - difference * shares).sum()) * n / (n - 1)) / abs(float(shares.sum()))
        p = student.p_value(difference / error, n - 1) if error else float(difference == 0)
        return Paired(difference, interval, p, "paired t-test")
    return Paired(difference, interval, _flipped(away), f"sign-flip test, {FLIPS} flips, seed {SEED}")


def metric_against(
    difference: Callable[[Array], Any],
    n: int,
    *,
    samples: int = SAMPLES,
    seed: int = SEED,
    groups: Any = None,
    many: bool = False,
) -> Paired:
    """Any metric of two: `difference` gives the first's less the second's on the rows with these numbers.

    The p-value is that of the interval that ends at 0; what is drawn, and how, `bootstrap` says.
    """
    drawn = resampled(difference, n, samples=samples, seed=seed, groups=groups, many=many)
    interval = drawn.interval()
    return Paired(drawn.value, interval, drawn.p_value(), f"paired {interval.method}")


def _flipped(away: Array) -> float:
    """Two-sided p-value of a sum, were every difference as likely the other way."""
    rng = np.random.default_rng(SEED)
    size = float(np.abs(away).max())
    if size == 0:
        return 1.0
    scaled = away / size
    seen, far, block = abs(float(scaled.sum())), 0, 1_000_000 // len(away) + 1
    for start in range(0, FLIPS, block):
        signs = rng.integers(0, 2, (min(block, FLIPS - start), len(away)), np.int8)
        sums = signs @ (2 * scaled) - scaled.sum()
        far += int((np.abs(sums) >= seen * (1 - 1e-12) - 1e-12).sum())
    return (1 + far) / (FLIPS + 1)
