"""Pieces of HTML that stand in any page: they bring their style, escape what is the user's, need no network."""

from __future__ import annotations

import base64
import functools
import re
import uuid
from html import escape
from pathlib import Path

from ...report import State
from .words import MARKS, WORDS, readable, spans

STATIC = Path(__file__).parent.parent / "static"
#: a line that imports: the names, and the script they stand in
IMPORTS = re.compile(r"^import \{(.*)\} from \"./(.*)\";$", re.MULTILINE)


@functools.cache
def static(name: str) -> str:
    """A style sheet or a script of ours."""
    return (STATIC / name).read_text(encoding="utf-8")


@functools.cache
def script(name: str) -> str:
    """A script of ours and what it imports, as one text: a blob has no neighbours to import from."""
    return "\n".join([_alone(part, part != name) for part in needed(name)])


@functools.cache
def needed(name: str) -> tuple[str, ...]:
    """The scripts that this one needs, each after those that it needs itself, and this one."""
    before = [part for _, each in IMPORTS.findall(static(name)) for part in needed(each)]
    return tuple(dict.fromkeys([*before, name]))


def _alone(name: str, hidden: bool) -> str:
    source = IMPORTS.sub("", static(name))
    return re.sub(r"^export ", "", source, flags=re.MULTILINE) if hidden else source


def fragment(body: str) -> str:
    """The body with what it needs to stand in any page: the style, and the scripts of copy buttons and of keys."""
    controls = any(each in body for each in ("nbr-code", "<summary", "tabindex"))
    script = f"<script>{static('keys.js')}{static('copy.js')}</script>" if controls else ""
    return readable(f'<style>{static("nbr.css")}</style><div class="nbr">{body}{script}</div>')


def rich(message: str) -> str:
    """A message, escaped, with its stressed numbers in bold and its names as code."""
    out = []
    for styles, piece in spans(message):
        told = escape(piece)
        for tag in reversed(styles):
            whole = ' class="nbr-flag"' if tag == "code" and piece.startswith("-") else ""
            told = f"<{tag}{whole}>{told}</{tag}>"
        out.append(told)
    return "".join(out)


def mark(state: State) -> str:
    """The mark of a verdict, with its word for those who do not see it."""
    word = WORDS[state]
    return f'<span class="nbr-mark nbr-{state}" role="img" aria-label="{word}" title="{word}">{MARKS[state]}</span>'


def heading(title: str, summary: str) -> str:
    """A title and, beside it, a line about it."""
    named = f'<strong class="nbr-title" role="heading" aria-level="3">{rich(title)}</strong>'
    return f'<div class="nbr-head">{named} <span>{rich(summary)}</span></div>'


def code(lines: str) -> str:
    """Lines to paste."""
    return f'<pre class="nbr-code"><code>{escape(lines.strip(chr(10)))}</code></pre>' if lines.strip() else ""


def image(png: bytes, words: str) -> str:
    """A picture at half its pixels, sharp on dense screens; `words` say what it shows."""
    width, height = (int.from_bytes(png[at : at + 4], "big") // 2 for at in (16, 20))
    data = base64.b64encode(png).decode()
    told = escape(words.replace("**", "").replace("`", ""))
    return f'<img src="data:image/png;base64,{data}" width="{width}" height="{height}" alt="{told}">'


def replayed(module: str, picture: str, packed: bytes) -> str:
    """A picture that a script, where scripts run, replaces by what `module` makes of the packed run."""
    name = f"nbr-{uuid.uuid4().hex[:12]}"
    code = base64.b64encode(module.encode()).decode()
    return f"""<div class="nbr-shot" id="{name}">{picture}</div>
<script type="module">
const root = document.getElementById("{name}");
const code = Uint8Array.from(atob("{code}"), (letter) => letter.charCodeAt(0));
import(URL.createObjectURL(new Blob([code], {{ type: "text/javascript" }})))
  .then((run) => run.snapshot(root, "{base64.b64encode(packed).decode()}"))
  .catch((error) => {{ root.dataset.failed = error; }}); // the picture stays
</script>"""
