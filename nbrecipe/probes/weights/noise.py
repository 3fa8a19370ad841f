"""Whether weights in space look like noise: Moran's I of a filter against the same filter shuffled.

Weights at the start are drawn independently of one another, so that shuffling those of a channel changes nothing: under
that null hypothesis the mean and variance of Moran's I over all shuffles are known exactly (Cliff and Ord, "Spatial
Processes", 1981, the moments under randomisation). Filters are corrected for by Holm's step-down procedure (Holm 1979),
which needs no independence and bounds the chance that any filter of pure noise is called structured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

#: chance that of filters which are all noise any is called structured
ALPHA = 0.01
#: weights of a channel below which the variance over shuffles is not defined
LEAST = 4
#: filters drawn to tell the power
DRAWS = 400
#: standard errors of a bound
ERRORS = 3.0


@dataclass(frozen=True)
class Moran:
    """Moran's I of each filter, with rooks' neighbours: weights beside and above one another."""

    #: (filters,) pooled over channels by their variance
    index: Tensor
    #: (filters,) its distance from that of shuffles in standard deviations
    z: Tensor
    #: what shuffles have on average
    expected: float

    @property
    def p(self) -> Tensor:
        """(filters,) two-sided p-values by the normal approximation."""
        found: Tensor = torch.special.erfc(self.z.abs() / math.sqrt(2))
        return found


def moran(filters: Tensor) -> Moran | None:
    """Score (filters, channels, height, width); None for channels of fewer than four weights.

    Channels are shuffled apart, so their indices are independent and add up; each counts by its variance. A filter
    that is constant in space is smooth, not noise: its index is 1.
    """
    height, width = filters.shape[2:]
    count = height * width
    if count < LEAST or filters.numel() == 0:
        return None
    z = filters.double() - filters.double().mean((2, 3), keepdim=True)
    products = (z[..., 1:, :] * z[..., :-1, :]).sum((2, 3)) + (z[..., 1:] * z[..., :-1]).sum((2, 3))
    pairs = (height - 1) * width + height * (width - 1)
    second, fourth = z.square().mean((2, 3)), z.pow(4).mean((2, 3))
    flat = second <= (1e-7 * filters.double().abs().amax((2, 3))).square()
    safe = torch.where(flat, 1.0, second)
    index = torch.where(flat, 0.0, products / (pairs * safe))
    expected = -1 / (count - 1)
    variance = _variance(height, width, fourth / safe.square()) - expected**2
    share = torch.where(flat, 0.0, second)
    whole, spread = share.sum(1), (variance.clamp(min=1e-12) * share.square()).sum(1).sqrt()
    constant = whole == 0
    pooled = (index * share).sum(1) / torch.where(constant, 1.0, whole)
    away = ((index - expected) * share).sum(1) / torch.where(constant, 1.0, spread)
    return Moran(torch.where(constant, 1.0, pooled), torch.where(constant, math.inf, away), expected)


def _variance(height: int, width: int, kurtosis: Tensor) -> Tensor:
    """The second moment of Moran's I over all shuffles of values with this kurtosis."""
    n = height * width
    degrees = torch.zeros(height, width, dtype=torch.float64)
    degrees[1:] += 1
    degrees[:-1] += 1
    degrees[:, 1:] += 1
    degrees[:, :-1] += 1
    s0 = float(degrees.sum())
    s1, s2 = 2 * s0, float((2 * degrees).square().sum())
    same = n * ((n * n - 3 * n + 3) * s1 - n * s2 + 3 * s0**2)
    tails = (n * n - n) * s1 - 2 * n * s2 + 6 * s0**2
    return (same - kurtosis * tails) / ((n - 1) * (n - 2) * (n - 3) * s0**2)


@dataclass(frozen=True)
class Power:
    """What filters would score that are half noise and half learned from these inputs."""

    #: mean of z² over such filters; noise has 1
    half: float
    #: share of such filters that Holm's procedure would call structured at its first step
    single: float
    #: share of draws of all filters together whose mean z² noise does not reach
    pooled: float


def power(patches: Tensor, count: int, alpha: float = ALPHA) -> Power | None:
    """What `count` half-learned filters would score on inputs like these patches, (patches, channels, height, width).

    What a gradient adds to a filter of the first layer is a weighted sum of input patches. So a filter is drawn as
    noise plus such a sum with random weights, as large as the noise. None where no patch varies.
    """
    centred = patches.double() - patches.double().mean(0)
    if len(centred) < 2 or not bool(torch.isfinite(centred).all()) or float(centred.square().sum()) == 0:
        return None
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(DRAWS, len(centred), generator=generator, dtype=torch.float64)
    learned = (weights @ centred.flatten(1)).reshape(DRAWS, *centred.shape[1:])
    noise = torch.randn(learned.shape, generator=generator, dtype=torch.float64)
    sizes = [part.flatten(1).norm(dim=1).clamp(min=1e-300)[:, None, None, None] for part in (learned, noise)]
    seen = moran(learned / sizes[0] + noise / sizes[1])
    if seen is None:
        return None
    squares = seen.z.square()
    some = torch.randint(DRAWS, (DRAWS, min(count, 4 * DRAWS)), generator=generator)
    pooled = (squares[some].mean(1) > 1 + ERRORS * math.sqrt(2 / count)).double().mean()
    single = (seen.p <= alpha / count).double().mean()
    return Power(float(squares.mean()), float(single), float(pooled))


@dataclass(frozen=True)
class Share:
    """How much of the filters' energy is structure of the kind that the inputs give, and the most it can be."""

    estimate: float
    #: three standard errors above; infinite where the power is nothing
    most: float


def share(seen: Moran, known: Power) -> Share:
    """The share of learned energy at which filters would score as these do: z grows in proportion to it.

    The standard error is that of the mean of z² over filters, and no less than noise has, sqrt(2 / filters).
    """
    squares = seen.z.clamp(-1e6, 1e6).square()
    mean, excess = float(squares.mean()), known.half - 1
    error = max(float(squares.std()) if len(squares) > 1 else 0.0, math.sqrt(2)) / math.sqrt(len(squares))
    if excess <= 0:
        return Share(math.nan, math.inf)
    estimate, most = (math.sqrt(max(0.0, value - 1) / excess) / 2 for value in (mean, mean + ERRORS * error))
    return Share(estimate, most)


def least_bound(known: Power, count: int) -> float:
    """The smallest bound on the share that this many filters of pure noise would get."""
    return math.inf if known.half <= 1 else math.sqrt(ERRORS * math.sqrt(2 / count) / (known.half - 1)) / 2
