"""A ladder as it is drawn: scores on one axis, how each rung answers, and the rows that the next one adds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ...bench import Bench
from ...decoding.worded import class_names
from ...evaluation.answers import Answers
from ...evaluation.metric import Metric, is_share
from ...evaluation.scores import LOSS
from ...experiments.ladder.between import Gap, gaps, missed
from ...experiments.ladder.climb import MODEL, Ladder
from ...experiments.ladder.scored import Scored, scored
from ...finding import number, percent
from ...pictures.inspection import Beside, Look
from ...pictures.ladder import LadderShown, Step
from ...pictures.scores import Standing, Standings
from ...probes.data.cards import Cards
from ...task import Kind
from ..cards import cards_of
from .verdict import verdict

#: rows of each gap that are shown, and gaps that are
ROWS, GAPS = 8, 2
#: share of the most frequent class from which on accuracy says little
UNEVEN = 0.8


def shown_of(
    bench: Bench, ladder: Ladder, asked: Sequence[Any] = ()
) -> tuple[LadderShown, dict[str, float], dict[str, float]]:
    """What is drawn, and the values of the metric and of the loss by rung."""
    metric, rungs = scored(ladder, asked)
    model = f"`{bench.name('model')}`"
    standings = Standings(_caption(ladder, metric, rungs), tuple(_standing(each, model, metric) for each in rungs),
                          *_axis(metric))  # fmt: skip
    tried = [each.rung for each in rungs]
    steps = tuple(Step(_name(r.id, model), r.how, r.fitted_on, r.shows, r.cannot, r.refused) for r in tried)
    looks = tuple(_Gaps(bench, ladder, model).looks(rungs))
    values = {each.rung.id: each.score.value for each in rungs if each.score is not None}
    losses = {each.rung.id: each.loss.value for each in rungs if each.loss is not None}
    notes = (*ladder.notes, *_uneven(metric, rungs))
    shown = LadderShown(ladder.extent, standings, steps, looks, notes, verdict(rungs, model))
    return shown, values, losses


def _name(rung: str, model: str) -> str:
    return model if rung == MODEL else rung


def _caption(ladder: Ladder, metric: Metric | None, rungs: Sequence[Scored]) -> str:
    rows = next((len(each.rung.answers) for each in rungs if each.rung.answers is not None), 0)
    loss = ladder.loss
    beside = f"beside it the loss, {loss.name}{f' ({loss.told})' if loss.told else ''}" if loss is not None else ""
    known = next((each.score for each in rungs if each.score is not None), None)
    if metric is None or known is None:
        return "nothing could be answered"
    name = f"**{loss.name if loss is not None else metric.name}**" if metric.name == LOSS else f"**{metric.name}**"
    unit = "" if not metric.unit or metric.unit.startswith("of ") or metric.name == LOSS else f", {metric.unit}"
    method = f"the lines are {known.interval.level:.0%} intervals ({known.interval.method})".replace("%", " %")
    told = f"{name}{unit}, on {rows:,} row{'' if rows == 1 else 's'}; {method}"
    return f"{told}; {beside}" if beside and metric.name != LOSS else told


def _uneven(metric: Metric | None, rungs: Sequence[Scored]) -> list[str]:
    """That accuracy says little where nearly all rows are of one class."""
    answers = next((each.rung.answers for each in rungs if each.rung.id == "majority"), None)
    if metric is None or metric.name != "accuracy" or answers is None or answers.right is None or not len(answers):
        return []
    share = float(answers.right.sum()) / len(answers)
    if not UNEVEN <= share < 1:
        return []
    other = '`--metric "balanced accuracy"` weighs the classes alike'
    return [f"**{percent(share)}** of these rows are of one class, so accuracy says little of the others: {other}"]


def _axis(metric: Metric | None) -> tuple[float | None, float | None]:
    return (0.0, 1.0) if metric is not None and is_share(metric.name) else (None, None)


def _standing(each: Scored, model: str, metric: Metric | None) -> Standing:
    name, judged = _name(each.rung.id, model), each.rung.id == MODEL
    if each.rung.answers is None:
        return Standing(name, None, beside=each.rung.refused, judged=judged)
    loss = f"loss {each.loss.told}" if each.loss is not None and metric is not None and metric.name != LOSS else ""
    if each.score is None:
        return Standing(name, None, beside=loss, judged=judged)
    ends = each.score.interval
    return Standing(name, each.score.value, ends.low, ends.high, each.score.told, loss, judged)


class _Gaps:
    """The rows between rungs, as cards."""

    def __init__(self, bench: Bench, ladder: Ladder, model: str) -> None:
        self._bench, self._ladder, self._model = bench, ladder, model
        self._names: dict[Any, str] = {**class_names(bench)} or dict(ladder.asked.source.names)
        self._made: Cards | None = None

    def looks(self, rungs: Sequence[Scored]) -> Iterator[Look]:
        """What each of the highest rungs adds to the one below it, and what none of them gets right."""
        ladder = [each.rung.answers for each in rungs if each.score is not None and each.rung.answers is not None]
        whole = [answers for answers in ladder if answers.answer is not None and answers.target is not None]
        if len(whole) < 2 or self._ladder.asked.source.length is None:
            return
        for gap in gaps(whole[-1 - GAPS :])[::-1]:
            if len(gap.places):
                yield self._look(gap)
        rows = missed(whole)
        if len(rows) and len(whole) > 2:
            answers = whole[-1]
            at = {int(row): i for i, row in enumerate(answers.rows)}
            title = f"{len(rows)} of {len(answers)} rows that none of these {len(whole)} gets right"
            told = [f"{self._told(answers, at[int(row)])}" for row in rows[:ROWS]]
            yield self._drawn(title, rows[:ROWS], told)

    def _look(self, gap: Gap) -> Look:
        low, high = (_called(answers.name, self._model) for answers in (gap.lower, gap.higher))
        title = f"{len(gap.places)} of {len(gap.higher)} rows that {low} gets wrong and {high} right"
        if not gap.exact:
            title = f"{len(gap.places)} of {len(gap.higher)} rows to which {high} is nearer than {low}"
        title += ", the most certain first" if gap.exact else ", the greatest difference first"
        told = [f"{self._told(gap.lower, i)}, {self._told(gap.higher, i)}" for i in gap.places[:ROWS].tolist()]
        return self._drawn(title, gap.rows[:ROWS], told)

    def _told(self, answers: Answers, place: int) -> str:
        """Who answers what: "`linear` 3"."""
        assert answers.answer is not None
        value = answers.answer[place]
        if answers.kind is Kind.MULTILABEL:
            told = _flags(value, [str(self._names.get(known, known)) for known in answers.classes])
        elif answers.classes and np.size(value) == 1:
            known = answers.classes[int(value)] if 0 <= int(value) < len(answers.classes) else "none"
            told = str(self._names.get(known, known))
        elif np.size(value) == 1:
            told = number(float(value), 4)
        else:
            flat = np.asarray(value).reshape(-1)
            told = ", ".join(number(float(v), 3) for v in flat[:4]) + (", …" if flat.size > 4 else "")
        return f"{_called(answers.name, self._model)}: {told}"

    def _drawn(self, title: str, rows: Any, told: list[str]) -> Look:
        split, made = self._ladder.asked, []
        for row, words in zip(rows.tolist(), told, strict=True):
            try:
                made.append(Beside((self._cards.card(row, split.source.example(row)),), words))
            except Exception:  # a row that raises now is not shown
                continue
        return Look(title, self._cards.kind, tuple(made))

    @property
    def _cards(self) -> Cards:
        if self._made is None:
            split = self._ladder.asked
            self._made = cards_of(self._bench, split.source, split.plan, split.block.rows.tolist())
        return self._made


def _flags(value: Any, names: Sequence[str]) -> str:
    """Which of several labels are given: "0, 2"."""
    places = np.flatnonzero(np.asarray(value).reshape(-1)).tolist()
    told = [names[place] if place < len(names) else str(place) for place in places]
    return (", ".join(told[:6]) + (", …" if len(told) > 6 else "")) or "none"


def _called(name: str, model: str) -> str:
    """How answers are called: rungs by their id, the model by the user's name."""
    return model if name.strip("`") == model.strip("`") or name == MODEL else name
