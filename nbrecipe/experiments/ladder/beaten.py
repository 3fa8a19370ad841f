"""Who on a ladder beats whom beyond chance: one of them against all others on the same rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...evaluation.headline import Compared, compared
from ...statistics.families import holm
from ...statistics.paired import CHANCE
from .rung import Rung


@dataclass(frozen=True)
class Beaten:
    """One against the others, each of which is in one of three groups."""

    #: rungs that it beats, that beat it, and that chance may explain; the least first
    below: tuple[str, ...]
    above: tuple[str, ...]
    alike: tuple[str, ...]
    #: "accuracy", "MAE", "loss"; what they are compared by
    metrics: tuple[str, ...]
    methods: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many comparisons the p-values are corrected for."""
        return len(self.below) + len(self.above) + len(self.alike)


def beaten(judged: Rung, others: Sequence[Rung]) -> Beaten | None:
    """The p-values are corrected for all comparisons (Holm 1979); None where nothing can be compared."""
    assert judged.answers is not None
    pairs = {rung.id: compared(judged.answers, rung.answers) for rung in others if rung.answers is not None}
    found = {name: pair for name, pair in pairs.items() if pair is not None}
    if not found:
        return None
    sides = _sides(found)
    metrics = tuple(dict.fromkeys(pair.metric for pair in found.values()))
    methods = tuple(dict.fromkeys(_short(pair.paired.method) for pair in found.values()))
    return Beaten(sides["below"], sides["above"], sides["alike"], metrics, methods)


def _sides(found: Mapping[str, Compared]) -> dict[str, tuple[str, ...]]:
    """Names by what is known of them, in their order."""
    sides: dict[str, tuple[str, ...]] = {"below": (), "above": (), "alike": ()}
    p = holm([pair.paired.p for pair in found.values()])
    for (name, pair), corrected in zip(found.items(), p, strict=True):
        ahead = pair.paired.difference * pair.better > 0
        sides["alike" if not corrected < CHANCE else "below" if ahead else "above"] += (name,)
    return sides


def _short(method: str) -> str:
    """ "exact McNemar test" of "exact McNemar test of 36 examples that …"."""
    return method.partition(" of ")[0]
