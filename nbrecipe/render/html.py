"""Findings as an HTML fragment that brings its own style, reads without it, and needs no network."""

from __future__ import annotations

import base64
import functools
from collections.abc import Iterable
from html import escape
from pathlib import Path

from ..finding import Result, Verdict
from ..report import Report
from . import figure, film
from .words import MARKS, READING, WORDS, State, counted, lacking, lead, seconds, sentence, silence, spans

STATIC = Path(__file__).parent / "static"


def findings(report: Report) -> str:
    """The whole answer to a magic: header, faults, hints, what held, what could not run."""
    return fragment(header(report) + rows(report))


def rows(report: Report) -> str:
    """One row for each finding, in the order in which they are read; what held in one row that opens."""
    parts = [finding(result) for verdict in READING for result in report.of(verdict)]
    parts.append(_held(report.of(Verdict.OK)))
    parts += [_lack(*lack) for lack in lacking(report.of(Verdict.SKIPPED))]
    return f'<div class="nbr-rows">{"".join(parts)}</div>'


@functools.cache
def static(name: str) -> str:
    """A style sheet or a script of ours."""
    return (STATIC / name).read_text(encoding="utf-8")


def fragment(body: str) -> str:
    """The body with what it needs to stand in any page: the style, and the script that adds copy buttons."""
    script = f"<script>{static('copy.js')}</script>" if "nbr-code" in body else ""
    return f'<style>{static("nbr.css")}</style><div class="nbr">{body}{script}</div>'


def rich(message: str) -> str:
    """A message, escaped, with its stressed numbers in bold and its names as code."""
    out = []
    for styles, piece in spans(message):
        told = escape(piece)
        for tag in reversed(styles):
            told = f"<{tag}>{told}</{tag}>"
        out.append(told)
    return "".join(out)


def mark(state: State) -> str:
    """The mark of a verdict, with its word for those who do not see it."""
    word = WORDS[state]
    return f'<span class="nbr-mark nbr-{state}" role="img" aria-label="{word}" title="{word}">{MARKS[state]}</span>'


def header(report: Report) -> str:
    """Title and summary in one line."""
    told = [*counted(report), seconds(report.seconds), report.note]
    return heading(report.title, " · ".join(filter(None, told)) or "nothing has run yet")


def heading(title: str, summary: str) -> str:
    """A title and, beside it, a line about it."""
    return f'<div class="nbr-head"><strong class="nbr-title">{rich(title)}</strong> <span>{rich(summary)}</span></div>'


def code(lines: str) -> str:
    """Lines to paste."""
    return f'<pre class="nbr-code"><code>{escape(lines.strip(chr(10)))}</code></pre>' if lines.strip() else ""


def finding(result: Result) -> str:
    """One row: mark, sentence, id and place, what to do, lines to paste, picture; a film below."""
    found = result.finding
    silent = f' <span class="nbr-faint">{escape(silence(result))}</span>' if found.verdict in _SILENT else ""
    body = f'<div class="nbr-say">{rich(sentence(found.message))}</div>{_place(result)}'
    body += f'<div class="nbr-fix">{rich(found.fix)}</div>' if found.fix else ""
    body += code(found.code)
    shown = film.html(found.film) if found.film is not None else ""
    cells = f'{mark(found.verdict.value)}<div class="nbr-body">{body}{silent}</div>{picture(result)}'
    return f'<div class="nbr-row">{cells}</div>{shown}'


_SILENT = (Verdict.BAD, Verdict.HINT)


def picture(result: Result) -> str:
    """What the check saw as an image, so that it survives where scripts and style are stripped."""
    drawn = figure.png(result)
    if drawn is None:
        return ""
    return f'<div class="nbr-picture">{image(drawn, f"{result.title}: {result.finding.message}")}</div>'


def image(png: bytes, words: str) -> str:
    """A picture at half its pixels, sharp on dense screens; `words` say what it shows."""
    width, height = (int.from_bytes(png[at : at + 4], "big") // 2 for at in (16, 20))
    data = base64.b64encode(png).decode()
    told = escape(words.replace("**", "").replace("`", ""))
    return f'<img src="data:image/png;base64,{data}" width="{width}" height="{height}" alt="{told}">'


def _place(result: Result) -> str:
    found = result.finding
    told = [f"<code>{escape(result.id)}</code>", *(rich(text) for text in (found.where, found.why) if text)]
    return f'<div class="nbr-soft">{" · ".join(told)}</div>'


def _held(held: list[Result]) -> str:
    if not held:
        return ""
    first = lead(held)
    others = [result for result in held if result is not first]
    ids = _ids(result.id for result in (first, *others))
    if not others:
        return finding(first)
    body = f'<div class="nbr-say">{rich(sentence(first.finding.message))}</div><div class="nbr-soft">{ids}</div>'
    top = f'<summary class="nbr-row">{mark("ok")}<div class="nbr-body">{body}</div>{picture(first)}</summary>'
    return f'<details class="nbr-held">{top}{"".join(finding(result) for result in others)}</details>'


def _lack(message: str, line: str, ids: list[str]) -> str:
    body = f'<div class="nbr-soft">{rich(sentence(message))}: {_ids(ids)}</div>{code(line)}'
    return f'<div class="nbr-row nbr-quiet">{mark("skipped")}<div class="nbr-body">{body}</div></div>'


def _ids(ids: Iterable[str]) -> str:
    return " · ".join(f"<code>{escape(name)}</code>" for name in ids)
