"""A person asked card by card: the page that asks, how far it is, and what the answers are worth."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ...pictures.asking import Apart, Asked, Outcome
from ...report import Report
from ..data import cards
from ..data.cards import TILES
from ..findings import html, text
from ..pieces.fragment import fragment, replayed, rich, script, static
from ..pieces.packing import deflated
from ..pieces.words import sentence
from . import standings

__all__ = ["html_of", "outcome_html", "outcome_text", "people_html", "people_text", "text_of"]


def html_of(report: Report, asked: Asked, shown: Outcome | None, wire: str = "") -> str:
    """How far it is and what it is worth so far; where scripts and a kernel run, the next card."""
    style = f"<style>{static('browse.css')}{static('asking.css')}</style>"
    still = f'<div class="nbr-place">{rich(sentence(_far(asked)))}</div>'
    drawn = replayed(script("asking.js"), still, _carried(asked, wire)) if wire else still + _outcome(shown)
    return fragment(f"{style}{html.header(report)}{drawn}")


def outcome_html(shown: Outcome | None, wire: str = "") -> str:
    """What the answers are worth, for a place of its own; the page of this wire sees that it stands there."""
    if shown is None:
        return ""
    style = f"<style>{static('browse.css')}{static('asking.css')}</style>"
    return fragment(f'{style}<div data-answers="{escape(wire)}">{_outcome(shown)}</div>')


def text_of(report: Report, asked: Asked, shown: Outcome | None) -> str:
    """The same for a terminal."""
    return "\n\n".join(filter(None, [text.header(report), _plain(sentence(_far(asked))), outcome_text(shown)]))


def outcome_text(shown: Outcome | None) -> str:
    """What the answers so far are worth, as text."""
    if shown is None:
        return ""
    lines = [_plain(sentence(line)) for line in shown.told]
    lines += [standings.text_of(shown.standings)] if shown.standings is not None else []
    lines += [_plain(f"row {each.card.row}: {each.told}") for each in shown.apart]
    return "\n".join(lines)


def people_html(report: Report, lines: Sequence[str]) -> str:
    """Two people beside each other."""
    return fragment(html.header(report) + "".join(f"<div>{rich(sentence(line))}</div>" for line in lines))


def people_text(report: Report, lines: Sequence[str]) -> str:
    """The same for a terminal."""
    return "\n".join([text.header(report), *(_plain(sentence(line)) for line in lines)])


def _outcome(shown: Outcome | None) -> str:
    if shown is None:
        return ""
    lines = "".join(f"<div>{rich(sentence(line))}</div>" for line in shown.told)
    drawn = standings.html_of(shown.standings) if shown.standings is not None else ""
    return f'<div class="nbr-part">{lines}{drawn}{_apart(shown)}</div>'


def _apart(shown: Outcome) -> str:
    if not shown.apart:
        return ""
    kind = "image" if shown.apart[0].card.pixels is not None else "text"
    kind = "sequence" if shown.apart[0].card.line is not None else kind
    more = f", the first {len(shown.apart)} of them" if shown.count > len(shown.apart) else ""
    told = f"**{shown.count}** card{'' if shown.count == 1 else 's'} with another answer than the label{more}:"
    drawn = "".join(_card(each, kind) for each in shown.apart)
    lines = "nbr-still" if kind in TILES else "nbr-still nbr-lines"
    return f'<div class="nbr-place">{rich(told)}</div><div class="{lines} nbr-disagreed">{drawn}</div>'


def _card(each: Apart, kind: str) -> str:
    return (
        f'<div class="nbr-apart">{cards.html_of(each.card, kind)}<div class="nbr-yours">{escape(each.told)}</div></div>'
    )


def _far(asked: Asked) -> str:
    kept = f"kept in `{asked.place}`"
    if asked.done == asked.total:
        return f"all **{asked.total}** cards are answered, {kept}"
    done = f"**{asked.done}** of {asked.total} cards are answered, {kept}" if asked.done else f"**{asked.total}** cards"
    return f"{done}; run the cell in JupyterLab or Notebook to {'go on' if asked.done else 'answer them'}"


def _carried(asked: Asked, wire: str) -> bytes:
    known = {"wire": wire, "done": asked.done, "total": asked.total, "kind": asked.kind, "looks": asked.looks}
    return deflated({**known, "choices": [list(each) for each in asked.choices], "seconds": asked.seconds,
                     "place": asked.place, "name": asked.name, "range": asked.range})  # fmt: skip


def _plain(line: str) -> str:
    return text.wrap(f"  {line}", "    ").replace("**", "").replace("`", "")
