"""A range that holds the true value, and how it was found."""

from __future__ import annotations

from dataclasses import dataclass

#: share of all samples whose interval holds the true value
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """Where the true value lies, were many more examples drawn as these were."""

    low: float
    high: float
    #: "Wilson", "bootstrap of 2000 samples, seed 0", "normal"
    method: str
    level: float = LEVEL

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high
