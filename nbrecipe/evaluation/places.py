"""The mean loss at each position of texts, of sums that are kept batch by batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..statistics import student
from ..statistics.interval import LEVEL
from .answers import Array

#: positions from which on several share a bin, and tokens of a bin below which nothing is told of it
BINS, FEW = 64, 10
#: batches after which what lies on an accelerator comes over
EVERY = 64


@dataclass(frozen=True)
class Placed:
    """Positions in order, counted from 1."""

    #: (bins,) first position of each, and its mean loss
    first: Array
    mean: Array
    #: (bins,) half of the interval of each mean
    half: Array
    #: (bins,) tokens that count
    tokens: Array
    #: the last position
    last: int
    method: str


class Places:
    """Sums over the texts of a pass, position by position."""

    def __init__(self) -> None:
        self._new: list[Tensor] = []
        self._sums = np.zeros((6, 0))

    def add(self, entries: tuple[Tensor, Tensor], rows: int) -> None:
        """The losses of the entries of some rows, and what each weighs; positions stand last."""
        if entries[0].numel() % rows or entries[0].numel() != entries[1].numel():
            return
        loss, weight = (each.detach().reshape(rows, -1).float() for each in entries)
        self._new.append(torch.stack([(weight != 0).sum(0).float(), loss.sum(0), weight.sum(0), (loss * loss).sum(0),
                                      (loss * weight).sum(0), (weight * weight).sum(0)]))  # fmt: skip
        if len(self._new) == EVERY:
            self._fold()

    def _fold(self) -> None:
        """Batches may differ in length: shorter ones have no entries at the last positions."""
        new, self._new = [each.cpu().numpy().astype(np.float64) for each in self._new], []
        long = max([self._sums.shape[1], *(each.shape[1] for each in new)])
        total = np.zeros((6, long))
        for each in (self._sums, *new):
            total[:, : each.shape[1]] += each
        self._sums = total

    def placed(self) -> Placed | None:
        """None where there is one position alone, or too few tokens."""
        self._fold()
        tokens, loss, weight, squares, cross, weights = self._sums
        if len(tokens) < 2:
            return None
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = loss / weight
            spread = np.maximum(squares - 2 * mean * cross + mean**2 * weights, 0) * tokens / (tokens - 1)
            error = np.where((tokens > 1) & (weight > 0), np.sqrt(spread) / weight, 0.0)
        starts = np.unique(np.arange(min(BINS, len(tokens))) * len(tokens) // min(BINS, len(tokens)))
        count, whole, total, part = (np.add.reduceat(v, starts) for v in (tokens, weight, loss, weight * error))
        known = (count >= FEW) & (whole > 0)
        if known.sum() < 2:
            return None
        # positions of one text may rise and fall together: at worst their errors add up
        half = student.quantile(LEVEL, max(1, int(tokens.max()) - 1)) * part[known] / whole[known]
        several = ", at worst, of positions that rise and fall together" if len(starts) < len(tokens) else ""
        return Placed(starts[known] + 1, total[known] / whole[known], half, count[known].astype(np.int64), len(tokens),
                      f"intervals: Student's t over the texts{several}")  # fmt: skip
