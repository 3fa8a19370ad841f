"""What stands in a data set: splits, labels, axes, examples and findings, as HTML and as plain text."""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape

from ...finding import number, percent
from ...pictures.dates import DAYS, day_of, moment_of, span_of
from ...pictures.inspection import Axis, Balance, Habit, Inspection, Split, Writing
from ...report import Report
from ..batches.batch import spoken_view
from ..batches.samples import Detail, brief, view
from ..findings import html, text
from ..pieces import table
from ..pieces.fragment import fragment, image, rich, static
from ..pieces.words import readable, sentence
from . import beside
from .still import png

__all__ = ["html_of", "png", "text_of"]

DETAIL = Detail(12, 96, 1)
#: axes of which a terminal shows the numbers, and a page before it is asked for more
LINES, OPEN = 24, 12


def html_of(report: Report, shown: Inspection, drawn: bytes | None) -> str:
    """A fragment that needs no script: splits, bars, findings, examples, numbers; `drawn` is what `png` makes."""
    sheets = ["batch.css", *(["browse.css"] if shown.looks else []), "inspection.css"]
    style = f"<style>{''.join(map(static, sheets))}</style>"
    parts = [html.header(report), _splits(shown), _columns(shown)]
    if drawn is not None:
        scrolls = 'tabindex="0" role="group" aria-label="bars of labels and columns; the arrow keys scroll them"'
        parts.append(f'<div class="nbr-bars" {scrolls}>{image(drawn, words(shown))}</div>')
    if shown.balance is not None and shown.balance.guess:
        parts.append(f'<div class="nbr-place">{rich(sentence(shown.balance.guess))}</div>')
    parts.append(f'<div class="nbr-part">{html.rows(report, fold=True)}</div>')
    parts += [beside.html_of(each) for each in shown.looks]
    parts += [_writing(each) for each in shown.writings]
    parts += [f'<div class="nbr-fed nbr-part">{view(each, DETAIL)}</div>' for each in shown.views]
    parts.append(_axes(shown))
    parts += [f'<div class="nbr-place">{rich(sentence(note))}</div>' for note in _notes(shown)]
    return fragment(style + "".join(filter(None, parts)))


def words(shown: Inspection) -> str:
    """What the picture shows, in words."""
    told = [_counted(shown.balance)] if shown.balance is not None else []
    axes = [_middle(axis) for axis in shown.axes[:8]]
    told += [f"how the rows are distributed over {', '.join(axes)}"] if axes else []
    return "; ".join(told)


def _counted(balance: Balance) -> str:
    counts = [" and ".join(f"{count:,}" for count in column) for column in balance.counts.T[:8].tolist()]
    told = ", ".join(f"{name} {count}" for name, count in zip(balance.names, counts, strict=False))
    left = len(balance.names) - len(counts) + balance.left
    return f"how often each label occurs: {told}" + (f", and {left} more" if left else "")


def _middle(axis: Axis) -> str:
    """An axis with the middle of its rows, and where nine in ten of them lie."""
    if axis.quantiles is None or axis.dated:
        return axis.name
    low, middle, high = (number(value, 3) for value in axis.quantiles)
    return f"{axis.name} (middle {middle}, nine in ten from {low} to {high})"


def _splits(shown: Inspection) -> str:
    cells = "".join(
        f'<div class="nbr-split"><strong><code>{escape(split.name)}</code></strong> {rich(_told(split))}</div>'
        for split in shown.splits
    )
    return f'<div class="nbr-splits">{cells}</div>'


def _told(split: Split) -> str:
    told = [split.extent]
    inputs = "input stands" if split.again == 1 else "inputs stand"
    told += [f"**{split.again}** {inputs} there again"] if split.again else []
    if split.unread:
        told.append(f"**{split.unread}** could not be read ({split.raised})")
    return " · ".join(told)


def _columns(shown: Inspection) -> str:
    told = (f"`{c.name}`{' (label)' if c.is_label else ''}: {c.told}" for c in shown.columns)
    return f'<div class="nbr-place">{rich("; ".join(told))}</div>'


def _writing(writing: Writing) -> str:
    """The words of a column, and what its texts are written with."""
    lines = [f"`{writing.name}`: {writing.told}", *(f"**{h.what}** {_habit(h)}" for h in writing.habits)]
    return f'<div class="nbr-part">{"".join(f"<div class=nbr-place>{rich(line)}</div>" for line in lines)}</div>'


def _habit(habit: Habit) -> str:
    first = ", ".join(map(str, habit.first))
    rows = f"row {first}" if habit.rows == 1 else f"{habit.rows} rows ({percent(habit.share)}), first {first}"
    return f"{rows} · {habit.advice}"


def _axes(shown: Inspection) -> str:
    if not shown.axes:
        return ""
    axes = _varying(shown)
    made = table.html_of(*_table(shown), marked=[i for i, axis in enumerate(axes) if any(axis.missing)])
    count = f"the numbers of {len(axes)} axes"
    if len(axes) <= OPEN:
        return f'<div class="nbr-part">{made}</div>'
    return f'<details class="nbr-part"><summary><span class="nbr-open">{escape(count)}</span></summary>{made}</details>'


def _table(shown: Inspection) -> tuple[list[str], list[list[str]]]:
    several = len(shown.splits) > 1
    head = ["axis", "mean ± std", "range", "5 % · median · 95 %", "missing", "furthest row"]
    head += [f"mean ± std in {split.name}" for split in shown.splits[1:]] if several else []
    return head, [_row(axis, len(shown.splits)) for axis in _varying(shown)]


def _varying(shown: Inspection) -> list[Axis]:
    return [axis for axis in shown.axes if axis.outermost or any(axis.missing) or axis.low[0] is None]


def _notes(shown: Inspection) -> list[str]:
    return [note for note in (*shown.notes, _alike(shown)) if note]


def _alike(shown: Inspection) -> str:
    """The axes that are the same in every row, in one line."""
    varying = _varying(shown)
    same = [axis for axis in shown.axes if not any(axis is one for one in varying)]
    alike = [f"{a.name} {(moment_of if a.dated else brief)(a.low[0] or 0.0)}" for a in same]
    return f"the same in every row: {', '.join(alike)}" if alike else ""


def _row(axis: Axis, splits: int) -> list[str]:
    if axis.dated:
        return _dates(axis, splits)
    low, high, digits = axis.low[0], axis.high[0], _digits(axis)
    span = "" if low is None or high is None else f"{brief(low, digits)} to {brief(high, digits)}"
    middle = "" if axis.quantiles is None else " · ".join(brief(value, digits) for value in axis.quantiles)
    out = f"{axis.outermost[0][1]}, {axis.out:.1f} std out" if axis.outermost else ""
    row = [axis.name, _spread(axis, 0, digits), span, middle, str(sum(axis.missing[:1])), out]
    return row + [_spread(axis, i, digits) for i in range(1, splits)]


def _dates(axis: Axis, splits: int) -> list[str]:
    """The same of points in time."""
    ends = [value for value in (*axis.low, *axis.high) if value is not None]
    span = DAYS * (max(ends) - min(ends)) if ends else math.inf
    low, high = axis.low[0], axis.high[0]
    told = "" if low is None or high is None else f"{day_of(low, span)} to {day_of(high, span)}"
    middle = "" if axis.quantiles is None else " · ".join(day_of(value, span) for value in axis.quantiles)
    out = f"{axis.outermost[0][1]}, {axis.out:.1f} std out" if axis.outermost else ""
    means = [
        "" if mean is None or deviation is None else f"{day_of(mean, span)} ± {span_of(deviation)}"
        for mean, deviation in zip(axis.mean, axis.deviation, strict=True)
    ]
    return [axis.name, means[0], told, middle, str(sum(axis.missing[:1])), out, *means[1:splits]]


def _digits(axis: Axis) -> int:
    """Digits that tell the ends apart, and the quantiles: years are near each other."""
    groups = [{axis.low[0] or 0.0, axis.high[0] or 0.0}, set(axis.quantiles or ())]
    fits = (n for n in (3, 5, 7) if all(len({brief(v, n) for v in group}) == len(group) for group in groups))
    return next(fits, 3)


def _spread(axis: Axis, split: int, digits: int) -> str:
    mean, deviation = axis.mean[split], axis.deviation[split]
    return "" if mean is None or deviation is None else f"{brief(mean, digits)} ± {brief(deviation)}"


def text_of(report: Report, shown: Inspection) -> str:
    """The same as plain text that stands alone."""
    lines = [text.wrap(f"  {split.name}: {_told(split).replace('**', '')}", "    ") for split in shown.splits]
    lines += [text.wrap(f"  {c.name}{' (label)' if c.is_label else ''}: {c.told}", "    ") for c in shown.columns]
    parts = [text.header(report), "\n".join(lines), "\n".join(_labels(shown))]
    if shown.axes:
        head, rows = _table(shown)
        left = len(rows) - LINES
        parts.append(table.text_of(head, rows[:LINES]) + (f"\n  … and {left} more axes" if left > 0 else ""))
    for writing in shown.writings:
        told = text.wrap(f"  {writing.name}: {writing.told.replace('`', '')}", "    ")
        habits = [text.wrap(f"    {h.what}: {_habit(h).replace('`', '')}", "      ") for h in writing.habits]
        parts.append("\n".join([told, *habits]))
    parts.append("\n".join(text.wrap(f"  {sentence(n).replace('`', '')}", "    ") for n in _notes(shown)))
    parts += ["\n".join(spoken_view(each)) for each in shown.views]
    seen = ["\n".join(text.wrap(line, "      ") for line in beside.text_of(each)) for each in shown.looks]
    return readable("\n\n".join(filter(None, [*parts, *text.rows(report, fold=True), *seen])))


def _labels(shown: Inspection) -> Iterator[str]:
    if shown.balance is None:
        return
    for k, split in enumerate(shown.splits):
        counts = shown.balance.counts[k]
        told = ", ".join(f"{name} {count}" for name, count in zip(shown.balance.names, counts.tolist(), strict=True))
        yield text.wrap(f"  labels of {split.name}: {told}", "    ")
    if shown.balance.guess:
        yield text.wrap(f"  {sentence(shown.balance.guess).replace('`', '')}", "    ")
