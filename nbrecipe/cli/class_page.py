"""The table of several notebooks as one page that needs no network: each row opens what was found, and the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from ..render.findings.page import document
from ..render.pieces.fragment import code, fragment, heading, mark, rich
from ..render.pieces.words import sentence
from .class_text import faults, headline, stages
from .meter import megabytes
from .outcome import Outcome

STATIC = Path(__file__).parent / "static"
TITLE = "The class"
CAPTION = (
    "Each stands at the first stage with a fault, else with something that has not run. The gate opens once one batch "
    "has been overfitted. Press a heading to sort by it."
)
#: the columns, and whether they hold numbers
COLUMNS = (
    ("notebook", 0),
    ("stands at", 0),
    ("gate", 0),
    ("found", 0),
    ("cells that ran", 1),
    ("time", 1),
    ("peak memory", 1),
)


def page(outcomes: Sequence[Outcome], seconds: float) -> str:
    """The document."""
    css, script = ((STATIC / name).read_text("utf-8") for name in ("class.css", "class.js"))
    head = "".join(
        f'<th scope="col"{" class=nbr-number" if number else ""}><button type="button" disabled>{name}</button></th>'
        for name, number in COLUMNS
    )
    rows = "".join(_student(i, outcome) for i, outcome in enumerate(outcomes, 1))
    table = (
        f'<table class="nbr-class"><caption>{CAPTION}</caption><thead><tr>{head}</tr></thead>'
        f'{rows}</table><p class="nbr-sorted nbr-soft" role="status"></p>'
    )
    body = f"<main>{heading(TITLE, f'{headline(outcomes)}; {seconds:.0f} s in all')}{_overview(outcomes)}{table}</main>"
    return document(TITLE, fragment(f"<style>{css}</style>{body}") + f"<script>{script}</script>")


def _overview(outcomes: Sequence[Outcome]) -> str:
    """How many stand where, and what several of them share."""
    items = "".join(f"<li>{escape(told)}</li>" for told in stages(outcomes))
    often = faults(outcomes)
    shared = " · ".join(f"<code>{escape(name)}</code> in {count}" for name, count in often[:8])
    told = f"<div>Faults in several notebooks: {shared}</div>" if often else ""
    return f'<ul class="nbr-stages">{items}</ul>{told}'


def _student(number: int, outcome: Outcome) -> str:
    """A row, and beneath it what opens."""
    cells = [
        f'<th scope="row">{escape(outcome.name)}</th>',
        _cell(0, outcome.place, outcome.stage, 1),
        _cell(0, outcome.door, ("–", "shut", "open").index(outcome.door), 2),
        _cell(0, _found(outcome), _rank(outcome), 3, html=True),
        _cell(1, f"{outcome.ran}/{outcome.cells}" if outcome.cells else "–", _share(outcome), 4),
        _cell(1, f"{outcome.seconds:.1f} s" if outcome.cells else "–", outcome.seconds, 5),
        _cell(1, megabytes(outcome.peak_bytes) if outcome.peak_bytes else "–", outcome.peak_bytes, 6),
    ]
    more = f'<tr><td class="nbr-more" colspan="{len(COLUMNS)}">{_more(outcome)}</td></tr>' if _more(outcome) else ""
    return f'<tbody id="n{number}"><tr class="nbr-student">{"".join(cells)}</tr>{more}</tbody>'


def _cell(number: int, told: str, sort: float, column: int, html: bool = False) -> str:
    name = ' class="nbr-number"' if number else ""
    inside = told if html else escape(told)
    return f'<td{name} data-label="{COLUMNS[column][0]}" data-sort="{sort:g}">{inside}</td>'


def _found(outcome: Outcome) -> str:
    counts = escape(outcome.told)
    if not outcome.failure:
        return counts
    fell = f'<span class="nbr-fell">{escape(sentence(outcome.failure))}</span>'
    return fell if outcome.told == "–" else f"{counts}<br>{fell}"


def _rank(outcome: Outcome) -> int:
    """The worst come last: those without a fault, then by faults, then those that did not run to their end."""
    return outcome.exit_code * 10**6 + len(outcome.of("bad")) * 1000 + len(outcome.of("hint"))


def _share(outcome: Outcome) -> float:
    return outcome.ran / outcome.cells if outcome.cells else -1


def _more(outcome: Outcome) -> str:
    """What was found in words, the cell that failed, the board, and the whole report."""
    found = "".join(_finding(f) for verdict in ("bad", "hint", "crashed") for f in outcome.of(verdict))
    failed = f"<div>The cell that failed:</div>{code(outcome.source)}" if outcome.source else ""
    parts = [("what was found", found + failed)] if found or failed else []
    if outcome.report:
        title = escape(f"The report of {outcome.name}")
        # a report holds what students wrote: apart from this page, it can do nothing to it
        apart = 'sandbox="allow-scripts" loading="lazy"'
        frame = f'<iframe title="{title}" {apart} srcdoc="{escape(outcome.report)}"></iframe>'
        parts.append(("the whole report", frame))
    return "".join(
        f'<details><summary>{told}<span class="nbr-sr"> of {escape(outcome.name)}</span></summary>{inside}</details>'
        for told, inside in parts
    )


def _finding(finding: Mapping[str, Any]) -> str:
    where = f" · {rich(finding['where'])}" if finding["where"] else ""
    place = f'<div class="nbr-place"><code>{escape(finding["id"])}</code>{where}</div>'
    body = f'<div class="nbr-body"><div>{rich(sentence(finding["message"]))}</div>{place}</div>'
    return f'<div class="nbr-row">{mark(finding["verdict"])}{body}</div>'
