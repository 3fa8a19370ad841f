"""The kernel's side of a page that asks a person: cards, answers that are kept at once, and what is taken back."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from ...batches import BadInput
from ...evaluation.person.deck import Deck, Question
from ...evaluation.person.sheet import Sheet
from ...guard import Untouched
from ...pictures.asking import Asked
from ...pictures.browse import Card, Whole
from ...probes.data.cards import Cards
from ...render.data import browse as drawn
from ...scan.columns.kinds import Kind
from ...scan.sources.source import Source

#: keys of classes that have no single letter for a name
DIGITS = "1234567890"


class Asking:
    """Answers what a page asks; each answer is in the file before the next card is sent."""

    def __init__(
        self, deck: Deck, sheet: Sheet, cards: Cards, source: Source, things: Sequence[Any], seconds: float | None
    ) -> None:
        self.deck, self.sheet, self.cards, self.source, self.seconds = deck, sheet, cards, source, seconds
        #: what is called after each answer, and after one that is taken back
        self.answering: Callable[[], None] = lambda: None
        #: what the answers are worth as HTML, where all are given
        self.outcome: Callable[[], str] = lambda: ""
        self._things = list(things)

    @property
    def done(self) -> int:
        """Questions of the deck that have an answer."""
        return len(self.deck.questions) - len(self.sheet.open(self.deck))

    def answer(self, question: Mapping[str, Any]) -> dict[str, Any] | None:
        """What a page is answered; `refused` says why not, in one sentence. None for what is no question."""
        act = {"card": self._card, "answer": self._answer, "undo": self._undo}.get(str(question.get("ask")))
        if act is None:
            return None
        try:
            return act(question)
        except BadInput as error:
            return {"refused": f"{error}."}
        except KeyboardInterrupt:
            return {"refused": "Interrupted."}

    def take(self, question: Question, given: Any, seconds: float | None = None) -> None:
        """Keep an answer. Raises BadInput for a question that is not asked, and for what cannot be answered."""
        if question not in self.deck.questions:
            raise BadInput(f"row {question.row} is not among the {len(self.deck.questions)} cards")
        self.sheet.answer(question, self.deck.checked(given), seconds)
        self.answering()

    def asked(self) -> Asked:
        """How far it is."""
        kind = {Kind.CLASS: "class", Kind.FLAGS: "flags", Kind.NUMBER: "number"}[self.deck.kind]
        keys = keys_of([name for _, name in self.deck.choices])
        choices = tuple((*choice, key) for choice, key in zip(self.deck.choices, keys, strict=True))
        total = len(self.deck.questions)
        return Asked(
            self.deck.name, str(self.sheet.path), self.done, total, kind, self.cards.kind, choices, self.seconds,
            self.deck.range,
        )  # fmt: skip

    def card_of(self, row: int, *, whole: bool = False) -> Card:
        """A row without its label."""
        with Untouched(self._things):
            random.seed(row)
            np.random.seed(row % (1 << 32))
            torch.default_generator.manual_seed(row)  # what an example draws at random is the same each time
            try:
                made = self.cards.card(row, self.source.example(row), whole=whole)
            except Exception as error:  # the user's data set raises what it likes
                return Card(row, broken=f"{type(error).__name__}: {error}".partition("\n")[0])
        return replace(made, label="", mask=None, boxes=())

    def _card(self, _: Mapping[str, Any]) -> dict[str, Any]:
        """The first card without an answer, and how far it is."""
        left = self.sheet.open(self.deck)
        state: dict[str, Any] = {"done": len(self.deck.questions) - len(left), "total": len(self.deck.questions)}
        if not left:
            return {**state, "outcome": self.outcome()}
        html = drawn.whole(Whole(self.card_of(left[0].row, whole=True)))
        return {**state, "row": left[0].row, "turn": left[0].turn, "html": html}

    def _answer(self, question: Mapping[str, Any]) -> dict[str, Any]:
        row, turn, seconds = question.get("row"), question.get("turn"), question.get("seconds")
        if not isinstance(row, int) or not isinstance(turn, int):
            raise BadInput("an answer belongs to a card")
        timed = float(seconds) if isinstance(seconds, (int, float)) and 0 <= seconds < 86_400 else None
        self.take(Question(row, turn), question.get("answer"), timed)
        return self._card(question)

    def _undo(self, question: Mapping[str, Any]) -> dict[str, Any]:
        if self.sheet.undo() is not None:
            self.answering()
        return self._card(question)


def keys_of(names: Sequence[str]) -> list[str]:
    """A key for each name: the name itself where all are single letters, digits up to ten; none for more."""
    single = [name.lower() for name in names]
    if all(len(name) == 1 and name.isalnum() for name in single) and len(set(single)) == len(single):
        return single
    return list(DIGITS[: len(names)]) if len(names) <= len(DIGITS) else [""] * len(names)
