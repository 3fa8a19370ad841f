"""What a person is asked of a data set, and how their answers stand beside the labels and beside others' answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .browse import Card
from .scores import Standings


@dataclass(frozen=True)
class Apart:
    """A card whose answer is not its label."""

    card: Card
    #: in words: "you: 3, the label: 8"
    told: str


@dataclass(frozen=True)
class Outcome:
    """What the answers so far are worth."""

    #: sentences, the first of which says how often the person was right
    told: tuple[str, ...]
    standings: Standings | None = None
    #: the cards to look at, and how many there are in all
    apart: tuple[Apart, ...] = ()
    count: int = 0


@dataclass(frozen=True)
class Asked:
    """How far a person is, and what a page needs to ask further."""

    name: str
    #: the file of the answers
    place: str
    done: int
    total: int
    #: "class", "flags" or "number"
    kind: str
    #: "image", "text", "tokens", "sequence" or "cells"
    looks: str
    #: value, name and key ("" for none) of what may be answered
    choices: tuple[tuple[Any, str, str], ...] = ()
    #: seconds for which a card is shown; None for as long as it takes
    seconds: float | None = None
    #: where numbers lie, "" for anything else
    range: str = ""
