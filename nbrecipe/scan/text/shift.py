"""Whether the texts of one label, or of one split, are longer than the others, and what differs besides.

With many texts the smallest difference is significant; what counts is how large it is: the chance that a text of one
group is longer than one of the other, ties taken as half (Vargha and Delaney 2000, who call 0.56 small, 0.64 medium and
0.71 large). The test is that of Mann and Whitney, with ties; p is corrected for the labels that are tested (Holm 1979),
which holds however they depend on each other. Texts are taken as independent: copies and texts of one author are not.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...statistics.families import holm
from .lengths import Lengths
from .reading import TextScan

#: texts that a group needs, those of the most frequent length not counted, so that the sum of its ranks is near enough
#: to a normal distribution
LEAST = 20
#: the effect that Vargha and Delaney call medium, and the chance of a false alarm
MEDIUM, CHANCE = 0.64, 0.001
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Shift:
    """How the lengths of one group lie against those of others."""

    label: Hashable
    texts: int
    others: int
    median: int
    median_others: int
    #: chance that a text of the group is longer than one of the others; 0.5 where they are alike
    longer: float
    #: two-sided, corrected for how many groups were tested
    p: float

    @property
    def is_clear(self) -> bool:
        """Whether it is both no chance and of a size that matters."""
        return self.p < CHANCE and max(self.longer, 1 - self.longer) >= MEDIUM


@dataclass(frozen=True)
class Difference:
    """What differs between two splits that one tokenizer has read."""

    #: lengths of the second against the first; None where there are too few texts
    lengths: Shift | None
    #: tokens of the second split whose ids never stand in the first: how many, and their share
    unseen: int
    share: float
    #: the share that is to be expected where both are drawn alike: that of the tokens of the first split whose ids no
    #: other text of it has, which is what leaving each text out in turn gives
    expected: float
    #: ids of those tokens, the most frequent first
    ids: tuple[int, ...]
    #: share of the texts of each that have an unknown token
    unknown: tuple[float, float]


def label_shifts(labels: Mapping[Hashable, Lengths]) -> tuple[Shift, ...]:
    """Each label against all others, the largest effect first; labels with too few texts are left out."""
    whole = Lengths()
    for lengths in labels.values():
        whole.merge(lengths)
    apart = _apart(whole)
    found = []
    for label, lengths in labels.items():
        others = Lengths(whole.counts - lengths.counts)
        if min(lengths.rows, others.rows) * apart >= LEAST:
            found.append(_shift(label, lengths, others))
    return tuple(sorted(_corrected(found), key=lambda shift: -abs(shift.longer - 0.5)))


def difference(train: TextScan, val: TextScan) -> Difference:
    """The second split against the first."""
    lengths = None
    if min(train.texts, val.texts) * _apart(Lengths(train.lengths.counts + val.lengths.counts)) >= LEAST:
        lengths = _shift(val.name, val.lengths, train.lengths)
    size = max(len(train.ids.counts), len(val.ids.counts))
    ours, theirs = (np.pad(scan.ids.counts, (0, size - len(scan.ids.counts))) for scan in (train, val))
    new = np.where(ours == 0, theirs, 0)
    order = np.argsort(-new, kind="stable")
    return Difference(
        lengths,
        int(new.sum()),
        float(new.sum() / max(val.ids.total, 1)),
        train.ids.alone / max(train.ids.total, 1),
        tuple(int(i) for i in order[:20] if new[i]),
        (train.unknown_texts / max(train.texts, 1), val.unknown_texts / max(val.texts, 1)),
    )


def compared(one: Lengths, other: Lengths) -> tuple[float, float]:
    """The chance that one of the first is longer than one of the second, and p of there being no difference."""
    values = np.union1d(one.table()[0], other.table()[0])
    ours, theirs = (np.array([lengths.counts[v] for v in values.tolist()], np.float64) for lengths in (one, other))
    n, m = float(ours.sum()), float(theirs.sum())
    if not n or not m:
        return 0.5, 1.0
    below = np.cumsum(theirs) - theirs
    u = float((ours * (below + theirs / 2)).sum())
    ties, total = ours + theirs, n + m
    spread = n * m / 12 * (total + 1 - float((ties**3 - ties).sum()) / (total * max(total - 1, 1)))
    if spread <= 0:
        return 0.5, 1.0
    z = max(abs(u - n * m / 2) - 0.5, 0) / math.sqrt(spread)
    return u / (n * m), math.erfc(z / math.sqrt(2))


def _apart(lengths: Lengths) -> float:
    """Share of the texts that do not have the most frequent length."""
    return 1 - max(lengths.counts.values(), default=0) / max(lengths.rows, 1)


def _shift(label: Hashable, lengths: Lengths, others: Lengths) -> Shift:
    longer, p = compared(lengths, others)
    return Shift(label, lengths.rows, others.rows, lengths.quantile(0.5), others.quantile(0.5), longer, p)


def _corrected(shifts: list[Shift]) -> list[Shift]:
    """The same with p corrected by Holm; two labels alone are one test."""
    if len(shifts) == 2 and shifts[0].texts == shifts[1].others:
        return shifts
    return [replace(shift, p=float(p)) for shift, p in zip(shifts, holm(shift.p for shift in shifts), strict=True)]
