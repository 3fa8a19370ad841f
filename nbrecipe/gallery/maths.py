"""Formulas as drawings: matplotlib reads them, so that a page needs no network and no library of its own."""

from __future__ import annotations

import functools
import re
from html import escape
from typing import Any

#: units of the drawing in the height of a letter, and how many there are to an em of the text beside it
EM, SCALE = 100, 88
#: what stands for layout alone, or has another name where it is drawn
WORDS = {r"\displaystyle": "", r"\textstyle": "", r"\limits": "", r"\operatorname": r"\mathrm", r"\tfrac": r"\frac"}
CLOSE = 79
#: vertices that each kind of stroke takes, and its letter
STROKES = {1: (1, "M"), 2: (1, "L"), 3: (2, "Q"), 4: (3, "C")}


def formula(tex: str, display: bool = False) -> str:
    """A formula as SVG in the colour of its text; as its source where it cannot be drawn."""
    drawn = _drawn(tex.strip())
    shown = drawn or f'<code class="g-tex">{escape(tex.strip())}</code>'
    return f'<span class="g-display">{shown}</span>' if display else shown


@functools.cache
def _drawn(tex: str) -> str:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    line = " ".join(tex.split())
    line = re.sub(r"\\[a-zA-Z]+", lambda word: WORDS.get(word[0], word[0]), line)
    font = FontProperties(family="serif", size=EM, math_fontfamily="cm")
    try:
        width, height, depth = text_to_path.get_text_width_height_descent(f"${line}$", font, ismath=True)
        points, codes = text_to_path.get_text_path(font, f"${line}$", ismath=True)
    except (ValueError, RuntimeError):  # not what mathtext knows
        return ""
    if not len(codes):
        return ""
    above = height - depth
    style = f"width:{width / SCALE:.2f}em;height:{height / SCALE:.2f}em;vertical-align:{-depth / SCALE:.2f}em"
    box = f"0 {-above:.0f} {width:.0f} {height:.0f}"
    path = _path(points, codes)
    return f'<svg class="g-math" role="img" aria-label="{escape(tex)}" viewBox="{box}" style="{style}">{path}</svg>'


def _path(points: Any, codes: Any) -> str:
    out, at = [], 0
    while at < len(codes):
        if codes[at] == CLOSE:
            out.append("Z")
            at += 1
            continue
        count, letter = STROKES[int(codes[at])]
        out.append(letter + " ".join(f"{x:.1f} {-y:.1f}" for x, y in points[at : at + count]))
        at += count
    return f'<path d="{"".join(out)}"></path>'
