"""The same example drawn many times: HTML that needs no script, and plain text."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from ...pictures.augment import Augmented, Example, Variation
from ...pictures.batch import Texts
from ...report import Report
from ..findings import html, text
from ..pieces.fragment import fragment, static
from ..pieces.table import SCROLLS
from ..runs.watching import live_rows
from .samples import Detail, brief, spoken, view

#: letters that the whole may have, and those that the findings may take of them
LIMIT, FINDINGS = 280_000, 80_000
#: draws that are shown, pixels a side and examples; tried in this order until the whole is small enough
STEPS = ((64, 160, 12), (64, 96, 12), (24, 80, 12), (12, 64, 12), (8, 48, 6), (6, 32, 2), (2, 16, 1))
#: draws whose captions stand in plain text
_SAID = 12
#: what a change is a share of, where it is no difference of numbers
_PLACES = {"mask": "of its pixels", "ids": "of its tokens", "label": "of its values"}


def html_of(report: Report, shown: Augmented) -> str:
    """A fragment of at most `LIMIT` letters: every example with its draws, what varies, and the findings."""
    found = html.rows(report, fold=True)
    if len(found) > FINDINGS:
        found = live_rows(report)
    head = f"<style>{static('batch.css')}</style>{html.header(report)}"
    for step in STEPS:
        detail = Detail(*step)
        alone = len(shown.examples) == 1
        body = "".join(_example(example, detail, alone) for example in shown.examples[: detail.pages])
        left = len(shown.examples) - detail.pages
        told = f'<div class="nbr-place">{left} more examples were left out to keep this small</div>' if left > 0 else ""
        made = fragment(f'{head}{body}{told}<div class="nbr-part">{found}</div>')
        if len(made) <= LIMIT:
            break
    return made


def _example(example: Example, detail: Detail, alone: bool) -> str:
    views = "".join(view(each, detail) for each in example.views)
    name = "" if alone else f"<strong><code>{escape(example.name)}</code></strong> "
    top = f'<div class="nbr-note">{name}{_counted(example).capitalize() if alone else _counted(example)}</div>'
    return f'<div class="nbr-fed">{top}{_parts(example)}{views}</div>'


def _counted(example: Example) -> str:
    if example.distinct == 1:
        return f"all {example.draws} draws are the same"
    return f"{example.distinct} of {example.draws} draws are distinct"


def _parts(example: Example) -> str:
    rows = "".join(
        f'<tr class="nbr-{"target" if part.target else "input"}">'
        f"<td><code>{escape(part.name)}</code></td><td>{_kind(part)}</td><td>{distinct(part)}</td>"
        f"<td>{escape(changed(part))}</td></tr>"
        for part in example.parts
    )
    head = "<tr><td></td><th>is</th><th>varies</th><th>from the first draw, on average</th></tr>"
    return f'<div class="nbr-wide" {SCROLLS}><table class="nbr-tensors">{head}{rows}</table></div>'


def _kind(part: Variation) -> str:
    return {"image": "an image", "mask": "a mask", "boxes": "boxes", "label": "a label", "text": "a text"}.get(
        part.kind, "token ids" if part.kind == "ids" else "numbers" if part.kind == "values" else "something else"
    )


def distinct(part: Variation) -> str:
    """In how many forms it came."""
    return "no" if part.distinct == 1 else f"{part.distinct} of {part.draws} distinct"


def changed(part: Variation) -> str:
    """By how much it varies; "" for what has no size."""
    if part.distinct == 1:
        return ""
    if part.shapes:
        few = ", ".join(part.shapes[:3]) + (", …" if len(part.shapes) > 3 else "")
        return f"shapes {few}"
    if part.change is None:
        return ""
    if part.kind in _PLACES:
        share = 100 * part.change
        return f"{share:.0f} % {_PLACES[part.kind]}" if share >= 1 else f"under 1 % {_PLACES[part.kind]}"
    return f"{brief(part.change)} {'each coordinate' if part.kind == 'boxes' else 'standard deviations'}"


# ---- plain text ----------------------------------------------------------------------------------------------------


def text_of(report: Report, shown: Augmented) -> str:
    """The examples and what varies in them as plain text that stands alone, and the findings."""
    parts = [text.header(report)]
    parts += ["\n".join(_lines(example)) for example in shown.examples]
    return "\n\n".join(filter(None, [*parts, *text.rows(report, fold=True)]))


def _lines(example: Example) -> Iterator[str]:
    yield text.wrap(f"  {example.name}: {_counted(example)}", "    ")
    for part in example.parts:
        told = [_kind(part), "the same in all" if part.distinct == 1 else distinct(part), changed(part)]
        yield text.wrap(f"    {part.name}: {', '.join(filter(None, told))}", "      ")
    for shown in example.views:
        if isinstance(shown, Texts):
            for i, row in enumerate(shown.rows[:_SAID]):
                label = f" → {shown.captions[i]}" if i < len(shown.captions) else ""
                yield text.wrap(f"      {spoken(row)}{label}", "        ")
        elif any(shown.captions):
            said = "; ".join(caption or "–" for caption in shown.captions[:_SAID])
            yield text.wrap(f"      draw by draw: {said}", "        ")
