"""Whether rows repeat as independent draws do, whatever they are drawn from.

Where rows are drawn independently, the number of times a value stands is Poisson with a rate of its own. Let F(k) be
the number of values that stand k times. Over any mixture of rates k! E F(k) are the moments of one measure, so that

    E F(k)^2  <=  (k + 1) / k * E F(k - 1) * E F(k + 1)          (Cauchy and Schwarz)

for every k. Few bits or many, columns that go together or not: chance keeps it. Copying does not: a table that stands
twice has values that stand twice and none that stand once or three times.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

#: the chance at which independent draws are ruled out: one data set in a million
RARE = 1e-6
#: how often a value may stand to be looked at
MOST = 256
Array = np.ndarray[Any, Any]


def as_draws(sizes: Array, alone: int = 0) -> float:
    """A bound on the chance that independent draws repeat like this; `sizes` says how often each value stands.

    So many more values stand alone.

    The best rates that keep the inequality are F(k) - 2t, F(k - 1) + t and F(k + 1) + t with one t >= 0; what was
    seen is then at least exp(D) times less likely than under the best rates of all, and the bound is exp(-D), times
    the number of k that were tried. Source: Chernoff's bound for Poisson counts.
    """
    counts = np.bincount(np.minimum(sizes, MOST + 1), minlength=MOST + 2).astype(float)
    counts[1] += alone
    tried = [k for k in range(2, MOST) if counts[k] > 0]
    gaps = [_gap(k, *counts[k - 1 : k + 2].tolist()) for k in tried]
    return min(1.0, len(tried) * math.exp(-max(gaps))) if gaps else 1.0


def _gap(k: int, below: float, here: float, above: float) -> float:
    ratio = (k + 1) / k
    if here * here <= ratio * below * above:
        return 0.0
    # (here - 2t)^2 = ratio * (below + t) * (above + t), the root between 0 and here / 2
    a, b, c = 4 - ratio, -(4 * here + ratio * (below + above)), here * here - ratio * below * above
    t = (-b - math.sqrt(b * b - 4 * a * c)) / (2 * a)
    return sum(_divergence(seen, rate) for seen, rate in ((below, below + t), (here, here - 2 * t), (above, above + t)))


def _divergence(seen: float, rate: float) -> float:
    """How much less likely a Poisson count is at this rate than at the best one, in nats."""
    return rate - seen + (seen * math.log(seen / max(rate, 1e-300)) if seen else 0.0)


def across_as_split(pairs: int, between: int, first: int, second: int) -> float:
    """The chance that so many of the equal pairs lie across, were the rows of both dealt out at random.

    Chernoff's bound for a binomial count: of `pairs`, a share 2 n m / (N (N - 1)) lies across splits of n and m rows.
    """
    whole = first + second
    expected = 2 * first * second / max(whole * (whole - 1), 1)
    share = between / max(pairs, 1)
    if share <= expected:
        return 1.0
    gap = share * math.log(share / expected)
    gap += (1 - share) * math.log((1 - share) / (1 - expected)) if share < 1 else 0.0
    return math.exp(-pairs * gap)


def needed(rows: int) -> float:
    """Bits from which on a row meets none of so many others by chance, but once in as many such data sets."""
    return 2 * math.log2(max(rows, 2))
