"""How rare positives are among the targets of a binary loss, and how much it weighs each of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from ...bench import Bench
from ...task.expected import as_taken
from .start import known_labels

#: a weight that somebody chose has few digits; one that was computed from counts has more
DIGITS = 3
#: how near a computed weight comes to the odds that it is, as a share
NEAR = 1e-3


@dataclass(frozen=True)
class Positives:
    """Counts of both labels, and the weight of a positive one."""

    count: int
    others: int
    weight: float

    @property
    def odds(self) -> float:
        """Positives for each negative."""
        return self.count / self.others

    @property
    def inverted(self) -> bool:
        """Whether the rarer label weighs the less."""
        return (self.weight - 1) * (self.odds - 1) > 0

    @property
    def computed(self) -> bool:
        """Whether the weight is the odds themselves, computed from these very labels and not chosen."""
        chosen = math.isclose(float(f"{self.weight:.{DIGITS}g}"), self.weight, rel_tol=1e-5)
        return math.isclose(self.weight, self.odds, rel_tol=NEAR) and not chosen


def positives(bench: Bench) -> Positives | None:
    """What a single `pos_weight` weighs against what; None where the loss has none, or the labels hold one value."""
    task = bench.get("task")
    call = task.call
    if call is None or call.name != "binary_cross_entropy_with_logits":
        return None
    weight = call.options.get("pos_weight")
    if not isinstance(weight, Tensor) or weight.numel() != 1 or float(weight) <= 0:
        return None
    labels = as_taken(task, known_labels(bench)).detach().cpu().flatten()
    if not bool(((labels == 0) | (labels == 1)).all()):
        return None
    count = int(labels.sum())
    return Positives(count, len(labels) - count, float(weight)) if 0 < count < len(labels) else None
