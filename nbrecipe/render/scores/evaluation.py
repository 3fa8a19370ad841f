"""A model over a whole data set as HTML and as plain text: scores first, then tables, then the worst examples."""

from __future__ import annotations

from collections.abc import Iterator

from ...finding import number, percent
from ...pictures.evaluation import Confusions, Costly, Evaluation, Parts, Trust
from ...report import Report
from ..data import cards
from ..data.cards import TILES
from ..findings import html, text
from ..pieces import table
from ..pieces.fragment import fragment, rich, static
from ..pieces.words import readable, sentence

__all__ = ["html_of", "text_of"]

#: parts of which a terminal shows the numbers
LINES = 24


def html_of(report: Report, shown: Evaluation) -> str:
    """A fragment that needs no script."""
    parts = [html.header(report), _line(shown.place), _part(table.html_of(*_scores(shown)))]
    parts += [_line(note) for note in (*_methods(shown), *shown.notes)]
    if len(report):
        parts.append(f'<div class="nbr-part">{html.rows(report, fold=True)}</div>')
    parts += [_line(one) for one in shown.against]
    for each in filter(None, [shown.classes, *shown.slices]):
        parts.append(_part(f"{table.html_of(*_table(each), marked=_marked(each))}{_line(each.method)}"))
    if shown.confusions is not None:
        parts.append(_part(table.html_of(*_pairs(shown.confusions))))
    if shown.trust is not None:
        parts.append(_part(f"{_line(shown.trust.told)}{table.html_of(*_bins(shown.trust))}{_line(shown.trust.method)}"))
    parts.append(_worst(shown))
    return fragment(f"<style>{static('browse.css')}</style>{''.join(filter(None, parts))}")


def text_of(report: Report, shown: Evaluation) -> str:
    """The same for a terminal."""
    parts = [text.header(report), _told(shown.place), table.text_of(*_scores(shown))]
    parts.append("\n".join(_told(note) for note in (*_methods(shown), *shown.notes)))
    parts += [*text.rows(report, fold=True), "\n".join(map(_told, shown.against))]
    for each in filter(None, [shown.classes, *shown.slices]):
        head, rows = _table(each)
        left = len(rows) - LINES + each.left
        more = f"\n  … and {left} more" if left > 0 else ""
        parts.append(table.text_of(head, rows[:LINES]) + more + "\n" + _told(each.method))
    if shown.confusions is not None:
        parts.append(table.text_of(*_pairs(shown.confusions)))
    if shown.trust is not None:
        parts.append(
            "\n".join([_told(shown.trust.told), table.text_of(*_bins(shown.trust)), _told(shown.trust.method)])
        )
    parts.append("\n".join(_spoken(shown)))
    return readable("\n\n".join(filter(None, parts)))


def _scores(shown: Evaluation) -> tuple[list[str], list[list[str]]]:
    rows = [[one.name, one.told, one.unit] for one in shown.scores]
    return ["metric", "value (95 % interval)", ""], rows


def _methods(shown: Evaluation) -> list[str]:
    """How the intervals were found, the same way named once."""
    ways: dict[str, list[str]] = {}
    for one in shown.scores:
        ways.setdefault(one.method, []).append(one.name)
    told = "; ".join(f"{way} ({', '.join(names)})" if len(ways) > 1 else way for way, names in ways.items())
    return [f"intervals: {told}"] if told else []


def _table(parts: Parts) -> tuple[list[str], list[list[str]]]:
    classes = any(one.answered is not None for one in parts.rows)
    head = [parts.by, "rows", f"{'share found' if classes else parts.metric} (95 % interval)"]
    head += ["answered", "of these right"] if classes else []
    rows = []
    for one in parts.rows:
        row = [one.name, f"{one.rows:,}", one.told]
        if classes:
            row += [f"{one.answered:,}", "" if one.precision is None else percent(one.precision)]
        rows.append([*row, one.beside])
    return [*head, ""], rows


def _marked(parts: Parts) -> list[int]:
    return [place for place, one in enumerate(parts.rows) if one.beside.startswith("worse")]


def _pairs(found: Confusions) -> tuple[list[str], list[list[str]]]:
    more = f" (the first {len(found.pairs)} of {len(found.pairs) + found.left} pairs)" if found.left else ""
    rows = [[f"{one.target} is taken for {one.answer}", one.told] for one in found.pairs]
    return [f"confused{more}", "share of the class (95 % interval)"], rows


def _bins(trust: Trust) -> tuple[list[str], list[list[str]]]:
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


def _worst(shown: Evaluation) -> str:
    if not shown.worst:
        return ""
    drawn = "".join(_costly(one, shown.kind) for one in shown.worst)
    lines = "nbr-still" if shown.kind in TILES else "nbr-still nbr-lines"
    return _part(f'{_line("the rows that cost most, the worst first:")}<div class="{lines}">{drawn}</div>')


def _costly(one: Costly, kind: str) -> str:
    card = cards.html_of(one.card, kind) if one.card is not None else ""
    return f'<div class="nbr-apart">{card}<div>{rich(_words(one))}</div></div>'


def _words(one: Costly) -> str:
    loss = f"loss **{number(one.loss, 3)}**"
    row = f"row {one.row}: " if one.card is None else ""
    return f"{row}{one.told}, {loss}" if one.told else f"{row}{loss}"


def _spoken(shown: Evaluation) -> Iterator[str]:
    if shown.worst:
        yield _told("the rows that cost most, the worst first:")
    for one in shown.worst:
        card = "" if one.card is None or not one.card.text else f" · {one.card.text[:60]}"
        words = _words(one) if one.card is None else f"row {one.row}: {_words(one)}"
        yield text.wrap(f"    {words}{card}", "      ").replace("**", "").replace("`", "")


def _line(words: str) -> str:
    return f'<div class="nbr-place">{rich(sentence(words))}</div>' if words else ""


def _part(drawn: str) -> str:
    return f'<div class="nbr-part">{drawn}</div>'


def _told(words: str) -> str:
    return text.wrap(f"  {sentence(words)}", "    ").replace("**", "").replace("`", "") if words else ""
