"""Rows of a split with their targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...scan.columns.block import Values
from .reading import some_rows

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Part:
    """Rows with a target."""

    #: what the user calls the data
    name: str
    columns: Mapping[str, Values]
    #: (n,) places of classes, or (n, ...) numbers; of tasks with a target at every position their ids, as read
    target: Any
    rows: Array

    def __len__(self) -> int:
        return len(self.rows)

    def some(self, order: Array) -> Part:
        """These of its rows."""
        target = self.target[order] if isinstance(self.target, np.ndarray) else [self.target[i] for i in order]
        return Part(self.name, some_rows(self.columns, order), target, self.rows[order])
