"""The panels of an evaluation: metrics, classes, slices and worst examples, each under what there is to see."""

from __future__ import annotations

import math
from html import escape

from ...finding import number, percent
from ...pictures.evaluation import Costly, Evaluation, Part, Parts, Scored, Second
from ...pictures.inspection import Beside, Look
from ...pictures.scores import Standing, Standings
from ..data import beside
from ..pieces.fragment import rich
from ..pieces.words import sentence
from . import standings

#: rows that stand open, of more than that, and examples that do
OPEN, ALL, CARDS = 10, 14, 8
#: names of parts that are told in a heading
NAMED = 3
#: share from which on the axis does not begin at 0
HIGH = 0.5


def panel(topic: str, body: str, method: str = "", across: bool = False) -> str:
    """A heading that says what there is to see, and what shows it; how it was found folds beneath. `topic` is HTML."""
    told = folded("how this was found", line(method)) if method else ""
    wide = " nbr-across" if across else ""
    head = f'<div class="nbr-topic" role="heading" aria-level="4">{topic}</div>'
    return f'<section class="nbr-panel{wide}">{head}{body}{told}</section>'


def folded(title: str, body: str) -> str:
    """What opens when it is asked for, without a script."""
    return f'<details><summary><span class="nbr-open">{escape(title)}</span></summary>{body}</details>'


def line(words: str) -> str:
    """A sentence in small type."""
    return f'<div class="nbr-place">{rich(sentence(words))}</div>' if words else ""


def metrics(shown: Evaluation) -> str:
    """Shares on one axis, and every other metric on its own."""
    shares: list[Standing] = []
    others: list[Standings] = []
    for one in shown.scores:
        rows = _with_second(one, next((each for each in shown.seconds if each.metric == one.name), None))
        if one.share:
            shares += rows
        else:
            others.append(Standings("", tuple(rows), *_around(rows)))
    low = _from(shares)
    first = [Standings("", tuple(shares), low, 1.0)] if shares else []
    if not first and not others:
        return ""
    told = "the lines are 95 % intervals" if shares or shown.seconds else ""
    told += f", shares from {low:g} to 1" if shares else ""
    told += ", the others each on an axis of its own" if shown.seconds else ""
    who = f": {_code(shown.model)} above {_code(shown.seconds[0].name)}" if shown.seconds else ""
    return panel(f"Metrics<em>{who}</em>", line(told) + standings.html_of(*first, *others), ways(shown))


def _with_second(one: Scored, second: Second | None) -> list[Standing]:
    """A metric, and below it that of the second model; alone and without a scale it is a number."""
    value = one.value if one.share or second is not None else None
    unit = "" if second is not None else _unit(one.unit)
    rows = [Standing(one.name, value, one.low, one.high, one.told, unit, judged=True)]
    if second is not None:
        name = f"`{second.name}`"
        rows.append(Standing(name, second.value, second.low, second.high, second.told, second.verdict))
    return rows


def _from(shares: list[Standing]) -> float:
    """Where the axis of shares begins, so that short intervals among high shares are seen."""
    least = min((row.low for row in shares if row.low is not None and math.isfinite(row.low)), default=0.0)
    return math.floor(10 * least) / 10 if least > HIGH else 0.0


def _unit(unit: str) -> str:
    """What a metric counts, where the heading does not say it."""
    return "" if unit.startswith("of ") and " row" in unit else unit


def _around(rows: list[Standing]) -> tuple[float | None, float | None]:
    """An axis with some room at both ends."""
    ends = [end for row in rows if row.value is not None for end in (row.low, row.value, row.high)]
    known = [end for end in ends if end is not None and math.isfinite(end)]
    if not known:
        return None, None
    room = 0.15 * (max(known) - min(known))
    return min(known) - room, max(known) + room


def ways(shown: Evaluation) -> str:
    """How intervals were found and models compared, the same way named once."""
    found: dict[str, list[str]] = {}
    for one in shown.scores:
        found.setdefault(one.method, []).append(one.name)
    told = "; ".join(f"{way} ({', '.join(names)})" if len(found) > 1 else way for way, names in found.items())
    return "; ".join(filter(None, [f"intervals: {told}" if told else "", *shown.against]))


def parts(shown: Parts, title: str) -> str:
    """Classes or slices, the worst first: bars of shares, dots of what has no end."""
    bars = all(0 <= one.value <= 1 for one in shown.rows if math.isfinite(one.value)) and shown.is_share
    first = shown.rows if len(shown.rows) <= ALL else shown.rows[:OPEN]
    rest = shown.rows[len(first) :]
    body = _bars(shown, first) if bars else standings.html_of(_dots(shown, first))
    if rest:
        body += folded(f"{len(rest)} more", _bars(shown, rest) if bars else standings.html_of(_dots(shown, rest)))
    if shown.left:
        body += line(f"{shown.left:,} more are not listed: they have the fewest rows")
    return panel(f"{title}<em>: {standing_out(shown)}</em>", body, shown.method)


def _untested(shown: Parts) -> str:
    """Which part is the worst; those that are 0 by name."""
    overlap, nothing = shown.metric == "IoU", [_code(one.name) for one in shown.rows if one.value == 0]
    if not nothing:
        return f"{_code(shown.rows[0].name)} {'overlaps least' if overlap else 'is found least often'}"
    named = ", ".join(nothing[:NAMED]) + (f" and {len(nothing) - NAMED} more" if nothing[NAMED:] else "")
    if overlap:
        return f"{named} {'overlaps' if len(nothing) == 1 else 'overlap'} nowhere"
    return f"{named} {'is' if len(nothing) == 1 else 'are'} never found"


def standing_out(shown: Parts) -> str:
    """Which parts are unlike the others beyond chance, as HTML."""
    if not shown.tested:
        return _untested(shown)
    off = [one for one in shown.rows if one.beside]
    if not off:
        return "none stands out beyond chance"
    told = []
    for way in ("worse", "better"):
        names = [one.name for one in off if one.beside.startswith(way)]
        listed = [_code(name) for name in names[:NAMED]] + ([f"{len(names) - NAMED} more"] if names[NAMED:] else [])
        together = " and ".join(filter(None, [", ".join(listed[:-1]), *listed[-1:]]))
        told += [f"{together} {'is' if len(names) == 1 else 'are'} {way} than the others"] if names else []
    return "; ".join(told)


def _bars(shown: Parts, rows: tuple[Part, ...]) -> str:
    classes = any(one.answered is not None for one in shown.rows)
    what = "found" if classes else shown.metric
    tops = [f"{what} (95 %)", "images" if shown.metric == "IoU" else "rows", *(["right if said"] if classes else [])]
    head = f'<span role="columnheader">{escape(shown.by)}</span>'
    head += '<span class="nbr-track nbr-bare" aria-hidden="true"></span>'
    head += "".join(f'<span class="nbr-num" role="columnheader">{escape(top)}</span>' for top in tops)
    made = "".join(_bar(one, classes) for one in rows)
    plain = "" if classes else " nbr-plain"
    head = f'<div class="nbr-one nbr-tops" role="row">{head}</div>'
    return f'<div class="nbr-parts{plain}" role="table">{head}{made}</div>'


def _bar(one: Part, classes: bool) -> str:
    off = one.beside.startswith("worse")
    track = ""
    if math.isfinite(one.value):
        low, high = max(0.0, one.low), min(1.0, one.high)
        track = f'<i class="nbr-fill" style="width:{100 * one.value:.1f}%"></i>'
        track += f'<i class="nbr-range" style="left:{100 * low:.1f}%;width:{100 * max(high - low, 0.004):.1f}%"></i>'
    name = escape(one.name)
    cells = f'<span class="nbr-who" role="rowheader" title="{name}">{"▼ " if off else ""}{name}</span> '
    cells += f'<span class="nbr-track" role="cell" aria-hidden="true">{track}</span> '
    told = [one.told, f"{one.rows:,}", *([_precision(one)] if classes else [])]
    cells += " ".join(f'<span class="nbr-num" role="cell">{escape(each)}</span>' for each in told)
    if one.beside:
        cells += f' <span class="nbr-beside" role="cell">{escape(one.beside)}</span>'
    return f'<div class="nbr-one{" nbr-off" if off else ""}" role="row">{cells}</div>'


def _precision(one: Part) -> str:
    return "–" if one.precision is None else percent(one.precision)


def _dots(shown: Parts, rows: tuple[Part, ...]) -> Standings:
    """All on one axis, those that are folded too."""
    ends = [end for one in shown.rows for end in (one.low, one.value, one.high) if math.isfinite(end)]
    made = tuple(_dot(one) for one in rows)
    return Standings(shown.metric, made, min(ends, default=0.0), max(ends, default=1.0))


def _dot(one: Part) -> Standing:
    off = one.beside.startswith("worse")
    told = "; ".join(filter(None, [f"{one.rows:,} rows", one.beside]))
    return Standing(f"{'▼ ' if off else ''}`{one.name}`", one.value, one.low, one.high, one.told, told, off)


def worst(shown: Evaluation) -> str:
    """The rows that cost most as cards, some of them folded."""
    if not shown.worst:
        return ""
    cards = [one for one in shown.worst if one.card is not None]
    plain = [one for one in shown.worst if one.card is None]
    first, rest = cards[:CARDS], cards[CARDS:]
    body = _cards(first, shown.kind) + _listed(plain[:CARDS])
    if rest or plain[CARDS:]:
        body += folded(f"{len(rest) + len(plain[CARDS:])} more", _cards(rest, shown.kind) + _listed(plain[CARDS:]))
    return panel("Worst examples<em>: the rows that cost most, the worst first</em>", body, across=True)


def _cards(costly: list[Costly], kind: str) -> str:
    rows = tuple(Beside((one.card,), words(one)) for one in costly if one.card is not None)
    return beside.html_of(Look("", kind, rows)) if rows else ""


def _listed(costly: list[Costly]) -> str:
    return "".join(f'<div class="nbr-more-of">row {one.row}: {rich(words(one))}</div>' for one in costly)


def words(one: Costly) -> str:
    """What was answered and what it cost."""
    loss = f"loss **{number(one.loss, 3)}**"
    return f"{one.told}, {loss}" if one.told else loss


def _code(name: str) -> str:
    return f"<code>{escape(name)}</code>"
