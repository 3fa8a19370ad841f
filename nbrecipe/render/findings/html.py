"""Findings as an HTML fragment that brings its own style, reads without it, and needs no network."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from ...finding import Result, Verdict
from ...report import Report, State
from ..pieces import figure
from ..pieces.fragment import code, fragment, heading, image, mark, rich
from ..pieces.words import READING, counted, lacking, seconds, sentence, silence, telling
from ..runs import film


def findings(report: Report) -> str:
    """The whole answer to a magic: header, faults, hints, what held, what could not run."""
    return fragment(header(report) + rows(report))


def rows(report: Report, *, fold: bool = False) -> str:
    """One row for each finding, in the order in which they are read; what held in one row that opens.

    With `fold` that row is closed even where it stands alone, and there is one for what was skipped and nobody can
    hand over.
    """
    parts = [finding(result) for verdict in READING for result in report.of(verdict)]
    parts.append(_held(report.of(Verdict.OK), alone=not parts and not fold))
    lacks = lacking(report.of(Verdict.SKIPPED))
    idle = [lack for lack in lacks if fold and not lack[1]]
    parts += [_lack(*lack) for lack in lacks if lack not in idle]
    parts += [_folded(idle)] if idle else []
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
    drawn = picture(result)
    right = f'<div class="nbr-picture">{drawn}</div>' if drawn else ""
    return row("nbr-row", found.verdict.value, body, right) + shown


def row(name: str, state: State, body: str, right: str = "", tag: str = "div") -> str:
    """A mark, what it marks, and what stands to the right of it."""
    return f'<{tag} class="{name}">{mark(state)}<div class="nbr-body">{body}</div>{right}</{tag}>'


def picture(result: Result) -> str:
    """What the check saw as an image, so that it survives where scripts are stripped; a film says it already."""
    drawn = _drawn(result)
    return "" if drawn is None else image(drawn, _words(result))


def _drawn(result: Result) -> bytes | None:
    return None if result.finding.film is not None else figure.png(result)


def _words(*results: Result) -> str:
    return "; ".join(f"{result.title}: {result.finding.message}" for result in results)


def _place(result: Result) -> str:
    found = result.finding
    where = found.where if "`" in found.where or " " in found.where else f"`{found.where}`"
    told = [_id(result.id), *(rich(text) for text in (where if found.where else "", found.why) if text)]
    return f'<div class="nbr-place">{" · ".join(told)}</div>'


def _held(held: list[Result], *, alone: bool) -> str:
    if len(held) < 2:
        return "".join(map(finding, held))
    first, *others = held = telling(held)
    ids = _ids(result.id for result in held)
    body = f'<div class="nbr-say">{rich(sentence(first.finding.message))}</div>'
    body += f'<div class="nbr-place">{ids} <span class="nbr-open">show all {len(held)}</span></div>'
    lines = [row("nbr-row nbr-line", "ok", rich(sentence(r.finding.message)), _soft(_id(r.id))) for r in others]
    films = [film.html(result.finding.film) for result in held if result.finding.film is not None]
    shown = _pictures(held)
    strip = f'<div class="nbr-strip">{shown}</div>' if shown else ""
    top = row("nbr-row", "ok", body, tag="summary")
    return f"<details{' open' if alone else ''}>{top}{''.join(lines)}{strip}{''.join(films)}</details>"


def _pictures(held: list[Result]) -> str:
    """A picture for each that draws one; what two checks saw alike stands once."""
    alike: dict[bytes, list[Result]] = {}
    for result in held:
        drawn = _drawn(result)
        if drawn is not None:
            alike.setdefault(drawn, []).append(result)
    return "".join(
        f"<figure><figcaption>{_ids(r.id for r in seen)}</figcaption>{image(drawn, _words(*seen))}</figure>"
        for drawn, seen in alike.items()
    )


def _lack(message: str, line: str, ids: list[str]) -> str:
    return row("nbr-row nbr-line nbr-lack", "skipped", f"{rich(sentence(message))}: {_ids(ids)}", code(line))


def _folded(idle: list[tuple[str, str, list[str]]]) -> str:
    if len(idle) == 1:
        return _lack(*idle[0])
    count = len({name for _, _, ids in idle for name in ids})
    body = f'{count} checks found nothing here to judge <span class="nbr-open">show them</span>'
    top = row("nbr-row nbr-line nbr-lack", "skipped", body, tag="summary")
    return f"<details>{top}{''.join(_lack(*lack) for lack in idle)}</details>"


def _ids(ids: Iterable[str]) -> str:
    return " · ".join(map(_id, dict.fromkeys(ids)))  # once, on whatever occasions


def _soft(told: str) -> str:
    return f'<span class="nbr-soft">{told}</span>'


def _id(name: str) -> str:
    return f'<code title="to silence it, in any cell: # nbrecipe: ignore {escape(name)}">{escape(name)}</code>'
