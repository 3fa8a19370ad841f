"""What freezing a part of a model buys, and what it leaves for the user to see to."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Side:
    """The model trained whole, or with the part frozen: bytes, and the seconds of each step."""

    seconds: tuple[float, ...] = ()
    gradients: int = 0
    #: state of the optimizer: momentum, second moments; as it is once the optimizer knows only what is trained
    state: int = 0
    #: what forward keeps for backward
    activations: int = 0


@dataclass(frozen=True)
class Saved:
    """Steps of a copy, in turn as it is and with the part frozen."""

    whole: Side
    frozen: Side
    #: what the step holds beside forward and backward: "AdamW"
    optimizer: str = ""
    device: str = "cpu"

    @property
    def rounds(self) -> int:
        """Pairs of steps."""
        return len(self.frozen.seconds)

    @property
    def share(self) -> tuple[float, float, float]:
        """The share of a step that is saved: the median over the pairs, and its interval of 95 %.

        The interval is that of order statistics, which asks nothing of how times are spread.
        """
        shares = sorted(1 - b / a for a, b in zip(self.whole.seconds, self.frozen.seconds, strict=True))
        n = len(shares)
        if not n:
            return 0.0, -math.inf, math.inf
        middle = (shares[(n - 1) // 2] + shares[n // 2]) / 2
        rank = math.floor((n - 1.96 * math.sqrt(n)) / 2)
        return (middle, shares[rank], shares[n - 1 - rank]) if rank >= 0 and n > 5 else (middle, -math.inf, math.inf)

    @property
    def measurable(self) -> bool:
        """Whether the interval leaves out that there is no difference."""
        _, low, high = self.share
        return low > 0 or high < 0


@dataclass(frozen=True)
class Advice:
    """One thing to see to: words, and lines to paste."""

    told: str
    code: str = ""


@dataclass(frozen=True)
class Frozen:
    """What was frozen or thawed, what that saves, and what is left to see to."""

    part: str
    model: str
    undone: bool = False
    #: parameters and single weights that changed, and the weights that were trained before
    parameters: int = 0
    weights: int = 0
    trained: int = 0
    saved: Saved | None = None
    #: why nothing was measured
    unmeasured: str = ""
    advice: tuple[Advice, ...] = field(default=())
