"""The few texts that have most of something, with their rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

#: texts that are kept
KEPT = 16
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Text:
    """A text with where it stands and its numbers; a very long one is cut, `letters` is what it has."""

    row: int
    text: str
    tokens: int
    #: unknown tokens and lone bytes among them
    unknown: int
    bytes: int
    letters: int

    @property
    def is_cut(self) -> bool:
        """Whether only its beginning is kept."""
        return len(self.text) < self.letters


@dataclass
class Ends:
    """The texts with the greatest numbers, equal ones by row; they merge."""

    kept: list[tuple[int, Text]] = field(default_factory=list)

    def add(self, numbers: Array, rows: Array, text: Callable[[int], Text]) -> None:
        """Take what belongs among them; `text` makes one by its place."""
        least = self.kept[-1][0] if len(self.kept) == KEPT else 0
        found = np.flatnonzero(numbers > least)
        if len(found):
            found = found[np.lexsort((rows[found], -numbers[found]))[:KEPT]]
            self._take([(int(numbers[i]), text(int(i))) for i in found])

    def merge(self, later: Ends) -> None:
        """Take what others have."""
        self._take(later.kept)

    @property
    def texts(self) -> tuple[Text, ...]:
        """They, the one with most first."""
        return tuple(text for _, text in self.kept)

    def _take(self, more: list[tuple[int, Text]]) -> None:
        self.kept = sorted([*self.kept, *more], key=lambda one: (-one[0], one[1].row))[:KEPT]
