"""Findings as an HTML fragment that brings its own style, reads without it, and needs no network."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from ..finding import Result, Verdict
from ..report import Report, State
from . import figure, film
from .fragment import code, fragment, heading, image, mark, rich
from .words import READING, counted, lacking, lead, seconds, sentence, silence


def findings(report: Report) -> str:
    """The whole answer to a magic: header, faults, hints, what held, what could not run."""
    return fragment(header(report) + rows(report))


def rows(report: Report) -> str:
    """One row for each finding, in the order in which they are read; what held in one row that opens."""
    parts = [finding(result) for verdict in READING for result in report.of(verdict)]
    parts.append(_held(report.of(Verdict.OK), alone=not parts))
    parts += [_lack(*lack) for lack in lacking(report.of(Verdict.SKIPPED))]
    if told := report.of(Verdict.BAD, Verdict.HINT):
        parts.append(f'<div class="nbr-row nbr-foot">To silence: <code>{escape(silence(*told))}</code></div>')
    return "".join(parts)


def header(report: Report) -> str:
    """Title and summary in one line."""
    told = [*counted(report), seconds(report.seconds), report.note]
    return heading(report.title, " · ".join(filter(None, told)) or "nothing has run yet")


def finding(result: Result) -> str:
    """One row: mark, sentence, id and place, what to do, lines to paste, picture; a film below."""
    found = result.finding
    body = f'<div class="nbr-say">{rich(sentence(found.message))}</div>{_place(result)}'
    body += f"<div>{rich(found.fix)}</div>" if found.fix else ""
    body += code(found.code)
    shown = film.html(found.film) if found.film is not None else ""
    return row("nbr-row", found.verdict.value, body, picture(result)) + shown


def row(name: str, state: State, body: str, right: str = "", tag: str = "div") -> str:
    """A mark, what it marks, and what stands to the right of it."""
    return f'<{tag} class="{name}">{mark(state)}<div class="nbr-body">{body}</div>{right}</{tag}>'


def picture(result: Result) -> str:
    """What the check saw as an image, so that it survives where scripts are stripped; a film says it already."""
    drawn = None if result.finding.film is not None else figure.png(result)
    if drawn is None:
        return ""
    return f'<div class="nbr-picture">{image(drawn, f"{result.title}: {result.finding.message}")}</div>'


def _place(result: Result) -> str:
    found = result.finding
    where = found.where if "`" in found.where or " " in found.where else f"`{found.where}`"
    told = [_id(result.id), *(rich(text) for text in (where if found.where else "", found.why) if text)]
    return f'<div class="nbr-place">{" · ".join(told)}</div>'


def _held(held: list[Result], *, alone: bool) -> str:
    if not held:
        return ""
    first = lead(held)
    others = [result for result in held if result is not first]
    if not others:
        return finding(first)
    ids = _ids(result.id for result in (first, *others))
    body = f'<div class="nbr-say">{rich(sentence(first.finding.message))}</div>'
    body += f'<div class="nbr-place">{ids} <span class="nbr-open">show all {len(held)}</span></div>'
    top = row("nbr-row", "ok", body, picture(first), tag="summary")
    return f"<details{' open' if alone else ''}>{top}{''.join(_also(result) for result in others)}</details>"


def _also(result: Result) -> str:
    """One more that held: a line, unless there is a picture."""
    shown = picture(result)
    if shown or result.finding.film is not None:
        return finding(result)
    return row("nbr-row nbr-line", "ok", rich(sentence(result.finding.message)), _ids([result.id]))


def _lack(message: str, line: str, ids: list[str]) -> str:
    return row("nbr-row nbr-line nbr-lack", "skipped", f"{rich(sentence(message))}: {_ids(ids)}", code(line))


def _ids(ids: Iterable[str]) -> str:
    return " · ".join(map(_id, ids))


def _id(name: str) -> str:
    return f'<code title="to silence it, in any cell: # nbrecipe: ignore {escape(name)}">{escape(name)}</code>'
