"""HTML of a notebook, reduced to what shows: known tags and attributes, no script, no style sheet, no request."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from bleach.css_sanitizer import ALLOWED_CSS_PROPERTIES, CSSSanitizer
from bleach.html5lib_shim import Filter
from bleach.sanitizer import Cleaner


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PROSE = _words("""
    a abbr b blockquote br caption center cite code col colgroup dd del details dfn div dl dt em figcaption figure font
    h1 h2 h3 h4 h5 h6 hr i ins kbd li mark ol p pre q rp rt ruby s samp section small span strike strong sub summary sup
    table tbody td tfoot th thead time tr tt u ul var wbr img input audio video
""")
DRAWING = _words("svg g path line polyline polygon rect circle ellipse text tspan title desc defs")
#: dropped with everything in them; of what is not named at all, the words stay
DROPPED = _words("""
    script style noscript template iframe object embed textarea select head noembed noframes xmp
""")
TAGS = PROSE | DRAWING | DROPPED
#: what is counted, and said, when it is dropped
RUNS = _words("script iframe object embed")

EVERYWHERE = _words("class id title role dir lang style tabindex hidden align valign")
OWN = {
    "a": "href name", "img": "src alt width height", "audio": "src controls", "video": "src controls width height",
    "td": "colspan rowspan headers", "th": "colspan rowspan headers scope", "table": "border", "col": "span",
    "colgroup": "span", "details": "open", "ol": "start type reversed", "li": "value", "time": "datetime",
    "font": "color", "input": "type checked disabled",
}  # fmt: skip
DRAWN = _words("""
    viewBox viewbox width height d x y x1 y1 x2 y2 cx cy r rx ry dx dy points transform fill fill-opacity fill-rule
    stroke stroke-width stroke-opacity stroke-dasharray stroke-linecap stroke-linejoin opacity text-anchor
    dominant-baseline font-size font-family font-weight preserveAspectRatio
""")
#: what moves an element out of its place is not among them
STYLES = ALLOWED_CSS_PROPERTIES | _words("""
    background border border-bottom border-left border-radius border-right border-spacing border-top left margin
    margin-bottom margin-left margin-right margin-top max-height max-width min-height min-width opacity padding
    padding-bottom padding-left padding-right padding-top text-transform word-break overflow-wrap stroke stroke-width
    fill display flex flex-wrap gap --p --s --at
""")
KINDS = r"image/(?:png|jpeg|gif|webp|svg\+xml|bmp)|audio/[\w.+-]+|video/[\w.+-]+"
EMBEDDED = re.compile(rf"data:({KINDS})[;,]", re.IGNORECASE)


@dataclass
class Rules:
    """Where links and pictures lead, "" for nowhere; and how many scripts were dropped."""

    link: Callable[[str], str]
    picture: Callable[[str], str]
    scripts: int = 0


class _Styles(CSSSanitizer):  # type: ignore[misc]
    def sanitize_css(self, style: str) -> str:
        kept: str = super().sanitize_css(style)
        return "" if re.search(r"url\s*\(|image-set|expression", kept, re.IGNORECASE) or "\\" in kept else kept


def clean(html: str, rules: Rules) -> str:
    """The HTML as it may stand in a page."""
    cleaner = Cleaner(
        tags=TAGS,
        attributes=_allowed,
        protocols={"http", "https", "mailto", "data", "attachment"},
        strip=True,
        css_sanitizer=_Styles(allowed_css_properties=STYLES, allowed_svg_properties=()),
        filters=[functools.partial(_Shown, rules=rules)],
    )
    return str(cleaner.clean(html))


def _allowed(tag: str, name: str, value: str) -> bool:
    if name in ("href", "src") and value.strip().lower().startswith("data:"):
        return name == "src" and bool(EMBEDDED.match(value.strip()))
    if tag == "input" and name == "type":
        return value == "checkbox"
    own = name in OWN.get(tag, "").split() or (tag in DRAWING and name in DRAWN)
    return own or name in EVERYWHERE or name.startswith("aria-")


class _Shown(Filter):  # type: ignore[misc]
    """Drops what never shows, and leads links and pictures to where they lie."""

    def __init__(self, source: Any, rules: Rules) -> None:
        super().__init__(source)
        self.rules = rules

    def __iter__(self) -> Iterator[dict[str, Any]]:
        within = 0
        for token in super().__iter__():
            kind, name = token["type"], str(token.get("name", "")).lower()
            if within:
                within += {"StartTag": 1, "EndTag": -1}.get(kind, 0)
            elif kind in ("StartTag", "EmptyTag") and name in DROPPED:
                self.rules.scripts += name in RUNS
                within = int(kind == "StartTag")
            elif kind in ("StartTag", "EmptyTag"):
                yield from self._led(token, name)
            else:
                yield token

    def _led(self, token: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
        data, href, src = token["data"], (None, "href"), (None, "src")
        if name == "a" and href in data:
            data[href] = self.rules.link(data[href])
            if data[href].startswith("http"):
                data[None, "rel"] = "noopener noreferrer"
        if name in ("img", "audio", "video") and src in data and not data[src].startswith("data:"):
            address, data[src] = data[src], self.rules.picture(data[src]) if name == "img" else ""
            if not data[src]:
                yield from _absent(str(data.get((None, "alt"), "")), address)
                if name == "img":
                    return
                del data[src]
        if name == "img":
            data.setdefault((None, "alt"), "")
        yield token


def _absent(words: str, address: str) -> Iterator[dict[str, Any]]:
    """What stands for a picture that is not in the page."""
    told = f"picture that is not in this page{': ' + words if words else ''} ({address[:120]})"
    yield {"type": "StartTag", "name": "span", "namespace": None, "data": {(None, "class"): "g-absent"}}
    yield {"type": "Characters", "data": told}
    yield {"type": "EndTag", "name": "span", "namespace": None}
