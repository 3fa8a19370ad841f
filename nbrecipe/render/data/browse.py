"""A data set to browse: the first rows stand in the page, the others come from the kernel where one runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from ...pictures.browse import Browser
from ...report import Report
from ..findings import html, text
from ..pieces.fragment import fragment, replayed, rich, script, static
from ..pieces.packing import deflated
from ..pieces.words import sentence
from . import cards
from .cards import TILES, sent, whole

__all__ = ["LIMIT", "html_of", "sent", "tag_line", "text_of", "whole"]

#: letters that a page may have, and rows that it shows without a kernel, at most
LIMIT, STEPS = 280_000, (60, 40, 24, 12, 4)
#: rows that a terminal shows, and rows of a tag that are listed
LINES, LISTED = 10, 40


def html_of(report: Report, shown: Browser, wire: str = "") -> str:
    """A fragment of at most `LIMIT` letters: the first rows, and where scripts and a kernel run, all of them."""
    style = f"<style>{static('batch.css')}{static('browse.css')}</style>"
    for rows in STEPS:
        still = _still(shown, rows)
        drawn = replayed(script("browse.js"), still, _carried(shown, wire)) if wire else still
        made = fragment(f'{style}{html.header(report)}<div class="nbr-browse">{drawn}</div>{_notes(shown)}')
        if len(made) <= LIMIT:
            break
    return made


def _still(shown: Browser, rows: int) -> str:
    first = shown.cards[:rows]
    kind = "nbr-still" if shown.kind in TILES else "nbr-still nbr-lines"
    drawn = "".join(cards.html_of(card, shown.kind) for card in first)
    return f'<div class="nbr-place">{rich(_told(shown, len(first)))}</div><div class="{kind}">{drawn}</div>'


def _told(shown: Browser, first: int) -> str:
    """Which rows these are."""
    of = f"**{shown.count}** of {shown.extent}" if shown.count != shown.total else shown.extent
    told = [of, *_asked(shown)]
    if first < shown.count:
        told.append(f"here stand the first {first}; run the cell to browse the others")
    return " · ".join(told)


def _asked(shown: Browser) -> list[str]:
    ask = shown.ask
    told = [f"`{ask['filter']}`"] if ask.get("filter") else []
    told += [f"with “{ask['search']}”"] if ask.get("search") else []
    told += ["wrong only"] if ask.get("wrong") else []
    if ask.get("sort"):
        told.append(f"by `{ask['sort']}`, {'greatest' if ask.get('descending') else 'least'} first")
    return told


def _notes(shown: Browser) -> str:
    return "".join(f'<div class="nbr-place">{rich(sentence(note))}</div>' for note in shown.notes)


def _carried(shown: Browser, wire: str) -> bytes:
    fields = [[field.name, field.plain] for field in shown.fields]
    known = {"wire": wire, "kind": shown.kind, "fields": fields, "ask": dict(shown.ask), "total": shown.total}
    known |= {"count": shown.count, "extent": shown.extent, "searches": shown.searches, "judges": shown.judges}
    return deflated({**known, "labelled": shown.labelled, "example": shown.example, "tags": list(shown.tags)})


def tag_line(tags: Mapping[str, Sequence[int]], name: str) -> str:
    """The tags that were given and their rows, so that they stand in a saved notebook."""
    if not tags:
        return ""
    lines = "".join(
        f'<div><span class="nbr-tagged">{escape(tag)}</span> {len(rows)} of <code>{escape(name)}</code>: '
        f"{'row' if len(rows) == 1 else 'rows'} "
        f"{_listed(rows)}</div>"
        for tag, rows in tags.items()
    )
    return fragment(f'<style>{static("browse.css")}</style><div class="nbr-place nbr-given">{lines}</div>')


def _listed(rows: Sequence[int]) -> str:
    more = f", … {len(rows) - LISTED} more" if len(rows) > LISTED else ""
    return ", ".join(map(str, rows[:LISTED])) + more


def text_of(report: Report, shown: Browser) -> str:
    """The first rows as plain text that stands alone."""
    first = shown.cards[:LINES]
    told = (
        _told(shown, len(first)).replace("**", "").replace("`", "").replace("; run the cell to browse the others", "")
    )
    lines = [text.wrap(f"  {told}", "    "), *(text.wrap(f"  {cards.text_of(card)}", "    ") for card in first)]
    lines += [text.wrap(f"  tagged {tag}: {count}", "    ") for tag, count in shown.tags.items()]
    notes = [text.wrap(f"  {sentence(note)}", "    ").replace("`", "") for note in shown.notes]
    return "\n\n".join(filter(None, [text.header(report), "\n".join(lines), "\n".join(notes)]))
