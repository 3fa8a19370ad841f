"""Gradients of backward beside finite differences: the finding, and a table with the worst element of each tensor."""

from __future__ import annotations

from ...finding import number
from ...pictures.gradients import Gradients, Tensors
from ...report import Report
from ..findings import html, text
from ..pieces import table
from ..pieces.fragment import fragment

HEAD = ("tensor", "shape", "elements", "worst at", "backward", "differences", "apart")
#: rows of the table as text, and as HTML
FEW, MANY = 12, 300


def text_of(report: Report, found: Gradients) -> str:
    """The whole as plain text."""
    return "\n\n".join([text.header(report), *text.rows(report), _lines(found)])


def html_of(report: Report, found: Gradients) -> str:
    """The findings, and the table behind a line that opens it."""
    tensors = _ordered(found)[:MANY]
    wrong = [number for number, one in enumerate(tensors) if one.state == "wrong"]
    more = len(found.tensors) - len(tensors)
    shown = table.html_of(HEAD, [_row(one) for one in tensors], wrong)
    rest = f'<div class="nbr-place">and {more} more</div>' if more > 0 else ""
    count = len(found.tensors)
    told = f"{count} gradients, each with its worst element" if count != 1 else "the gradient at its worst element"
    words = f'<span class="nbr-body">{told} <span class="nbr-open">show them</span></span>'
    top = f'<summary class="nbr-row nbr-line">{words}</summary>'
    opened = " open" if wrong else ""
    return fragment(f"{html.header(report)}{html.rows(report)}<details{opened}>{top}{shown}{rest}</details>")


def _lines(found: Gradients) -> str:
    tensors = _ordered(found)
    more = len(tensors) - FEW
    shown = table.text_of(HEAD, [_row(one) for one in tensors[:FEW]])
    return shown + (f"\n  and {more} more" if more > 0 else "")


def _ordered(found: Gradients) -> list[Tensors]:
    """The wrong ones first, then as the model has them."""
    return [*found.wrong, *(one for one in found.tensors if one not in found.wrong)]


def _row(one: Tensors) -> tuple[str, ...]:
    shape = "×".join(map(str, one.shape)) or "1"
    kinks = f" ({one.kinks} at a kink)" if one.kinks else ""
    if one.worst is None:
        return (one.name, shape, f"{len(one.elements)}{kinks}", "", "", "", "")
    worst = one.worst
    at = str(list(worst.index)) if worst.index else "a direction"
    return (
        one.name, shape, f"{len(one.elements)}{kinks}", at, number(worst.backward), number(worst.numeric),
        number(worst.apart, 2),
    )  # fmt: skip
