"""Curves of a run of any length in bounded memory: thinned evenly, never cut off."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

#: points kept of a curve; a panel 800 pixels wide shows no more
MAX_POINTS = 2048


class Series:
    """(step, value) points of one curve. Past `MAX_POINTS` every second one goes, and later ones come half as often."""

    __slots__ = ("_last", "_stride", "count", "steps", "values")

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.values: list[float] = []
        #: points that were handed in, kept or not
        self.count = 0
        self._stride = 1
        self._last: tuple[int, float] | None = None

    def add(self, step: int, value: float) -> None:
        """Take in one point; the last one is always kept."""
        if self.count % self._stride == 0:
            self.steps.append(step)
            self.values.append(value)
            if len(self.steps) > MAX_POINTS:
                self.steps, self.values = self.steps[::2], self.values[::2]
                self._stride *= 2
        self.count += 1
        self._last = (step, value)

    def points(self) -> list[tuple[int, float]]:
        """Every point kept, in order, with the last."""
        kept = list(zip(self.steps, self.values, strict=True))
        if self._last is not None and (not kept or kept[-1] != self._last):
            kept.append(self._last)
        return kept

    def __iter__(self) -> Iterator[tuple[int, float]]:
        return iter(self.points())

    def __len__(self) -> int:
        return len(self.steps)

    def __repr__(self) -> str:
        return f"<series of {self.count} points>"

    @property
    def first(self) -> float:
        """The first value; nan where there is none."""
        return self.values[0] if self.values else math.nan

    @property
    def last(self) -> float:
        """The last value; nan where there is none."""
        return self._last[1] if self._last is not None else math.nan

    def finite(self) -> list[tuple[int, float]]:
        """The points whose value is a finite number."""
        return [(step, value) for step, value in self.points() if math.isfinite(value)]

    def to_dict(self) -> dict[str, Any]:
        """Plain data: {"steps": [...], "values": [...], "count": n}."""
        points = self.points()
        return {"steps": [s for s, _ in points], "values": [v for _, v in points], "count": self.count}


def thin(items: list[Any], most: int) -> None:
    """Leave out every second item of a list that has outgrown `most`, in place; first and last stay."""
    if len(items) > most:
        items[:] = [*items[:-1:2], items[-1]]
