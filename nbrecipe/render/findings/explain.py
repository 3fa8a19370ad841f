"""A check's page: what holds, why it matters, whose advice it is, and examples that really ran."""

from __future__ import annotations

import textwrap
from html import escape

from ...recipe import ESSAYS
from ...report import Example, ExplainPage
from ..pieces.fragment import code, fragment, heading, rich
from ..pieces.words import sentence
from . import html as _html
from . import text as _text

COSTS = {"instant": "looks at objects or one batch", "scan": "reads the data set", "trains": "trains for seconds"}
KINDS = {"breaks": "Breaks", "holds": "Holds"}
#: what a check says it comes from that a notebook wrote
NOTEBOOK = "notebook"


def text(page: ExplainPage) -> str:
    """The page as plain text."""
    parts = [
        _text.wrap(f"{page.id}: {page.title}"),
        *(_text.wrap(" ".join(part.split())) for part in page.why.split("\n\n") if part),
        _text.wrap(_tip(page)),
        _text.wrap(_needs(page)),
        *(_example_text(example) for example in page.examples),
        f"To silence it, put `# nbrecipe: ignore {page.id}` in a cell.",
    ]
    return "\n\n".join(parts)


def html(page: ExplainPage) -> str:
    """The page as an HTML fragment."""
    tip = page.tip
    link = f'<a href="{ESSAYS[tip.author]}">{escape(tip.source)}</a>' if tip.author in ESSAYS else ""
    advice = f"{link}, <em>{escape(tip.name)}</em>: {escape(tip.advice)}" if link else escape(_tip(page))
    told = [
        heading(page.title, f"`{page.id}`"),
        *(f'<p class="nbr-say">{rich(" ".join(part.split()))}</p>' for part in page.why.split("\n\n") if part),
        f'<p class="nbr-aside">{advice}</p>',
        f'<p class="nbr-aside">{rich(_needs(page))}</p>',
        *(_example_html(example) for example in page.examples),
        f'<p class="nbr-aside">{rich(f"To silence it, put `# nbrecipe: ignore {page.id}` in a cell.")}</p>',
    ]
    return fragment(f'<div class="nbr-explain">{"".join(told)}</div>')


def _tip(page: ExplainPage) -> str:
    """Whose advice it is, in words."""
    tip = page.tip
    if tip.author in ESSAYS:
        return f"{tip.source}, {tip.name}: {tip.advice}"
    whose = "A check written in this notebook" if page.source == NOTEBOOK else f"A check of the package {page.source}"
    return f"{whose}; on the board it stands in the stage {tip.stage}."


def _needs(page: ExplainPage) -> str:
    needs = ", ".join(f"`{name}`" for name in page.needs)
    return f"Needs {needs or 'nothing'}; {COSTS.get(page.cost, page.cost)}."


def _title(example: Example) -> str:
    return f"**{KINDS[example.kind]}:** {sentence(example.doc) if example.doc else example.name}"


def _example_text(example: Example) -> str:
    title = _text.wrap(_title(example).replace("**", ""))
    source = textwrap.indent(example.source.strip("\n"), "    ")
    return f"{title}\n{source}\n{textwrap.indent(_text.finding(example.result), '  ')}"


def _example_html(example: Example) -> str:
    title = f'<div class="nbr-head"><span class="nbr-fg">{rich(_title(example))}</span></div>'
    return f'<div class="nbr-part">{title}{code(example.source)}{_html.finding(example.result)}</div>'
