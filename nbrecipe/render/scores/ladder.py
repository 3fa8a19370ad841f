"""Baselines and the model on one ladder, as HTML that needs no script and as text."""

from __future__ import annotations

from ...pictures.ladder import LadderShown, Step
from ...report import Report
from ..data import beside
from ..findings import html, text
from ..pieces.fragment import fragment, rich, static
from ..pieces.words import readable, sentence
from . import standings

#: rows behind a gap that a terminal shows
LINES = 4


def html_of(report: Report, shown: LadderShown) -> str:
    """The ladder, how each rung answers, and what the simple approach lacks."""
    sheets = ["ladder.css", *(["batch.css", "browse.css", "inspection.css"] if shown.looks else [])]
    parts = [f"<style>{''.join(map(static, sheets))}</style>", html.header(report)]
    parts += [f'<div class="nbr-verdict">{rich(sentence(shown.verdict))}</div>'] if shown.verdict else []
    parts += [_place(shown.extent), standings.html_of(shown.standings)]
    parts.append(f'<div class="nbr-rungs">{"".join(map(_step, shown.steps))}</div>')
    parts += [_place(note) for note in shown.notes]
    parts.append(f'<div class="nbr-found">{html.rows(report, fold=True)}</div>' if len(report) else "")
    parts += [beside.html_of(look) for look in shown.looks]
    return fragment("".join(filter(None, parts)))


def _place(told: str) -> str:
    return f'<div class="nbr-place">{rich(sentence(told))}</div>'


def _step(step: Step) -> str:
    """One line that opens to what beating it shows."""
    told, beaten = f"**{step.name}** {_how(step)}", _beaten(step)
    if not beaten:
        return f'<div class="nbr-rung">{rich(told)}</div>'
    return f'<details class="nbr-rung"><summary>{rich(told)}</summary><div>{rich(beaten)}</div></details>'


def _how(step: Step) -> str:
    if step.refused:
        return f"was not tried: {step.refused}"
    return f"{step.how}; fitted on {step.fitted_on}" if step.fitted_on else step.how


def _beaten(step: Step) -> str:
    """What beating it shows, and what it cannot see."""
    shows = f"beating it shows {step.shows}" if step.shows and not step.refused else ""
    cannot = f"it {step.cannot}" if step.cannot and shows else ""
    return sentence("; ".join(filter(None, [shows, cannot])))


def text_of(report: Report, shown: LadderShown) -> str:
    """The same as plain text that stands alone."""
    parts = [text.header(report), text.wrap(f"  {_plain(sentence(shown.verdict))}", "    ") if shown.verdict else ""]
    parts.append(text.wrap(f"  {_plain(sentence(shown.extent))}", "    "))
    parts.append(standings.text_of(shown.standings))
    lines = []
    for step in shown.steps:
        lines.append(text.wrap(f"  {_plain(step.name)}: {_plain(_how(step))}", "    "))
        lines += [text.wrap(f"    {_plain(beaten)}", "    ")] if (beaten := _beaten(step)) else []
    parts.append("\n".join(lines))
    for look in shown.looks:
        parts.append("\n".join(text.wrap(line, "      ") for line in beside.text_of(look)[: 1 + 2 * LINES]))
    parts += [text.wrap(f"  {_plain(sentence(note))}", "    ") for note in shown.notes]
    return readable("\n\n".join(filter(None, [*parts, *text.rows(report, fold=True)])))


def _plain(told: str) -> str:
    return told.replace("`", "").replace("**", "")
