"""Rows behind a finding, alone or two side by side, as HTML that needs no script and as lines of text."""

from __future__ import annotations

from ...pictures.inspection import Beside, Look
from ..pieces.fragment import rich
from ..pieces.words import sentence
from . import cards
from .cards import TILES


def html_of(look: Look) -> str:
    """A heading and the rows beneath it; two that belong together stand in one frame."""
    drawn = "".join(_beside(beside, look.kind) for beside in look.rows)
    heading = f'<div class="nbr-place">{rich(sentence(look.title))}</div>'
    across = " nbr-lines" if look.kind not in TILES else ""
    return f'<div class="nbr-part nbr-looks">{heading}<div class="nbr-still{across}">{drawn}</div></div>'


def _beside(beside: Beside, kind: str) -> str:
    drawn = "".join(cards.html_of(card, kind) for card in beside.cards)
    if len(beside.cards) == 1 and not beside.told:
        return drawn
    told = f'<div class="nbr-told">{rich(beside.told)}</div>' if beside.told else ""
    return f'<div class="nbr-pair"><div class="nbr-two">{drawn}</div>{told}</div>'


def text_of(look: Look) -> list[str]:
    """The same as lines, the rows that belong together one below the other."""
    lines = [f"  {sentence(look.title).replace('`', '')}"]
    for beside in look.rows:
        for i, card in enumerate(beside.cards):
            mark = "=" if i else "-" if len(beside.cards) > 1 else ""
            lines.append(f"    {mark + ' ' if mark else ''}{cards.text_of(card)}")
        lines += [f"      {beside.told}"] if beside.told else []
    return lines
