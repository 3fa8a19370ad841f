"""What tokens say is found again in their text, one behind the other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

#: characters that are searched for the next token behind unknown ones, and tokens that must follow it there
SEARCHED, FOLLOWING = 4096, 6
#: how the entries of a vocabulary mark that a word goes on or ends, and write spaces
MARKS = re.compile(r"^##|@@$|</w>$")
SPACES = str.maketrans({"▁": " ", "Ġ": " ", "Ċ": "\n", "ĉ": "\t"})


class Unit(NamedTuple):
    """Tokens `first` up to `last`, which together are whole characters, and their text; None for unknown ones."""

    first: int
    last: int
    said: str | None


Place = tuple[int, int]


def placed(text: str, units: Sequence[Unit], spaced: bool) -> tuple[list[Place | None], int]:
    """Where each stands, None where that is not certain, and how many were found. `spaced` where tokens are words."""
    found: list[Place | None] = [None] * len(units)
    left: list[int] = []  # units that wait for the next one that is found
    at = place = sure = 0
    while place < len(units):
        spot = _here(text, at, units[place].said)
        if left or spot is None:
            spot = _there(text, at, units, place, spaced, bool(left))
        if spot is None and _stands_for_text(units[place]):
            left.append(place)
        elif spot is not None:
            _share(text, at, spot[0], left, units, spaced, found)
            left.clear()
            found[place], at, sure = spot, spot[1], sure + 1
        place += 1
    _share(text, at, len(text), left, units, spaced, found)
    return found, sure


def _stands_for_text(unit: Unit) -> bool:
    """Whether it is more than white space, which may have been put in or taken away."""
    return unit.said is None or bool(unit.said.strip())


def _forms(said: str | None) -> Iterator[str]:
    """A token's text, and what is left of it without the marks of a vocabulary."""
    if said:
        yield said
        bare = MARKS.sub("", said).translate(SPACES)
        if bare and bare != said:
            yield bare


def _here(text: str, at: int, said: str | None) -> Place | None:
    """Where a text stands that begins here, behind white space at most; its own white space need not be there."""
    for form in _forms(said):
        if text.startswith(form, at):
            return at, at + len(form)
        bare = form.strip()
        if bare:
            start = at
            while start < len(text) and text[start].isspace():
                start += 1
            if text.startswith(bare, start):
                return start, start + len(bare)
    return None


def _there(text: str, at: int, units: Sequence[Unit], place: int, spaced: bool, behind: bool) -> Place | None:
    """The next place where a unit stands and those that follow it do, behind unknown ones."""
    if not behind:
        return None
    for form in _forms(units[place].said):
        bare = form.strip() or form
        start = text.find(bare, at, at + SEARCHED)
        while start >= 0:
            spot = (start, start + len(bare))
            if (not spaced or _alone(text, *spot)) and _follow(text, spot[1], units[place + 1 : place + 1 + FOLLOWING]):
                return spot
            start = text.find(bare, start + 1, at + SEARCHED)
    return None


def _alone(text: str, start: int, end: int) -> bool:
    """Whether this is a word of its own."""
    before = start == 0 or not (text[start - 1].isalnum() and text[start].isalnum())
    return before and (end == len(text) or not (text[end].isalnum() and text[end - 1].isalnum()))


def _follow(text: str, at: int, units: Sequence[Unit]) -> bool:
    """Whether units stand here one behind the other, up to the next unknown one; where none is, up to the end."""
    for unit in units:
        if unit.said is None:
            return True
        spot = _here(text, at, unit.said)
        if spot is None:
            return not unit.said.strip()
        at = spot[1]
    return len(units) == FOLLOWING or not text[at:].strip()


def _share(
    text: str, at: int, end: int, left: list[int], units: Sequence[Unit], spaced: bool, found: list[Place | None]
) -> None:
    """Give those that were not found what is left between their neighbours, where it is clear whose it is."""
    gap = text[at:end]
    bare = gap.strip()
    if not bare or not left:
        return
    start = at + gap.index(bare)
    unknown = all(units[place].said is None for place in left)
    if len(bare) == 1 or (len(left) == 1 and _fits(units[left[0]].said, bare, spaced)):
        shares = [(start, start + len(bare))] * len(left)
    elif unknown and spaced and len(bare.split()) == len(left):
        shares = [(at + word.start(), at + word.end()) for word in re.finditer(r"\S+", gap)]
    elif unknown and not spaced and len(bare) == len(left):
        shares = [(start + n, start + n + 1) for n in range(len(left))]
    else:
        return
    for place, share in zip(left, shares, strict=True):
        found[place] = share


def _fits(said: str | None, bare: str, spaced: bool) -> bool:
    """Whether one token may stand for so much: an unknown one of words for a word, a changed one for about itself."""
    if said is None:
        return not spaced or len(bare.split()) == 1
    return len(bare) <= 2 * len(said.strip()) + 4
