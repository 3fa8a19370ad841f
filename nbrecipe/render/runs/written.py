"""What a language model wrote on by itself while it trained: as data for the panel, as HTML and in lines of text."""

from __future__ import annotations

from html import escape
from typing import Any

from ...film import Film, Written


def state(film: Film | None) -> dict[str, Any] | None:
    """What the panel shows of it, JSON-ready; None where nothing was written."""
    seen = film.written if film is not None else None
    if seen is None or not seen.steps:
        return None
    return {"prompts": seen.prompts, "targets": seen.targets, "steps": seen.steps, "texts": seen.texts}


def html_of(film: Film | None) -> str:
    """The first and the last moment as a table that needs no script; empty where nothing was written."""
    seen = film.written if film is not None else None
    if seen is None or not seen.steps:
        return ""
    moments = dict.fromkeys((0, len(seen.steps) - 1))
    rows = "".join(_row(seen, i, at) for i in range(len(seen.prompts)) for at in (*moments, None))
    title = "<strong>What it writes by itself</strong>, after the words in grey"
    return f'<div class="nbr-writing"><div class="nbr-caption">{title}</div><table>{rows}</table></div>'


def lines_of(film: Film | None) -> list[str]:
    """The first and the last moment, a line each."""
    seen = film.written if film is not None else None
    if seen is None or not seen.steps:
        return []
    told = []
    for i, prompt in enumerate(seen.prompts):
        for at in dict.fromkeys((0, len(seen.steps) - 1)):
            told.append(f"after {prompt!r} it writes {seen.texts[at][i]!r} at step {seen.steps[at]}")
        told.append(f"the text goes on {seen.targets[i]!r}")
    return told


def _row(seen: Written, i: int, at: int | None) -> str:
    name = "target" if at is None else f"step {seen.steps[at]}"
    text = escape(seen.targets[i] if at is None else seen.texts[at][i])
    said = text if at is None else f"<b>{text}</b>"
    kind = ' class="nbr-goes"' if at is None else ""
    given = f'<span class="nbr-given">{escape(seen.prompts[i])}</span>'
    return f'<tr{kind}><th>{name}</th><td dir="auto">{given}{said}</td></tr>'
