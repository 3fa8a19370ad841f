"""Batches as they go into the model: HTML that is leafed through without a kernel, and plain text."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from ...pictures.batch import Batches, Page, Table, TensorLine, Texts, View
from ...report import Report
from ..findings import html, text
from ..pieces.fragment import fragment, replayed, rich, script, static
from ..pieces.packing import deflated
from ..pieces.table import SCROLLS
from ..pieces.words import sentence
from ..runs.watching import live_rows
from .samples import Detail, brief, spoken, view

__all__ = ["LIMIT", "html_of", "html_of_one", "text_of", "wire"]

#: letters that the whole may have, and those that the findings may take of them
LIMIT, FINDINGS = 280_000, 80_000
#: letters of a cell, and cells of a row, of a table in plain text
_CELL, _COLUMNS = 10, 6


#: tried in this order until the whole is small enough
STEPS = ((12, 160, 99), (12, 96, 99), (8, 80, 99), (6, 64, 99), (4, 48, 99), (6, 64, 2), (4, 48, 1), (1, 16, 1))
DETAILS = tuple(Detail(*step) for step in STEPS)


def html_of(report: Report, shown: Batches, wire: str = "") -> str:
    """A fragment of at most `LIMIT` letters: tensors, pictures and findings; less is drawn where it would be more.

    `wire` is the name under which `wire.js`, where a kernel runs, fetches what comes after these batches.
    """
    found = html.rows(report, fold=True)
    if len(found) > FINDINGS:
        found = live_rows(report)
    head = f"<style>{static('batch.css')}</style>{html.header(report)}"
    several = len(shown.pages) > 1 or wire
    of = '<div class="nbr-place">what the first batch shows</div>' if several and report.results else ""
    for detail in DETAILS:
        made = fragment(head + _pages(shown, detail, wire) + f'<div class="nbr-part">{of}{found}</div>')
        if len(made) <= LIMIT:
            break
    return made


def html_of_one(page: Page) -> str:
    """One batch of at most `LIMIT` letters, to stand beside those of `html_of`."""
    for detail in DETAILS:
        made = _page(page, detail)
        if len(made) <= LIMIT:
            break
    return made


def wire() -> str:
    """The module that stands between a page and its kernel; it draws nothing."""
    return script("wire.js")


def _pages(shown: Batches, detail: Detail, wire: str) -> str:
    first, *rest = shown.pages[: detail.pages]
    left = len(shown.pages) - 1 - len(rest)
    told = f'<div class="nbr-place">{left} more batches were left out to keep this small</div>' if left else ""
    top = _page(first, detail)
    if not rest and not wire:
        return top + told
    still = f'<div class="nbr-place nbr-leaf">batch 1 of {1 + len(rest)}</div>' if rest else ""
    carried = deflated({"rest": [_page(page, detail) for page in rest], "wire": wire})
    return replayed(script("batch.js"), still + top, carried) + told


def _page(page: Page, detail: Detail) -> str:
    notes = "".join(f'<div class="nbr-note">{rich(sentence(note))}</div>' for note in page.notes)
    views = "".join(view(each, detail) for each in page.views)
    return f'<div class="nbr-fed">{notes}{_tensors(page.tensors)}{views}</div>'


def _tensors(lines: tuple[TensorLine, ...]) -> str:
    away = any(line.device != "cpu" for line in lines)
    names = ["", "shape", "dtype", *(["device"] if away else []), "range", "mean ± std", "zeros", "NaN"]
    head = "".join(f"<th>{name}</th>" if name else "<td></td>" for name in names)
    body = "".join(_tensor(line, away) for line in lines)
    return f'<div class="nbr-wide" {SCROLLS}><table class="nbr-tensors"><tr>{head}</tr>{body}</table></div>'


def _tensor(line: TensorLine, away: bool) -> str:
    cells = [f"<code>{escape(line.name)}</code>", escape(line.shape), escape(line.dtype)]
    cells += [escape(line.device)] if away else []
    wrong = line.nan + line.infinite
    lost = f'<strong class="nbr-bad">{_lost(line)}</strong>' if wrong else "0"
    cells += [span(line), spread(line), share(line), lost]
    return f'<tr class="nbr-{line.role}">' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def span(line: TensorLine) -> str:
    """The range, "" where nothing is finite."""
    if line.low is None or line.high is None:
        return ""
    if "float" in line.dtype or "complex" in line.dtype:
        return f"{brief(line.low)} to {brief(line.high)}"
    return f"{line.low:.0f} to {line.high:.0f}"


def spread(line: TensorLine) -> str:
    """Mean and standard deviation of what is a quantity; whole numbers are most often names."""
    if line.mean is None or line.std is None or "int" in line.dtype or line.dtype == "bool":
        return ""
    return f"{brief(line.mean)} ± {brief(line.std)}"


def share(line: TensorLine) -> str:
    """The share of zeros."""
    if line.zeros is None:
        return ""
    return "0" if line.zeros == 0 else "under 1 %" if line.zeros < 0.01 else f"{100 * line.zeros:.0f} %"


def _lost(line: TensorLine) -> str:
    parts = [f"{line.nan} NaN"] if line.nan else []
    return ", ".join(parts + ([f"{line.infinite} infinite"] if line.infinite else []))


# ---- plain text ----------------------------------------------------------------------------------------------------


def text_of(report: Report, shown: Batches) -> str:
    """The first batch as plain text that stands alone, and the findings."""
    first = shown.pages[0]
    lines = [text.wrap(f"  {sentence(note)}", "    ") for note in first.notes]
    lines += [text.wrap(_said(line), "      ") for line in first.tensors]
    parts = [text.header(report), "\n".join(lines)]
    parts += ["\n".join(spoken_view(each)) for each in first.views]
    return "\n\n".join(filter(None, [*parts, *text.rows(report, fold=True)]))


def _said(line: TensorLine) -> str:
    told = [line.shape, line.dtype, "" if line.device == "cpu" else line.device]
    told += [span(line), spread(line), f"zeros {share(line)}" if line.zeros else "", _lost(line)]
    return f"  {line.name} ({line.role}): {', '.join(filter(None, told))}"


def spoken_view(shown: View) -> Iterator[str]:
    """One view as lines of text."""
    yield text.wrap(f"  {shown.name}: {shown.told}" if shown.told else f"  {shown.name}", "    ")
    if isinstance(shown, Texts):
        for i, row in enumerate(shown.rows):
            label = f" → {shown.captions[i]}" if i < len(shown.captions) else ""
            yield text.wrap(f"    {spoken(row)}{label}", "      ")
            if i < len(shown.targets):
                yield text.wrap(f"      target: {spoken(shown.targets[i])}", "        ")
    elif isinstance(shown, Table):
        wide = max(_CELL, *map(len, shown.captions)) if shown.captions else 0
        targets = ("target", *shown.captions)
        for i, cells in enumerate((shown.columns, *shown.rows)):
            first = [f"{targets[i] if i < len(targets) else '':>{wide}}"] if wide else []
            yield "    " + " ".join([*first, *(f"{cell[:_CELL]:>{_CELL}}" for cell in cells[:_COLUMNS])])
    elif any(shown.captions):
        between = "; " if any(", " in caption for caption in shown.captions) else ", "
        alike = len(shown.captions) > 1 and len(set(shown.captions)) == 1
        told = f"{shown.captions[0]} in each of {len(shown.captions)}" if alike else between.join(shown.captions)
        yield text.wrap(f"    targets: {told}", "      ")
