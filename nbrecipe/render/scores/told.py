"""An evaluation as plain text that stands alone: every number of the page, within the width of a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from ...finding import percent
from ...pictures.evaluation import Aims, Confusions, Evaluation, Parts, Places, Trust
from ...report import Report
from ..findings import text
from ..pieces import table
from ..pieces.words import readable, sentence
from . import panels

Table = tuple[list[str], list[list[str]]]
#: parts of which a terminal shows the numbers, positions of which it does, and letters of a name at least
LINES, PLACES, LETTERS = 24, 8, 8
#: letters of each of two names
NAME = 18


def text_of(report: Report, shown: Evaluation) -> str:
    """Scores first, then tables, then the worst examples."""
    parts = [text.header(report), _said(shown.place), "\n".join(map(_said, shown.notes))]
    parts += text.rows(report, fold=True)
    parts += [_drawn(_scores(shown)), "\n".join(map(_said, panels.ways(shown).split("; ")))]
    for each in filter(None, [shown.classes, *shown.slices]):
        head, rows = _table(each)
        left = len(rows) - LINES + each.left
        more = f"\n  … and {left} more" if left > 0 else ""
        parts.append(_drawn((head, rows[:LINES])) + more + "\n" + _said(each.method))
    if shown.confusions is not None:
        parts.append(_drawn(_pairs(shown.confusions)))
    if shown.trust is not None:
        parts.append("\n".join([_said(shown.trust.told), _drawn(bins_of(shown.trust)), _said(shown.trust.method)]))
    parts += [_errors(shown.aims)] if shown.aims is not None else []
    parts += [_by_place(shown.places)] if shown.places is not None else []
    parts.append("\n".join(_worst(shown)))
    return readable("\n\n".join(filter(None, parts)))


def _drawn(made: Table) -> str:
    """A table whose names are cut where it is too wide."""
    head, rows = made
    told = table.text_of(head, rows)
    over = max(map(len, told.splitlines())) - text.WIDTH
    if over <= 0:
        return told
    names = max(len(row[0]) for row in [head, *rows])
    room = max(LETTERS, names - over)
    return table.text_of([_cut(head[0], room), *head[1:]], [[_cut(row[0], room), *row[1:]] for row in rows])


def _cut(name: str, room: int) -> str:
    return name if len(name) <= room else f"{name[: room - 1]}…"


def _scores(shown: Evaluation) -> Table:
    rows = [[one.name, one.told, one.unit] for one in shown.scores]
    return ["metric", "value (95 % interval)", ""], rows


def _table(parts: Parts) -> Table:
    classes = any(one.answered is not None for one in parts.rows)
    head = [parts.by, "rows", f"{'found' if classes else parts.metric} (95 % interval)"]
    head += ["answered", "right"] if classes else []
    rows = []
    for one in parts.rows:
        row = [one.name, f"{one.rows:,}", one.told]
        if classes:
            row += [f"{one.answered:,}", "" if one.precision is None else percent(one.precision)]
        rows.append([*row, one.beside.replace(" than the others", "")])
    return [*head, ""], rows


def _pairs(found: Confusions) -> Table:
    more = f" (the first {len(found.pairs)} of {len(found.pairs) + found.left} pairs)" if found.left else ""
    rows = [[f"{_cut(one.target, NAME)} is taken for {_cut(one.answer, NAME)}", one.told] for one in found.pairs]
    return [f"confused{more}", "share of the class (95 % interval)"], rows


def bins_of(trust: Trust) -> Table:
    """The bins of a reliability diagram in numbers."""
    rows = [
        [
            f"{percent(one.low, 0)} to {percent(one.high, 0)}",
            f"{one.rows:,}",
            percent(one.confidence),
            f"{percent(one.share)} ({percent(one.share_low, 0)} to {percent(one.share_high, 0)})",
            "off" if one.off else "",
        ]
        for one in trust.bins
    ]
    return ["probability", "rows", "in the mean", "came true (95 % interval)", ""], rows


def _errors(aims: Aims) -> str:
    return f"{_said(aims.told)}\n{_said(aims.spread)}"


def _by_place(places: Places) -> str:
    step = max(1, -(-len(places.first) // PLACES))
    rows = [
        [f"{places.first[k]:,}", f"{places.tokens[k]:,}", f"{places.mean[k]:.3g}"]
        for k in range(0, len(places.first), step)
    ]
    return f"{_said(places.told)}\n{table.text_of(['position', 'tokens', 'mean loss'], rows)}"


def _worst(shown: Evaluation) -> Iterator[str]:
    if shown.worst:
        yield _said("the rows that cost most, the worst first:")
    for one in shown.worst:
        card = "" if one.card is None or not one.card.text else f" · {one.card.text[:60]}"
        yield _plain(text.wrap(f"    row {one.row}: {panels.words(one)}{card}", "      "))


def _said(words: str) -> str:
    return _plain(text.wrap(f"  {sentence(words)}", "    ")) if words else ""


def _plain(words: str) -> str:
    return words.replace("**", "").replace("`", "")
