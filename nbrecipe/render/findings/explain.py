"""A check's page: what holds, why it matters, whose advice it is, and examples that really ran."""

from __future__ import annotations

import ast
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
    """What it needs and costs, and the line that runs it."""
    if "trace" in page.needs:
        return "Judges a loop as it runs: put `%%watch` above its cell."
    if "rewrite" in page.needs:
        return "Compares a function with the loop that it replaces: put `%%same_as LOOP` above its cell."
    needs = ", ".join(f"`{name}`" for name in page.needs if name != "bench")  # which is whatever there is
    told = f"{f'needs {needs}; ' if needs else ''}{COSTS.get(page.cost, page.cost)}"
    return f"{sentence(told)}. `%recipe {page.id}` runs it."


def _source(example: Example) -> str:
    """What an example does, without the mark and the sentence that its title says already."""
    source = textwrap.dedent(example.source).strip("\n")
    try:
        made = ast.parse(source).body[0]
    except (SyntaxError, IndexError):
        return source
    if not isinstance(made, ast.FunctionDef):
        return source
    lines, first = source.splitlines(), made.body[0]
    said = ast.get_docstring(made) is not None and len(made.body) > 1
    body = lines[(first.end_lineno or 0) if said else first.lineno - 1 :]
    head = [line.replace(" -> Bench:", ":") for line in lines[made.lineno - 1 : first.lineno - 1]]
    return "\n".join([*head, *body]) if first.lineno > made.lineno else source


def _title(example: Example) -> str:
    return f"**{KINDS[example.kind]}:** {sentence(example.doc) if example.doc else example.name}"


def _example_text(example: Example) -> str:
    title = _text.wrap(_title(example).replace("**", ""))
    source = textwrap.indent(_source(example), "    ")
    return f"{title}\n{source}\n{textwrap.indent(_text.finding(example.result), '  ')}"


def _example_html(example: Example) -> str:
    title = f'<div class="nbr-head"><span class="nbr-fg">{rich(_title(example))}</span></div>'
    return f'<div class="nbr-part">{title}{code(_source(example))}{_html.finding(example.result)}</div>'
