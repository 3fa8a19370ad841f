"""Baselines and the model on one ladder: what each is worth, how it answers, and what the next one adds."""

from __future__ import annotations

from dataclasses import dataclass

from .inspection import Look
from .scores import Standings


@dataclass(frozen=True)
class Step:
    """How one of them answers."""

    name: str
    how: str
    #: "1257 rows"; "" where it was fitted on none
    fitted_on: str = ""
    shows: str = ""
    cannot: str = ""
    #: why it could not be tried, "" where it was
    refused: str = ""


@dataclass(frozen=True)
class LadderShown:
    """A ladder as it is drawn, the least first."""

    #: what was fitted and what was asked
    extent: str
    standings: Standings
    steps: tuple[Step, ...]
    #: rows that one gets wrong and the next right
    looks: tuple[Look, ...] = ()
    notes: tuple[str, ...] = ()
    #: who beats whom beyond chance, in one sentence
    verdict: str = ""
