"""The cells of a notebook as HTML, and what a page has to know about them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from typing import Any

from nbconvert.filters.highlight import Highlight2HTML
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from .outputs import Shown, joined, output
from .places import Places
from .prose import Headings, led, rendered
from .safe import Rules

#: languages of a cell that a magic hands on
OTHERS = ("bash", "sh", "html", "javascript", "latex", "svg", "perl", "ruby")


@dataclass(frozen=True)
class Body:
    """The cells of one notebook."""

    html: str
    headings: Headings
    shown: Shown
    cells: int


def body(notebook: Any, places: Places, *, trust: bool) -> Body:
    """Every cell, in order."""
    headings, rules = Headings(), Rules(places.link, places.picture)
    shown = Shown(rules, trust)
    language = _language(notebook)
    leads = not _divided(notebook)
    parts, count = [], 0
    for cell in notebook.cells:
        tags = {str(tag).replace("_", "-") for tag in cell.metadata.get("tags") or []}
        if "remove-cell" in tags:
            continue
        if cell.cell_type == "markdown":
            places.attachments = cell.get("attachments") or {}
            words = rendered(cell.source, rules, headings)
            parts.append(f'<div class="g-prose">{led(words, headings) if leads else words}</div>')
        elif cell.cell_type == "code":
            count += bool(cell.source.strip())
            parts.append(_code(cell, count, language, tags, shown))
    return Body("\n".join(filter(None, parts)), headings, shown, count)


def _code(cell: Any, count: int, language: str, tags: set[str], shown: Shown) -> str:
    number = str(cell.get("execution_count") or count)
    outs = "" if "remove-output" in tags else "".join(output(out, number, shown) for out in joined(cell.outputs))
    switches = cell.metadata.get("jupyter") or {}
    if outs and (switches.get("outputs_hidden") or cell.metadata.get("collapsed") or "hide-output" in tags):
        outs = f'<details class="g-folded"><summary>what cell {number} shows</summary>{outs}</details>'
    ins = (
        "" if "remove-input" in tags else _input(cell, language, "hide-input" in tags or switches.get("source_hidden"))
    )
    return f'<div class="g-cell">{ins}{outs}</div>' if ins or outs else ""


def _input(cell: Any, language: str, folded: Any) -> str:
    if not cell.source.strip():
        return ""
    count = cell.get("execution_count") or " "
    first = next(line for line in cell.source.splitlines() if line.strip())
    top = f'<span class="g-count"><span class="g-hear">cell </span>[{count}]</span>'
    top += f'<code class="g-first">{escape(first)}</code>'
    lines = "".join(map(_line, highlighted(cell.source, language).split("\n")))
    code = f'<pre class="nbr-code g-code"><code>{lines}</code></pre>'
    return f'<details class="g-in"{"" if folded else " open"}><summary>{top}</summary>{code}</details>'


def _line(line: str) -> str:
    """A line that, where it is wrapped, goes on to the right of where it began."""
    bare = re.sub(r"<[^>]*>", "", line)
    indent = len(bare) - len(bare.lstrip(" "))
    inset = f' style="--in:{indent}ch"' if indent else ""
    return f'<span class="g-line"{inset}>{line}\n</span>'


def highlighted(source: str, language: str) -> str:
    """Code as spans by kind of token; the cell under a magic is code as well."""
    magic = re.match(r"(\s*)(%%)(\w+)([^\n]*)(\n|\Z)", source)
    if not magic or language != "ipython3":
        return _spans(source, language)
    name, rest = magic[3], source[magic.end() :]
    top = f'<span class="o">%%</span><span class="k">{escape(name)}</span>{escape(magic[4])}{magic[5]}'
    return top + _spans(rest, _lexer(name) if name in OTHERS else language)


def _spans(source: str, language: str) -> str:
    whole = Highlight2HTML(pygments_lexer=language)(source)
    inner = re.search(r"<pre>(?:<span></span>)?(.*)</pre>", whole, re.DOTALL)
    return inner[1].rstrip("\n") if inner else escape(source)


def _lexer(name: str) -> str:
    try:
        get_lexer_by_name(name)
    except ClassNotFound:
        return "text"
    return name


def _language(notebook: Any) -> str:
    told = notebook.metadata.get("language_info") or {}
    name = told.get("pygments_lexer") or told.get("name") or "ipython3"
    return "ipython3" if name in ("python", "ipython", "ipython3", "ipython2") else _lexer(str(name))


def _divided(notebook: Any) -> bool:
    """It has headings of its own below its title."""
    return any(
        re.search(r"^ {0,3}#{2,6}\s", cell.source, re.MULTILINE)
        for cell in notebook.cells
        if cell.cell_type == "markdown"
    )
