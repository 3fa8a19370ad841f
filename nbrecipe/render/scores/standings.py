"""Values of one metric on one axis: a dot for each and a line over its interval; the numbers stand beside them."""

from __future__ import annotations

import math
from html import escape

from ...pictures.scores import Standing, Standings
from ..findings import text
from ..pieces.fragment import rich, static

#: width of the axis in a terminal
WIDTH = 24


def html_of(shown: Standings, *others: Standings) -> str:
    """One row for each, whose numbers read without style and script; others stand below, each on its own axis."""
    rows = "".join(_row(row, *axis_of(each)) for each in (shown, *others) for row in each.rows)
    caption = f'<div class="nbr-place">{rich(shown.caption)}</div>' if shown.caption else ""
    return f'<style>{static("scores.css")}</style>{caption}<div class="nbr-standings" role="table">{rows}</div>'


def text_of(shown: Standings) -> str:
    """The same for a terminal."""
    low, high = axis_of(shown)
    names = max((len(row.name) for row in shown.rows), default=0)
    lines = []
    for row in shown.rows:
        mark = ">" if row.judged else " "
        told = "  ".join(filter(None, [row.told, row.beside])).replace("`", "").replace("**", "")
        lead = f" {mark}{row.name.replace('`', '').ljust(names)}  {_drawn(row, low, high)}  "
        lines.append(text.wrap(f"{lead}{told}", " " * 4))
    caption = [text.wrap(f"  {shown.caption}", "    ").replace("`", "").replace("**", "")] if shown.caption else []
    return "\n".join([*caption, *lines])


def axis_of(shown: Standings) -> tuple[float, float]:
    """Where the axis begins and ends."""
    ends = [end for row in shown.rows for end in (row.low, row.value, row.high) if end is not None]
    known = [end for end in ends if math.isfinite(end)]
    low = shown.low if shown.low is not None else min(known, default=0.0)
    high = shown.high if shown.high is not None else max(known, default=1.0)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _row(row: Standing, low: float, high: float) -> str:
    judged = " nbr-judged" if row.judged else ""
    cells = [f'<span class="nbr-who" role="rowheader">{rich(row.name)}</span>', _track(row, low, high)]
    cells.append(f'<span class="nbr-worth" role="cell">{escape(row.told)}</span>')
    cells.append(f'<span class="nbr-beside" role="cell">{rich(row.beside)}</span>')
    return f'<div class="nbr-standing{judged}" role="row">{" ".join(cells)}</div>'


def _track(row: Standing, low: float, high: float) -> str:
    if row.value is None or not math.isfinite(row.value):
        return '<span class="nbr-track nbr-bare" role="cell"></span>'
    parts = []
    if row.low is not None and row.high is not None:
        left, right = _place(row.low, low, high), _place(row.high, low, high)
        parts.append(f'<i class="nbr-range" style="left:{left:.1f}%;width:{max(right - left, 0.4):.1f}%"></i>')
    parts.append(f'<i class="nbr-at" style="left:{_place(row.value, low, high):.1f}%"></i>')
    return f'<span class="nbr-track" role="cell" aria-hidden="true">{"".join(parts)}</span>'


def _place(value: float, low: float, high: float) -> float:
    return min(100.0, max(0.0, 100 * (value - low) / (high - low)))


def _drawn(row: Standing, low: float, high: float) -> str:
    if row.value is None or not math.isfinite(row.value):
        return " " * WIDTH
    at = [
        round(_place(end, low, high) * (WIDTH - 1) / 100)
        for end in (row.low or row.value, row.value, row.high or row.value)
    ]
    line = ["-" if at[0] <= place <= at[2] else " " for place in range(WIDTH)]
    line[at[1]] = "o"
    return "".join(line)
