"""Sparse matrices, made dense block by block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..columns.block import INPUT, Block
from .source import ROWS, VALUES, Source


class Sparse(Source):
    """A sparse matrix of SciPy: one row, one example."""

    def __init__(self, name: str, matrix: Any) -> None:
        self.name, self.length = name, int(matrix.shape[0])
        self._matrix = matrix.tocsr() if len(matrix.shape) == 2 else matrix

    def blocks(self, start: int = 0, stop: int | None = None) -> Iterator[Block]:
        assert self.length is not None
        end = self.length if stop is None else min(stop, self.length)
        step = max(1, min(ROWS, VALUES // max(int(self._matrix.shape[1]), 1)))
        for low in range(start, end, step):
            high = min(low + step, end)
            yield Block(np.arange(low, high), {INPUT: self._matrix[low:high].toarray()})
