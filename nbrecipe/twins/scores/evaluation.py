"""What is shown of a pass: its scores and tables as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...batches import BadInput
from ...bench import Bench
from ...evaluation.against import Against
from ...evaluation.aims import aimed
from ...evaluation.answers import Answers
from ...evaluation.calibrated import calibrated
from ...evaluation.confusion import confused
from ...evaluation.metric import Score, is_share
from ...evaluation.passing import Passed
from ...evaluation.scores import metrics_for, score
from ...evaluation.slices import Slices, by_class, by_label, by_overlap, by_value
from ...evaluation.worst import Worst, worst
from ...finding import number, percent
from ...guard import Untouched
from ...pictures.evaluation import (
    Aims,
    Confusions,
    Costly,
    Evaluation,
    Mistaken,
    Part,
    Parts,
    Places,
    Scored,
    Second,
    Trust,
    Trusted,
)
from ...scan.plan import plan_of
from ...scan.sources.opening import open_source
from ...statistics.calibration import Calibration
from ...statistics.digits import chance, told
from ..cards import LIKE, cards_of

#: p-value below which a part is told to be unlike the others
SURE = 0.05


def evaluation(
    bench: Bench,
    passed: Passed,
    scores: Sequence[Score],
    slices: Mapping[str, Any],
    pairs: Sequence[Against],
    other: str,
    notes: Sequence[str],
    data: Any,
    theirs: Answers | None = None,
) -> Evaluation:
    """All of it, of one pass; `slices` are values of each answer by name, `data` what holds the rows."""
    answers = passed.answers
    classes, trust = by_class(answers) or by_label(answers) or by_overlap(answers), calibrated(answers)
    by = (by_value(answers, values, name) for name, values in slices.items())
    bad = worst(answers)
    costly, kind = _costly(bench, passed, bad, data)
    return Evaluation(
        f"`{answers.name}` on {passed.extent} of `{passed.name}`, in eval mode",
        tuple(map(_scored, scores)),
        None if classes is None else _parts(classes),
        tuple(_parts(one) for one in by if one is not None),
        _confusions(passed),
        None if trust is None else _trust(trust),
        costly,
        kind,
        tuple(
            f"{one.metric}: `{answers.name}` against `{other}`, **{one.told}** ({one.paired.method})" for one in pairs
        ),
        tuple(notes),
        answers.name,
        _seconds(pairs, theirs, other),
        _aims(answers),
        _places(passed),
    )


def _scored(one: Score) -> Scored:
    interval = one.interval
    share = is_share(one.name)
    # why there is none stands where intervals are explained
    told = f"{one.told.partition(' (no interval')[0]} (no interval)" if " (no interval" in one.told else one.told
    return Scored(one.name, one.value, interval.low, interval.high, told, interval.method, one.unit, one.better,
                  share and 0 <= one.value <= 1)  # fmt: skip


def _seconds(pairs: Sequence[Against], theirs: Answers | None, name: str) -> tuple[Second, ...]:
    """What the second model is worth by the metrics that are compared."""
    if theirs is None:
        return ()
    known = {metric.name: metric for metric in metrics_for(theirs)}
    made = []
    for pair in pairs:
        if pair.metric in known:
            found = score(known[pair.metric], theirs)
            verdict = pair.told.partition(": ")[2]
            made.append(Second(pair.metric, name, found.value, found.interval.low, found.interval.high, found.told,
                               verdict))  # fmt: skip
    return tuple(made)


def _places(passed: Passed) -> Places | None:
    found = passed.places
    if found is None:
        return None
    told = f"**{number(found.mean[0], 3)}** at the first, **{number(found.mean[-1], 3)}** at the last"
    return Places(found.first, found.mean, found.mean - found.half, found.mean + found.half, found.tokens, found.last,
                  told, found.method)  # fmt: skip


def _aims(answers: Answers) -> Aims | None:
    found = aimed(answers)
    if found is None:
        return None
    told = f"answers are {found.lean}" if found.lean else "answers lean neither way beyond chance"
    half, most, far = (number(value, 3) for value in found.within)
    spread = f"half of them lie within {half} of what is right, nine of ten within {most}; the farthest is {far} off"
    return Aims(found.target, found.answer, found.extent, found.counts, found.edges, told, spread)


def _parts(slices: Slices) -> Parts:
    rows = []
    total = slices.total
    for one in slices.rows:
        rest = (slices.whole - one.value * one.rows) / max(1, total - one.rows)
        way = "better" if (one.value - rest) * slices.better > 0 else "worse"
        beside = f"{way} than the others, {chance(one.p)}" if one.p < SURE else ""
        interval = one.interval
        rows.append(Part(one.name, one.rows, one.value, interval.low, interval.high, told(one.value, interval), beside,
                         one.answered, one.precision))  # fmt: skip
    methods = " and ".join(dict.fromkeys(one.interval.method for one in slices.rows))
    kind = "Fisher's exact test" if slices.metric == "accuracy" else "Welch's t-test"
    tested = f"; each against all others of {total:,} rows by {kind}, corrected after Holm"
    method = f"intervals: {methods}{tested if slices.tested else ''}"
    return Parts(slices.by, slices.metric, tuple(rows), method, slices.left, slices.tested)


def _confusions(passed: Passed) -> Confusions | None:
    found = confused(passed.answers)
    if found is None or not found.pairs:
        return None
    pairs = []
    for one in found.pairs:
        of = round(one.count / one.share)
        pairs.append(Mistaken(one.target, one.answer, one.count, one.share,
                              f"{one.count} of {of} row{'s'[: of != 1]}, {told(one.share, one.interval)}"))  # fmt: skip
    return Confusions(found.names, tuple(pairs), found.table, found.left, found.drawn, found.core)


def _trust(found: Calibration) -> Trust:
    bins = tuple(
        Trusted(b.low, b.high, b.rows, b.confidence, b.share, b.interval.low, b.interval.high, bool(b.p < SURE))
        for b in found.bins
    )
    sure = found.too_sure_interval
    way = "too sure" if found.too_sure > 0 else "too modest"
    lean = "" if 0.0 in sure else f"; {way} by {percent(abs(found.too_sure))} in the mean"
    away = found.p < SURE
    verdict = "no chance" if away else "could be chance"
    short = lean.removeprefix("; ") if lean else "they miss what comes true"
    line = (
        f"probabilities miss the shares that come true by **{percent(found.error)}** in the mean, where right ones "
        f"miss them by {percent(found.by_chance)}: {verdict}, {chance(found.p)}{lean}; Brier score {found.brier:.3g}"
    )
    right = f"they are what comes true, as far as {found.rows:,} rows can tell"
    return Trust(line, bins, found.method, short if away else right)


def _costly(bench: Bench, passed: Passed, bad: Sequence[Worst], data: Any) -> tuple[tuple[Costly, ...], str]:
    """The worst examples, decoded where the rows of the data can be read by number."""
    plain = tuple(Costly(one.row, one.told, one.loss) for one in bad)
    if not passed.numbered or not bad:
        return plain, "cells"
    try:
        with Untouched([data]):
            return _decoded(bench, passed, bad, data)
    except (BadInput, KeyboardInterrupt):  # who is tired of waiting has the numbers all the same
        return plain, "cells"


def _decoded(bench: Bench, passed: Passed, bad: Sequence[Worst], data: Any) -> tuple[tuple[Costly, ...], str]:
    source = open_source(data, passed.name)
    plan = plan_of(source)
    length = source.length or 0
    cards = cards_of(bench, source, plan, np.unique(np.linspace(0, length - 1, LIKE).astype(int)).tolist())
    made = [Costly(one.row, one.told, one.loss, cards.card(one.row, source.example(one.row))) for one in bad]
    return tuple(made), cards.kind


def column_of(data: Any, name: str, column: str) -> list[Any]:
    """The values of a column of the data, row by row. Raises BadInput where there is none of this name."""
    with Untouched([data]):
        source = open_source(data, name)
        found: list[Any] = []
        for block in source.blocks(0, source.length or 0):
            if column not in block.columns:
                known = ", ".join(f"`{one}`" for one in block.columns)
                raise BadInput(f"`{name}` has no column `{column}`; it has {known}")
            found += list(block.columns[column])
    return found
