"""Tables of labels and answers: which classes go by the number of another one."""

from __future__ import annotations

import math

from .known import Table

#: rows of a class below which nothing is said of it
ROWS = 10
#: standard errors above one half that the share of one wrong answer must lie
SURE = 3.0


def majorities(table: Table) -> dict[int, int]:
    """The answer that more than half of a class gets, beyond sampling error; classes without one are left out."""
    found = {}
    for target, row in table.items():
        size = sum(row.values())
        said, count = max(row.items(), key=lambda item: item[1])
        if size >= ROWS and count / size > 0.5 + SURE * 0.5 / math.sqrt(size):
            found[target] = said
    return found


def moved(answer: dict[int, int]) -> dict[int, int]:
    """Classes that change places, 3 → 5 → 3, or move on one after another, 3 → 2 → 1.

    A class that others are taken for and that keeps its own number has moved nobody: the model mixes them up.
    """
    said = list(answer.values())
    found = {t: s for t, s in answer.items() if t != s and answer.get(s) != s and said.count(s) == 1}
    return {t: s for t, s in found.items() if s in found or t in found.values()}


def mapped(table: Table, renamed: dict[int, int]) -> float:
    """Accuracy once the classes are renamed."""
    return sum(row.get(renamed.get(target, target), 0) for target, row in table.items()) / max(rows_of(table), 1)


def rows_of(table: Table) -> int:
    """All rows of a table."""
    return sum(sum(row.values()) for row in table.values())


def accuracy_of(table: Table) -> float:
    """The share of them that is answered by the label."""
    return sum(row.get(target, 0) for target, row in table.items()) / max(rows_of(table), 1)


def plain(table: Table) -> list[list[int]]:
    """(target, answer, count) of each pair that occurs."""
    return [[target, said, count] for target, row in sorted(table.items()) for said, count in sorted(row.items())]
