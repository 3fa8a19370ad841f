"""A table of words and numbers: the first column names what the row is about."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape

from .fragment import static

#: what is wider than its room scrolls by the arrow keys too, once it has the focus
SCROLLS = 'tabindex="0" role="group" aria-label="a table; where it is wider than its room the arrow keys scroll it"'


def html_of(head: Sequence[str], rows: Sequence[Sequence[str]], marked: Collection[int] = ()) -> str:
    """As HTML that scrolls by itself where it is too wide; rows with these numbers stand out."""
    top = "".join(f"<th>{escape(cell)}</th>" if cell else "<td></td>" for cell in head)
    body = "".join(
        f"<tr{' class=nbr-off' if number in marked else ''}>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>"
        for number, row in enumerate(rows)
    )
    table = f'<table class="nbr-table"><tr>{top}</tr>{body}</table>'
    return f'<style>{static("table.css")}</style><div class="nbr-wide nbr-tabled" {SCROLLS}>{table}</div>'


def text_of(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """As text, columns aligned: the first to the left, numbers to the right."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  " + "  ".join([line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))])
        for line in lines
    )
