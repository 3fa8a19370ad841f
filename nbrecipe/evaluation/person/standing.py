"""What a person's answers are worth: against the labels, against their own second answers, against another person's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...scan.columns.kinds import Kind as Column
from ...statistics.agreement import kappa
from ...statistics.interval import Interval
from ...statistics.proportions import wilson
from ...task import Kind
from ..answers import Answers
from .deck import Deck, Question
from .sheet import Sheet

KINDS = {Column.CLASS: Kind.CLASSES, Column.FLAGS: Kind.MULTILABEL, Column.NUMBER: Kind.REGRESSION}
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Agreement:
    """Two answers to each of some cards: by one person at two times, or by two."""

    #: rows that both answered, and those of them with two different answers
    rows: tuple[int, ...]
    apart: tuple[int, ...]
    #: share of equal answers; for numbers their mean absolute difference
    share: float
    interval: Interval | None
    #: Cohen's kappa; None for numbers and for several yes or no
    kappa: float | None = None
    kappa_interval: Interval | None = None


def answers_of(deck: Deck, sheet: Sheet, name: str = "you") -> Answers | None:
    """First answers as those of a model are; None where there are none."""
    given = {one.question.row: one.answer for one in sheet.given if one.question.turn == 0}
    rows = np.array(sorted(row for row in given if row in deck.truth), np.int64)
    if not len(rows):
        return None
    truth = [deck.truth[int(row)] for row in rows]
    said = [given[int(row)] for row in rows]
    target, answer = _encoded(deck, truth), _encoded(deck, said)
    classes = tuple(value for value, _ in deck.choices)
    if deck.kind is Column.NUMBER:
        loss = np.square(target - answer)
        return Answers(name, KINDS[deck.kind], rows, target, answer, loss=loss, classes=classes)
    hits = (target == answer).reshape(len(rows), -1)  # of several yes or no, each counts
    entries = np.full(len(rows), hits.shape[1], np.float64)
    return Answers(name, KINDS[deck.kind], rows, target, answer, right=hits.sum(1, dtype=np.float64), entries=entries,
                   classes=classes)  # fmt: skip


def again(deck: Deck, sheet: Sheet) -> Agreement | None:
    """The first and the second answers to the cards that came twice; None where none did."""
    answers = sheet.answers
    rows = [row for row in deck.truth if Question(row, 0) in answers and Question(row, 1) in answers]
    pairs = [(answers[Question(row, 0)].answer, answers[Question(row, 1)].answer) for row in rows]
    return _agreed(rows, pairs, deck.kind)


def between(one: Sheet, other: Sheet) -> Agreement | None:
    """Two people's first answers to the same rows; None where they share none."""
    first, second = (
        {given.question.row: given.answer for given in sheet.given if given.question.turn == 0}
        for sheet in (one, other)
    )
    rows = sorted(set(first) & set(second))
    return _agreed(rows, [(first[row], second[row]) for row in rows], Column(str(one.head.get("kind"))))


def _agreed(rows: list[int], pairs: list[tuple[Any, Any]], kind: Column) -> Agreement | None:
    if not rows:
        return None
    apart = tuple(row for row, (a, b) in zip(rows, pairs, strict=True) if a != b)
    if kind is Column.NUMBER:
        away = float(np.mean([abs(float(a) - float(b)) for a, b in pairs]))
        return Agreement(tuple(rows), apart, away, None)
    same = len(rows) - len(apart)
    found, interval = None, None
    if kind is Column.CLASS and len(rows) > 1:
        codes = {value: i for i, value in enumerate(dict.fromkeys(value for pair in pairs for value in pair))}
        found, interval = kappa(np.array([codes[a] for a, _ in pairs]), np.array([codes[b] for _, b in pairs]))
    return Agreement(tuple(rows), apart, same / len(rows), wilson(same, len(rows)), found, interval)


def _encoded(deck: Deck, values: list[Any]) -> Array:
    if deck.kind is Column.NUMBER:
        return np.array(values, np.float64)
    places = {value: i for i, (value, _) in enumerate(deck.choices)}
    if deck.kind is Column.CLASS:
        return np.array([places.get(value, -1) for value in values], np.int64)
    table = np.zeros((len(values), len(places)), np.int64)
    for row, several in enumerate(values):
        table[row, [places[one] for one in several if one in places]] = 1
    return table
