"""A model over a whole data set as HTML that reads in half a minute: findings, metrics, and what stands behind them."""

from __future__ import annotations

from html import escape

from ...pictures.evaluation import Aims, Evaluation, Places, Trust
from ...report import Report
from ..findings import html
from ..pieces import table
from ..pieces.fragment import fragment, rich, static
from ..pieces.words import sentence
from . import heat, panels, plots
from .still import png
from .told import bins_of, text_of

__all__ = ["html_of", "png", "text_of"]

#: style sheets of the cards, of the panels, and of the numbers behind a picture
SHEETS = ("batch.css", "browse.css", "inspection.css", "scores.css", "evaluation.css")


def html_of(report: Report, shown: Evaluation) -> str:
    """A fragment that needs no script: panels side by side where there is room."""
    parts = [panels.metrics(shown)]
    if shown.classes is not None:
        parts.append(panels.parts(shown.classes, "Labels" if shown.classes.by == "label" else "Classes"))
    if shown.confusions is not None:
        parts.append(heat.html_of(shown.confusions))
    parts += [_trust(shown.trust)] if shown.trust is not None else []
    parts += [_scatter(shown.aims), _errors(shown.aims)] if shown.aims is not None else []
    parts += [_places(shown.places)] if shown.places is not None else []
    parts += [panels.parts(each, f"By <code>{escape(each.by)}</code>") for each in shown.slices]
    parts.append(panels.worst(shown))
    drawn = f'<div class="nbr-panels">{"".join(filter(None, parts))}</div>'
    style = f"<style>{''.join(map(static, SHEETS))}</style>"
    return fragment(f"{style}{html.header(report)}{_lead(report, shown)}{drawn}")


def _lead(report: Report, shown: Evaluation) -> str:
    """What was asked, what the first metric says, and what is worth a look."""
    name = shown.scores[0].name if shown.scores else ""
    name = f"`{name}`" if "_" in name else name  # a name of a function keeps its letters
    first = f"{name} **{shown.scores[0].told}**: " if shown.scores else ""
    told = f'<div class="nbr-lead">{rich(sentence(f"{first}{shown.place}"))}</div>'
    notes = "".join(html.row("nbr-row nbr-line", "hint", rich(sentence(note))) for note in shown.notes)
    found = html.rows(report, fold=True) if len(report) else ""
    return told + found + notes


def _trust(trust: Trust) -> str:
    off = sum(one.off for one in trust.bins)
    least, most = min(one.rows for one in trust.bins), max(one.rows for one in trust.bins)
    rows = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    words = f"dots on the dashed line are right, lines are 95 % intervals, {rows} rows each"
    words += f"; the {off} diamonds are off beyond chance" if off else ""
    numbers = panels.folded("the numbers", table.html_of(*bins_of(trust)))
    drawn = plots.trust(trust)
    body = f"{panels.line(trust.told)}{drawn}{panels.line(words)}{numbers}"
    return panels.panel(f"Probabilities<em>: {escape(trust.verdict)}</em>", body, trust.method)


def _scatter(aims: Aims) -> str:
    body = f"{plots.scatter(aims)}{panels.line(f'{aims.extent}; on the dashed line answers are right')}"
    return panels.panel("Answers against what is right", body)


def _errors(aims: Aims) -> str:
    return panels.panel(f"Errors<em>: {rich(aims.told)}</em>", f"{plots.errors(aims)}{panels.line(aims.spread)}")


def _places(places: Places) -> str:
    words = "the band holds the 95 % interval at each position"
    body = f"{plots.places(places)}{panels.line(words)}"
    return panels.panel(f"Loss by position<em>: {rich(places.told)}</em>", body, places.method)
