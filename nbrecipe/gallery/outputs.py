"""What a cell put out, as HTML: ours alive, others' shown as far as they show without scripts."""

from __future__ import annotations

import base64
import binascii
import copy
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from typing import Any

from nbconvert.filters.ansi import ansi2html

from . import ours
from .prose import Headings, rendered
from .safe import Rules, clean

#: best first; of kinds that are not named the words are shown
KINDS = (
    "text/html", "text/markdown", "image/svg+xml", "text/latex", "image/png", "image/jpeg", "image/gif", "image/webp",
    "text/plain",
)  # fmt: skip
WIDGET = "application/vnd.jupyter.widget-view+json"
#: a stream is folded beyond this many lines
LINES = 40


@dataclass
class Shown:
    """What the outputs of a page bring and lack."""

    rules: Rules
    trust: bool = False
    modules: set[str] = field(default_factory=set)
    styles: set[str] = field(default_factory=set)
    stills: list[str] = field(default_factory=list)
    moving: int = 0
    dropped: int = 0


def joined(outputs: Iterable[Any]) -> list[Any]:
    """The outputs with neighbouring pieces of one stream as one, and lines that were written over as they ended."""
    out: list[Any] = []
    for each in outputs:
        before = out[-1] if out else None
        stream = each.output_type == "stream"
        if stream and before and before.output_type == "stream" and before.get("name") == each.get("name"):
            before["text"] = _text(before.text) + _text(each.text)
        else:
            out.append(copy.copy(each))
    for each in out:
        if each.output_type == "stream":
            each["text"] = re.sub(r"[^\n]*\r(?=[^\n])", "", _text(each.text).replace("\r\n", "\n"))
    return out


def output(out: Any, number: str, shown: Shown) -> str:
    """One output of the cell with this number."""
    kind = out.output_type
    if kind == "stream":
        return _stream(_text(out.text), out.get("name") == "stderr")
    if kind == "error":
        return _error(out)
    data = out.get("data") or {}
    name = next((name for name in KINDS if data.get(name)), "")
    made = _made(name, data, out, number, shown) if name else ""
    return f'<div class="g-out">{made}{_lacking(name, data, shown)}</div>' if made or data else ""


def _made(name: str, data: Any, out: Any, number: str, shown: Shown) -> str:
    value = data[name]
    if name == "text/html":
        return _html(_text(value), shown)
    if name == "text/markdown":
        return f'<div class="g-prose">{rendered(_text(value), shown.rules, Headings())}</div>'
    if name == "text/latex":
        return f'<div class="g-prose">{_latex(_text(value), shown)}</div>'
    if name == "text/plain":
        return f'<pre class="g-text">{ansi2html(_text(value))}</pre>'
    size = (out.get("metadata") or {}).get(name) or {}
    return _image(name, _text(value), number, size if isinstance(size, dict) else {}, shown)


def _html(html: str, shown: Shown) -> str:
    if not ours.is_ours(html):
        return f'<div class="g-other">{html if shown.trust else _cleaned(html, shown)}</div>'
    bare, shots = ours.taken(html, lambda each: clean(each, shown.rules))
    known = {shot.place: shot for shot in shots}
    shown.styles |= ours.styles(html)
    markup = _cleaned(bare, shown)
    for place, shot in known.items():
        there = f'data-nbr-module="{shot.module}" data-nbr-packed="{shot.packed}"'
        if f' id="{place}"' in markup:
            markup = markup.replace(f' id="{place}"', f" {there}", 1)
            shown.modules.add(shot.module)
            shown.moving += 1
    shown.stills += re.findall(r'<img [^>]*src="data:image/png[^>]*>', markup)
    return markup


def _cleaned(html: str, shown: Shown) -> str:
    before = shown.rules.scripts
    markup = clean(html, shown.rules)
    lost = shown.rules.scripts - before
    if not lost:
        return markup
    shown.dropped += 1
    return markup + '<p class="g-note">A script of this output is left out: this page runs only its own.</p>'


def _latex(tex: str, shown: Shown) -> str:
    bare = tex.strip()
    whole = bare if bare.startswith(("$", "\\begin", "\\(", "\\[")) else f"$${bare}$$"
    one = re.fullmatch(r"\$([^$]+)\$", whole)
    return rendered(f"$${one[1]}$$" if one else whole, shown.rules, Headings())


def _image(kind: str, value: str, number: str, size: dict[str, Any], shown: Shown) -> str:
    try:
        packed = value.encode() if kind == "image/svg+xml" else base64.b64decode(value, validate=False)
    except (binascii.Error, ValueError):
        return '<p class="g-note">A picture of this output does not read.</p>'
    data = base64.b64encode(packed).decode()
    sides = "".join(
        f' {side}="{size[side]:.0f}"' for side in ("width", "height") if isinstance(size.get(side), (int, float))
    )
    words = str(size.get("alt") or f"picture drawn by cell {number}")
    drawn = f'<img class="g-image" src="data:{kind};base64,{data}"{sides} alt="{escape(words)}">'
    shown.stills.append(drawn)
    return drawn


def _stream(text: str, warning: bool) -> str:
    lines = text.rstrip("\n").split("\n")
    told = f'<pre class="g-text{" g-warning" if warning else ""}">{ansi2html(text.rstrip(chr(10)))}</pre>'
    if len(lines) > LINES:
        told = f"<details><summary>{len(lines)} lines of text</summary>{told}</details>"
    return f'<div class="g-out">{told}</div>' if text.strip() else ""


def _error(out: Any) -> str:
    trace = "\n".join(map(str, out.get("traceback") or []))
    name = f"{out.get('ename', 'Error')}: {out.get('evalue', '')}".partition("\n")[0]
    told = ansi2html(trace) if trace.strip() else escape(name)
    label = escape(f"error: {name}"[:200])
    return f'<div class="g-out"><pre class="g-text g-error" role="group" aria-label="{label}">{told}</pre></div>'


def _lacking(name: str, data: Any, shown: Shown) -> str:
    """One sentence about what an output holds and a page without a kernel does not show."""
    if name not in ("", "text/plain"):
        return ""
    if WIDGET in data:
        shown.dropped += 1
        return '<p class="g-note">A live widget stood here: it needs its kernel.</p>'
    others = [kind for kind in data if kind not in KINDS]
    if not others:
        return ""
    shown.dropped += 1
    return f'<p class="g-note">This output is not shown: {escape(", ".join(others)[:120])}.</p>'


def _text(value: Any) -> str:
    return "".join(map(str, value)) if isinstance(value, list) else str(value)
