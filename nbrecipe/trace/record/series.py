"""Curves of a run of any length in bounded memory: thinned evenly, never cut off."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

#: points kept of a curve; a panel 800 pixels wide shows no more
MAX_POINTS = 2048


class Series:
    """(step, value) points of one curve. Past `MAX_POINTS` every second one goes, and later ones come half as often."""

    __slots__ = ("_count", "_kept", "_last", "_new", "_stride", "push")

    def __init__(self) -> None:
        self._kept: list[tuple[int, float]] = []
        self._new: list[tuple[int, float]] = []
        self._count, self._stride = 0, 1
        self._last: tuple[int, float] | None = None
        #: takes in a point (step, value) at the cost of an append; who pushes many calls `fold` now and then
        self.push = self._new.append

    def add(self, step: int, value: float) -> None:
        """Take in one point; the last one is always kept."""
        self.push((step, value))
        if len(self._new) >= MAX_POINTS:
            self.fold()

    def fold(self) -> None:
        """Thin what came in since."""
        for point in self._new:
            if self._count % self._stride == 0:
                self._kept.append(point)
                if len(self._kept) > MAX_POINTS:
                    self._kept = self._kept[::2]
                    self._stride *= 2
            self._count += 1
        if self._new:
            self._last = self._new[-1]
            self._new.clear()

    def points(self) -> list[tuple[int, float]]:
        """Every point kept, in order, with the last."""
        self.fold()
        if self._last is not None and (not self._kept or self._kept[-1] != self._last):
            return [*self._kept, self._last]
        return list(self._kept)

    @property
    def steps(self) -> list[int]:
        """The steps of the points kept."""
        return [step for step, _ in self.points()]

    @property
    def values(self) -> list[float]:
        """The values of the points kept."""
        return [value for _, value in self.points()]

    @property
    def count(self) -> int:
        """Points that were handed in, kept or not."""
        return self._count + len(self._new)

    def __iter__(self) -> Iterator[tuple[int, float]]:
        return iter(self.points())

    def __len__(self) -> int:
        return len(self.points())

    def __repr__(self) -> str:
        return f"<series of {self.count} points>"

    @property
    def first(self) -> float:
        """The first value; nan where there is none."""
        self.fold()
        return self._kept[0][1] if self._kept else math.nan

    @property
    def last(self) -> float:
        """The last value; nan where there is none."""
        self.fold()
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
