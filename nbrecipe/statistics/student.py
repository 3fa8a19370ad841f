"""Student's t without a library: its tails and its quantiles, for whole degrees of freedom."""

from __future__ import annotations

import functools
import math
from statistics import NormalDist

#: degrees of freedom from which expansions about the normal distribution are exact to five digits
MANY = 300
NORMAL = NormalDist()


def quantile(level: float, freedom: int) -> float:
    """How many standard errors either way hold `level` of the distribution; 1.96 for 0.95 and many degrees."""
    return _quantile(level, freedom)


def p_value(t: float, freedom: int) -> float:
    """The chance of a value at least as far from 0, either way."""
    if math.isnan(t):
        return math.nan
    if math.isinf(t):
        return 0.0
    if freedom > MANY:  # Wallace 1959
        z = (8 * freedom + 1) / (8 * freedom + 3) * math.sqrt(freedom * math.log1p(t * t / freedom))
        return math.erfc(z / math.sqrt(2))
    return max(0.0, 1 - _within(abs(t), freedom))


@functools.lru_cache(256)
def _quantile(level: float, freedom: int) -> float:
    z = NORMAL.inv_cdf((1 + level) / 2)
    if freedom > MANY:  # Cornish and Fisher
        return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    low, high = 0.0, 1.0
    while _within(high, freedom) < level:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < level else (low, middle)
    return (low + high) / 2


def _within(t: float, freedom: int) -> float:
    """P(|T| < t), by the finite series of Abramowitz and Stegun 1964, 26.7.3 and 26.7.4."""
    angle = math.atan2(t, math.sqrt(freedom))
    odd, square = freedom % 2, math.cos(angle) ** 2
    term = math.cos(angle) if odd else 1.0
    total = 0.0
    for k in range(2 + odd, freedom + 1, 2):
        total += term
        term *= square * (k - 1) / k
    total *= math.sin(angle)
    return 2 / math.pi * (angle + total) if odd else total
