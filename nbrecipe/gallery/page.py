"""A notebook's page, and the index of all: one document each, with everything in it."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

from .. import __version__
from ..render.pieces.fragment import static
from .cells import Body
from .prose import Heading
from .reading import INDEX
from .scripts import bundle, own, policy, tag

#: by this a file is known as one that may be written over
GENERATOR = '<meta name="generator" content="nbrecipe'
UNRUN = "This notebook was saved without having been run: its cells stand here without what they show."


@dataclass(frozen=True)
class Card:
    """What the index and the neighbours say of a page."""

    page: str
    title: str
    words: str
    picture: str
    told: str


def card(body: Body, page: str, name: str) -> Card:
    """What to say of a page: its title, its first sentences, its largest picture."""
    return Card(page, title(body, name), _first(body.html), _largest(body.shown.stills), counted(body))


def title(body: Body, name: str) -> str:
    """The first heading of the first rank, or the name of the file."""
    return next((heading.words for heading in body.headings.seen if heading.rank == 1), name)


def counted(body: Body) -> str:
    """How much there is on a page."""
    cells, moving = body.cells, body.shown.moving
    told = [f"{cells} cell{'s' * (cells != 1)}"]
    return " · ".join(told + [f"{moving} picture{'s' * (moving != 1)} to scrub"] * (moving > 0))


def page(body: Body, cards: Sequence[Card], at: int, name: str, *, unrun: bool, trust: bool) -> str:
    """The document of the notebook that `cards[at]` tells of."""
    here, shown = cards[at], body.shown
    scripts = [bundle(shown.modules), own("gallery.js"), static("copy.js")] if shown.modules else []
    scripts = scripts or [own("gallery.js"), static("copy.js")]
    around = _around(cards, at)
    note = f'<p class="g-note g-unrun">{UNRUN}</p>' if unrun else ""
    heading = "" if any(each.rank == 1 for each in body.headings.seen) else f"<h1>{escape(here.title)}</h1>"
    foot = f"Made from <code>{escape(name)}</code> by nbrecipe {__version__}; it needs no network and no kernel."
    main = f"""<a class="g-skip" href="#page-main">skip to the notebook</a>
<header class="g-bar"><nav aria-label="notebooks">{around}</nav>
<div class="g-tools">{_FOLD}{_THEME}</div></header>
<div class="g-frame">{_contents(body.headings.seen)}
<main id="page-main" tabindex="-1">{heading}{note}
{body.html}
</main></div>
<footer class="g-foot"><nav aria-label="next notebooks">{around}</nav><p>{foot}</p></footer>"""
    sheets = ["nbr.css", *sorted(shown.styles - {"nbr.css"})] if shown.styles else []
    return _document(here.title, main, scripts, "\n".join(map(static, sheets)), trust=trust)


def index(cards: Sequence[Card]) -> str:
    """The document that leads to all."""
    items = "\n".join(map(_item, cards))
    main = f"""<a class="g-skip" href="#page-main">skip to the notebooks</a>
<header class="g-bar"><span></span><div class="g-tools">{_THEME}</div></header>
<main id="page-main" class="g-index" tabindex="-1"><h1>Notebooks</h1>
<ul class="g-cards">{items}</ul></main>
<footer class="g-foot"><p>Made by nbrecipe {__version__}; these pages need no network and no kernel.</p></footer>"""
    return _document("Notebooks", main, [own("gallery.js")], "")


_FOLD = '<button type="button" class="nbr-button" id="page-fold" hidden>hide code</button>'
_THEME = '<button type="button" class="nbr-button" id="page-theme" hidden>dark</button>'


def _document(title: str, main: str, scripts: Sequence[str], sheets: str, *, trust: bool = False) -> str:
    early = own("early.js")
    guard = f'<meta http-equiv="Content-Security-Policy" content="{policy([early, *scripts])}">'
    head = f"""<meta charset="utf-8">{"" if trust else guard}
<meta name="viewport" content="width=device-width, initial-scale=1">
{GENERATOR} {__version__}"><meta name="color-scheme" content="light dark">
<title>{escape(title)}</title><style>{sheets}{own("gallery.css")}</style>"""
    end = "".join(map(tag, scripts))
    body = f'<body class="nbr-page g">{tag(early)}\n{main}\n{end}</body>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n{body}</html>\n'


def _around(cards: Sequence[Card], at: int) -> str:
    """Links to the index, the notebook before and the one after."""
    links = [f'<a href="{INDEX}">all notebooks</a>']
    if at:
        links.append(f'<a rel="prev" href="{quote(cards[at - 1].page)}">‹ {escape(cards[at - 1].title)}</a>')
    if at + 1 < len(cards):
        links.append(f'<a rel="next" href="{quote(cards[at + 1].page)}">{escape(cards[at + 1].title)} ›</a>')
    return "".join(links)


def _contents(headings: Sequence[Heading]) -> str:
    shown = [heading for heading in headings if 2 <= heading.rank <= 3]
    if len(shown) < 2:
        return ""
    items = "".join(
        f'<li class="g-rank{each.rank}"><a href="#{quote(each.place)}">{escape(each.words)}</a></li>' for each in shown
    )
    return f"""<nav class="g-toc" aria-label="on this page"><details open><summary>On this page</summary>
<ol>{items}</ol></details></nav>"""


def _item(card: Card) -> str:
    picture = f'<div class="g-still">{card.picture}</div>' if card.picture else '<div class="g-still g-none"></div>'
    return f"""<li class="g-card">{picture}
<h2><a href="{quote(card.page)}">{escape(card.title)}</a></h2>
<p>{escape(card.words)}</p><p class="g-told">{escape(card.told)}</p></li>"""


def _first(markup: str, most: int = 260) -> str:
    """The first sentences of the first paragraph, up to about `most` letters."""
    found = re.search(r"<p>(.*?)</p>", markup, re.DOTALL)
    words = " ".join(html.unescape(re.sub(r"<[^>]*>", "", found[1] if found else "")).split())
    told = ""
    for sentence in re.split(r"(?<=[.!?…])\s+(?=[^a-z])", words):
        if told and len(told) + len(sentence) > most:
            break
        told = f"{told} {sentence}".strip()
    return told if len(told) <= 2 * most else told[: 2 * most].rsplit(" ", 1)[0] + " …"


def _largest(stills: Sequence[str]) -> str:
    """The picture with the most pixels on the page, of those that are wide enough to be seen."""
    sized = [(_side(still, "width") * _side(still, "height"), still) for still in stills]
    _, still = max(sized, key=lambda each: each[0], default=(0, ""))
    wide = _side(still, "width")
    bare = re.sub(r' (?:id|class|tabindex|width|height|title|style)="[^"]*"', "", still)
    # of a large picture the first part, so that it can be read
    return bare.replace("<img", f'<img style="width:{max(0.6 * wide, min(wide, 300)):.0f}px"', 1) if wide else bare


def _side(still: str, name: str) -> int:
    found = re.search(rf' {name}="(\d+)', still)
    return int(found[1]) if found else 0
