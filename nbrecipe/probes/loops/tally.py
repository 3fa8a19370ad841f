"""What is counted of a scheduler, and what is raised where it cannot be."""

from __future__ import annotations

from dataclasses import dataclass


class Unsure(Exception):
    """How often the scheduler is stepped cannot be told; the message says why."""


@dataclass
class Tally:
    """What the cells do with one scheduler."""

    #: calls of its `step()`, and those of them within a pass over the training loader
    calls: int = 0
    by_batch: int = 0
    #: steps of its optimizer, backward calls, and passes over the training loader in which it steps
    steps: int = 0
    backwards: int = 0
    rounds: int = 0
    #: number of the cell, and line in it, of the call
    place: tuple[int, int] = (0, 0)
    #: whether the loop may end, or leave a batch out, for a reason that the text does not tell
    open_end: bool = False
