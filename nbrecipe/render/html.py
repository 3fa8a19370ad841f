"""Findings as an HTML fragment that brings its own style, reads without it, and needs no network."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from ..finding import Result, Verdict
from ..report import Report
from . import figure, film
from .fragment import code, fragment, heading, image, mark, rich
from .words import READING, counted, lacking, lead, seconds, sentence, silence


def findings(report: Report) -> str:
    """The whole answer to a magic: header, faults, hints, what held, what could not run."""
    return fragment(header(report) + rows(report))


def rows(report: Report) -> str:
    """One row for each finding, in the order in which they are read; what held in one row that opens."""
    parts = [finding(result) for verdict in READING for result in report.of(verdict)]
    parts.append(_held(report.of(Verdict.OK)))
    parts += [_lack(*lack) for lack in lacking(report.of(Verdict.SKIPPED))]
    return f'<div class="nbr-rows">{"".join(parts)}</div>'


def header(report: Report) -> str:
    """Title and summary in one line."""
    told = [*counted(report), seconds(report.seconds), report.note]
    return heading(report.title, " · ".join(filter(None, told)) or "nothing has run yet")


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
