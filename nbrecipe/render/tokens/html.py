"""Texts and their tokens as HTML: numbers and findings above, the first texts without a script, all with one."""

from __future__ import annotations

from html import escape

from ...pictures.tokens import CUT, IGNORED, PADDING, Line, Reading, Tokens, Voice
from ...report import Report
from ..findings import html
from ..pieces.fragment import fragment, image, replayed, rich, script, static
from ..pieces.words import sentence
from ..runs.watching import live_rows
from . import spans
from .packed import packed
from .still import png

__all__ = ["LIMIT", "html_of", "png"]

#: letters that all but what is packed may have, and those that the findings may take of them
LIMIT, FINDINGS = 200_000, 80_000
#: letters that each text without a script may show, texts, and tokens whose ids are listed under it; less if too large
STEPS = ((400, 10, 120), (300, 8, 80), (240, 6, 40), (120, 3, 20))
#: characters of what could not be read
GIVEN = 120


def html_of(report: Report, shown: Tokens, drawn: bytes | None) -> str:
    """A fragment that stands without scripts and is windowed with them; `drawn` is what `png` makes."""
    found = html.rows(report, fold=True)
    if len(found) > FINDINGS:
        found = live_rows(report)
    style = f"<style>{static('batch.css')}{static('tokens.css')}</style>"
    top = f'{style}{html.header(report)}{_counted(shown, drawn)}<div class="nbr-part-of">{found}</div>'
    module = script("tokens.js")
    carried, count = packed(shown) if shown.lines else (b"", 0)
    for step in STEPS:
        still = _still(shown, count, *step)
        if len(top) + len(still) + len(module) * 4 // 3 <= LIMIT:
            break
    view = replayed(module, still, carried) if shown.lines else ""
    notes = [*shown.notes, *_left(shown, count)]
    told = "".join(f'<div class="nbr-place">{rich(sentence(note))}</div>' for note in notes)
    return fragment(f'{top}<div class="nbr-tokened">{view}</div>{told}')


def _left(shown: Tokens, count: int) -> list[str]:
    left = len(shown.lines) - count
    return [f"{left} of these {len(shown.lines)} {shown.kind}s were left out to keep this small"] if left else []


def _counted(shown: Tokens, drawn: bytes | None) -> str:
    """What was counted over all texts, and how long they are."""
    rows = "".join(f"<tr><th>{rich(name)}</th><td>{rich(told)}</td></tr>" for name, told in shown.numbers)
    table = f'<div><table class="nbr-numbers">{rows}</table></div>' if rows else ""
    picture = image(drawn, words_of_lengths(shown)) if drawn is not None else ""
    return f'<div class="nbr-counted-over">{table}{picture}</div>' if table or picture else ""


def words_of_lengths(shown: Tokens) -> str:
    """What the picture shows, in words."""
    if shown.lengths is None or not len(shown.lengths.counts):
        return ""
    edges, counts = shown.lengths.edges, shown.lengths.counts
    most = int(counts.argmax())
    middle = (edges[most] + edges[most + 1]) / 2
    told = f"lengths in tokens: from {edges[0]:.0f} to {edges[-1]:.0f}, most around {middle:.0f}"
    return told + (f"; {shown.lengths.limit} are allowed" if shown.lengths.limit else "")


def _still(shown: Tokens, count: int, letters: int, lines: int, ids: int) -> str:
    first = shown.lines[: min(lines, count)]
    body = "".join(_line(line, shown, letters, ids) for line in first)
    left = count - len(first)
    more = f"here stand the first {len(first)} of {count}; where scripts run, all of them"
    return body + (f'<div class="nbr-place">{more}</div>' if left else "")


def _line(line: Line, shown: Tokens, letters: int, ids: int) -> str:
    voices = shown.voices
    parts = [f"<strong>{escape(line.name)}</strong>"]
    parts += [f'<span class="nbr-label">{escape(line.caption)}</span>'] if line.caption else []
    parts += [f'<strong class="nbr-bad">{escape(line.lost)}</strong>'] if line.lost else []
    top = f'<div class="nbr-text-head">{" ".join(parts)}</div>'
    if line.failed:
        top += _failed(line.failed, line.given)
    columns = "".join(
        _column(reading, voice, letters, ids, name=voice.name if len(voices) > 1 else "", row=shown.kind == "row")
        for reading, voice in zip(line.readings, voices, strict=False)
    )
    abreast = "nbr-abreast" if shown.kind == "text" and len(line.readings) > 1 else ""
    return f'<div class="nbr-text-line">{top}<div class="{abreast}">{columns}</div></div>'


def _column(reading: Reading, voice: Voice, letters: int, ids: int, *, name: str, row: bool) -> str:
    told = " · ".join(filter(None, (name, tokens(reading, row=row))))
    listed = _ids(reading, voice, ids)
    opened = f"<details><summary>{escape(told)}</summary>{listed}</details>" if listed else escape(told)
    way = spans.direction(reading.text)
    back = f'<div class="nbr-back" dir="{way}">{_back(reading)}</div>' if reading.back else ""
    body = spans.html_of(reading, voice, letters) if len(reading.ends) or not reading.failed else ""
    failed = _failed(reading.failed) if reading.failed else ""
    return f'<div class="nbr-column">{body}<div class="nbr-soft">{opened}</div>{failed}{back}</div>'


def _failed(why: str, given: str = "") -> str:
    beside = f" <code>{escape(spans.plainly(given[:GIVEN]))}</code>" if given else ""
    return f'<div class="nbr-failed">✗ <bdi>{escape(why)}</bdi>{beside}</div>'


def tokens(reading: Reading, *, row: bool = False) -> str:
    """How many tokens there are, and what of them is cut off; of a row its places, padding and targets."""
    if reading.failed and not len(reading.ids):
        return ""
    count = len(reading.ids) if row else reading.length
    told = [f"{count:,} {'place' if row else 'token'}{'' if count == 1 else 's'}"]
    without = int((reading.ids == IGNORED).sum())
    counts = (reading.count(CUT), "cut off"), (row and reading.count(PADDING), "padding"), (without, "without a target")
    return " · ".join([*told, *(f"{count:,} {what}" for count, what in counts if count)])


def _ids(reading: Reading, voice: Voice, most: int) -> str:
    """The first ids in order, each with its piece: what a pointer would tell, for keyboards and plain pages."""
    if not len(reading.ids):
        return ""
    told = ("–" if i == IGNORED else f"{i} {voice.pieces.get(i, '')}".strip() for i in reading.ids[:most].tolist())
    more = f" · … {len(reading.ids) - most:,} more" if len(reading.ids) > most else ""
    return f'<div class="nbr-ids">{escape(" · ".join(told))}{more}</div>'


def _back(reading: Reading) -> str:
    told = ""
    for kind, text in reading.back:
        tag = {"gone": "del", "new": "ins"}.get(kind, "span")
        told += f"<{tag}>{escape(text if kind == 'same' else spans.plainly(text))}</{tag}>"
    return f'<span class="nbr-soft">comes back as </span>{told}'
