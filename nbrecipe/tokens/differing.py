"""Two texts side by side: the pieces that are in both, in one, or changed."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from itertools import groupby
from typing import Literal, NamedTuple

Change = Literal["equal", "lost", "added", "changed"]
#: a character, or a special token, whose letters are none of the text
UNITS = re.compile(r"<\|?[^<>\s|]{1,24}\|?>|\[[A-Z]{2,12}\]|.", re.DOTALL)
#: units that are laid beside each other at once, where more than white space and case differ: the cost grows with
#: their square; and how often that is done in one text
WINDOW, MOST = 128, 2048
#: equal units in a row from which on both texts run side by side again
SURE = 6


class Piece(NamedTuple):
    """A piece of two texts; one of them is empty where it is lost or added."""

    kind: Change
    text: str
    decoded: str


def pieces(text: str, decoded: str) -> tuple[Piece, ...]:
    """Both texts, cut up where they differ: joined, the pieces of each are the whole of it.

    Characters are compared, special tokens as a whole. What moved further than WINDOW is lost in one place and added
    in another; behind MOST places where it is unclear what became of what, the rest is one change.
    """
    if text == decoded:
        return (Piece("equal", text, decoded),) if text else ()
    a, b = UNITS.findall(text), UNITS.findall(decoded)
    found: list[Piece] = []
    i = j = windows = 0
    while i < len(a) or j < len(b):
        i, j = _alike(a, b, i, j, found)
        if i == len(a) or j == len(b) or windows == MOST:
            found.append(_piece(a[i:], b[j:]))
            break
        i, j = _beside(a, b, i, j, found)
        windows += 1
    return tuple(_joined(found))


def _alike(a: list[str], b: list[str], i: int, j: int, found: list[Piece]) -> tuple[int, int]:
    """Go on as long as white space and case are all that differs."""
    while i < len(a) and j < len(b):
        one, other = a[i], b[j]
        if one == other or one.lower() == other.lower():
            step = (1, 1)
        elif one.isspace() != other.isspace():
            step = (1, 0) if one.isspace() else (0, 1)
        else:
            break
        found.append(_piece(a[i : i + step[0]], b[j : j + step[1]]))
        i, j = i + step[0], j + step[1]
    return i, j


def _beside(a: list[str], b: list[str], i: int, j: int, found: list[Piece]) -> tuple[int, int]:
    """Find out what became of what from here on, up to where both are sure to be the same again."""
    left, right = a[i : i + WINDOW], b[j : j + WINDOW]
    steps = SequenceMatcher(None, left, right, autojunk=False).get_opcodes()
    sure = [n for n, (kind, start, end, _, _) in enumerate(steps) if kind == "equal" and end - start >= SURE]
    if sure or i + WINDOW < len(a) or j + WINDOW < len(b):  # a window that ends in the middle cuts off what would fit
        same = [n for n, step in enumerate(steps) if step[0] == "equal" and step[2] <= WINDOW // 2]
        steps = steps[: sure[0] + 1] if sure else steps[: same[-1] + 1] if same else steps
    found += [_piece(left[i1:i2], right[j1:j2]) for _, i1, i2, j1, j2 in steps]
    return i + steps[-1][2], j + steps[-1][4]


def _piece(left: list[str], right: list[str]) -> Piece:
    one, other = "".join(left), "".join(right)
    if one == other:
        return Piece("equal", one, other)
    return Piece("changed" if one and other else "lost" if one else "added", one, other)


def _joined(found: list[Piece]) -> list[Piece]:
    """Neighbours of one kind in one."""
    runs = (list(run) for _, run in groupby((p for p in found if p.text or p.decoded), key=lambda p: p.kind))
    return [Piece(run[0].kind, "".join(p.text for p in run), "".join(p.decoded for p in run)) for run in runs]
