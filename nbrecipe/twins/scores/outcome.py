"""What a person's answers are worth, in sentences and on one axis, and the cards to look at again."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...batches import BadInput
from ...evaluation.answers import Answers
from ...evaluation.headline import compared, metric_of, value_of
from ...evaluation.person import standing
from ...evaluation.person.sheet import read
from ...finding import number
from ...pictures.asking import Apart, Outcome
from ...pictures.scores import Standing, Standings
from ...render.scores import asking as drawn
from ...scan.columns.kinds import Kind
from ...statistics.digits import chance, told
from ...statistics.families import holm
from ...statistics.paired import Paired
from ...statistics.proportions import wilson
from ...verbs import Shown
from .asking import Asking

#: cards that are shown again, and rows that are listed
CARDS, LISTED = 24, 40
CAPTIONS = {Kind.NUMBER: "Mean absolute error", Kind.CLASS: "Share of cards answered right",
            Kind.FLAGS: "Share of labels answered right"}  # fmt: skip


def outcome(asking: Asking, others: Sequence[Answers] = ()) -> Outcome | None:
    """What the answers so far are worth, beside others' answers to the same rows; None before the first."""
    given = standing.answers_of(asking.deck, asking.sheet)
    if given is None:
        return None
    among = [found for other in others if (found := other.among(given.rows)) is not None]
    shared = [one for one in among if metric_of(one) == metric_of(given)]
    beside = _against(given, shared)
    rows = [_standing(given, judged=True)]
    rows += [replace(_standing(one), beside=told) for one, told in zip(shared, beside, strict=True)]
    numbers = asking.deck.kind is Kind.NUMBER
    caption = CAPTIONS[asking.deck.kind]
    caption += f" on {len(given)} card{'' if len(given) == 1 else 's'}; the lines are 95 % intervals"
    if shared:
        caption += f", each p is against you{', corrected after Holm' if len(shared) > 1 else ''}"
    standings = Standings(caption, tuple(rows), 0.0, None if numbers else 1.0)
    apart, count = ([], 0) if numbers else _apart(asking)
    return Outcome(tuple(_told(asking, given)), standings, tuple(apart), count)


class People(Shown):
    """Two people's answers to the same rows."""

    lines: tuple[str, ...] = ()

    def __str__(self) -> str:
        return drawn.people_text(self, self.lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return drawn.people_html(self, self.lines)


def people(one: str | Path, other: str | Path) -> People:
    """How often two people agree; raises BadInput where they answered other data, or no row in common."""
    first, second = read(one), read(other)
    if first.head.get("fingerprint") != second.head.get("fingerprint"):
        raise BadInput(f"`{first.path}` holds answers to `{first.head.get('data')}` and `{second.path}` to other data "
                       f"(`{second.head.get('data')}`)")  # fmt: skip
    found = standing.between(first, second)
    if found is None:
        raise BadInput(f"`{first.path}` and `{second.path}` share no row: draw the same cards, with one `--seed`")
    answer = People(f"`{first.path.name}` beside `{second.path.name}`")
    answer.lines = tuple(_agreed(found, "both answered", "They"))
    return answer


def _told(asking: Asking, given: Answers) -> list[str]:
    lines = []
    if given.right is not None and given.entries is not None:
        right, cards = int((given.right == given.entries).sum()), len(given)
        share = told(right / cards, wilson(right, cards))
        lines.append(f"**{right}** of {cards} cards answered as their label says: **{share}**")
    else:
        lines.append(f"mean absolute error **{_standing(given).told}** on {len(given)} cards")
    left = len(asking.deck.questions) - asking.done
    if left:
        lines.append(f"{left} cards have no answer yet")
    timed = [one.seconds for one in asking.sheet.given if one.seconds is not None]
    if timed:
        lines.append(f"{number(statistics.median(timed), 2)} seconds a card (median)")
    found = standing.again(asking.deck, asking.sheet)
    return lines + (_agreed(found, "came twice", "You") if found is not None else [])


def _agreed(found: standing.Agreement, what: str, who: str) -> list[str]:
    cards = f"{len(found.rows)} card{'' if len(found.rows) == 1 else 's'}"
    if found.interval is None:
        return [f"{cards} {what}: the answers lie {number(found.share)} apart in the mean"]
    same = len(found.rows) - len(found.apart)
    lines = [f"{cards} {what}: {who} gave the same answer to **{same}**, {told(found.share, found.interval)}".replace(
        f": {who}", f": {who.lower()}")]  # fmt: skip
    if found.kappa is not None and found.kappa_interval is not None and np.isfinite(found.kappa):
        lines.append(f"Cohen's kappa, agreement beyond chance: **{told(found.kappa, found.kappa_interval)}**")
    if found.apart:
        listed = ", ".join(map(str, found.apart[:LISTED])) + (", …" if len(found.apart) > LISTED else "")
        lines.append(f"two answers to row{'' if len(found.apart) == 1 else 's'} {listed}")
    return lines


def _standing(given: Answers, judged: bool = False) -> Standing:
    value, interval = value_of(given)
    return Standing(given.name, value, interval.low, interval.high, told(value, interval), judged=judged)


def _against(yours: Answers, others: Sequence[Answers]) -> list[str]:
    """Whether each of the others does better, or worse, on these cards than the person by more than chance."""
    pairs = [found.paired if (found := compared(other, yours)) is not None else None for other in others]
    corrected = iter(holm([found.p for found in pairs if found is not None]))
    return ["" if found is None else _by_chance(replace(found, p=float(next(corrected)))) for found in pairs]


def _by_chance(found: Paired) -> str:
    return f"{'could be chance' if found.could_be_chance else 'no chance'}, {chance(found.p)}"


def _apart(asking: Asking) -> tuple[list[Apart], int]:
    """The first cards whose answer is not their label, in the order in which they were asked, and how many are."""
    deck = asking.deck
    said = {one.question.row: one.answer for one in asking.sheet.given if one.question.turn == 0}
    rows = [row for row in deck.truth if row in said and said[row] != deck.truth[row]]
    cards = [asking.card_of(row) for row in rows[:CARDS]]
    words = {row: f"you: {deck.told(said[row])}, label: {deck.told(deck.truth[row])}" for row in rows}
    return [Apart(card, words[card.row]) for card in cards], len(rows)
