"""Markdown of a notebook as HTML: formulas drawn, headings that can be linked to."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mistune import HTMLRenderer
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from .maths import formula
from .safe import Rules, clean

#: bold words that open a paragraph and end as a sentence does: a heading, where a notebook has no others
LEAD = re.compile(
    r"\A\s*<p><strong>(?P<lead>(?:(?!</?strong|</?p).){2,90}?)(?:[.:]|(?<=[?!]))</strong>(?=\s|</p>)(?P<rest>.*?)</p>",
    re.DOTALL,
)


@dataclass(frozen=True)
class Heading:
    """A heading of a page: its rank, where it stands, its words."""

    rank: int
    place: str
    words: str


@dataclass
class Headings:
    """The headings of a page, in order, each with a place of its own."""

    seen: list[Heading] = field(default_factory=list)

    def add(self, rank: int, inner: str) -> str:
        """The place of a new heading."""
        words = html.unescape(re.sub(r"<[^>]*>", "", inner)).strip()
        # as Jupyter names it, so that links made there lead here
        name = re.sub(r"\s", "-", words) or "section"
        taken = {heading.place for heading in self.seen}
        place = next(p for n in range(1, len(taken) + 2) if (p := name if n == 1 else f"{name}-{n}") not in taken)
        self.seen.append(Heading(rank, place, words))
        return place


class _Renderer(IPythonRenderer):
    def __init__(self, add: Callable[[int, str], str]) -> None:
        super().__init__(escape=False, exclude_anchor_links=True)
        self.add = add

    def heading(self, text: str, level: int, **_: Any) -> str:
        return f'<h{level} id="{html.escape(self.add(level, text))}">{text}</h{level}>\n'

    def block_math(self, body: str) -> str:
        return formula(body, display=True)

    def inline_math(self, body: str) -> str:
        return formula(body)

    def latex_environment(self, name: str, body: str) -> str:
        return formula(f"\\begin{{{name}}}{body}\\end{{{name}}}", display=True)

    def image(self, *args: Any, **kw: Any) -> str:
        # embedded where all pictures are, however they were written
        return str(HTMLRenderer.image(self, *args, **kw))


def rendered(source: str, rules: Rules, headings: Headings) -> str:
    """The HTML of Markdown that may be anybody's."""
    return clean(MarkdownWithMath(renderer=_Renderer(headings.add)).render(source), rules)


def led(markup: str, headings: Headings) -> str:
    """The same with its bold first words as a heading, where they are a sentence."""
    lead = LEAD.match(markup)
    if not lead:
        return markup
    inner, rest = lead["lead"], lead["rest"].strip()
    place = html.escape(headings.add(2, inner))
    told = f"<p>{rest}</p>" if rest else ""
    return f'<h2 id="{place}">{inner}</h2>\n{told}{markup[lead.end() :]}'
