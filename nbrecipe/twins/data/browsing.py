"""The kernel's side of a page that browses: rows, bars, examples and tags, each when the page asks for it."""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from ...batches import BadInput
from ...finding import number
from ...guard import Untouched
from ...pictures.browse import Browser, Card, Fact, Field, Near, Whole
from ...probes.data.cards import Cards
from ...render.data import browse as drawn
from ...scan.table.columns import OUTLIER, Column, Table, plain
from ...scan.table.expression import uses_tags
from ...scan.table.selection import WRONG, Ask, histogram, selected

#: cards that one question may ask for, selections that are kept, letters of a tag
CARDS, KEPT, LETTERS = 400, 8, 60
#: columns that a model adds
PREDICTION, LOSS = "prediction", "loss"


class Browsing:
    """Answers what a page asks; the data are read row by row, and are afterwards as they were."""

    def __init__(self, table: Table, cards: Cards, things: Sequence[Any]) -> None:
        self.table, self.cards = table, cards
        #: the nearest training examples of one that was read; None without a model
        self.nearest: Callable[[int, Mapping[str, Any]], Near | None] | None = None
        #: what is called after each tag that is given or taken
        self.tagging: Callable[[], None] = lambda: None
        #: cards that were made so far
        self.sent = 0
        self._things = list(things)
        self._kept: OrderedDict[tuple[Ask, int], np.ndarray[Any, Any]] = OrderedDict()
        self._spreads: dict[str, tuple[float, float]] = {}
        self._turn = 0

    def answer(self, question: Mapping[str, Any]) -> dict[str, Any] | None:
        """What a page is answered; `refused` says why not, in one sentence. None for what is no question."""
        act = {"rows": self._rows, "bars": self._bars, "whole": self._whole, "tag": self._tag}.get(
            str(question.get("ask"))
        )
        if act is None:
            return None
        try:
            return act(question)
        except (BadInput, LookupError) as error:
            told = str(error)
            return {"refused": told if told.endswith("?") else f"{told}."}
        except KeyboardInterrupt:
            return {"refused": "Interrupted."}

    def places(self, ask: Ask) -> np.ndarray[Any, Any]:
        """Places of the rows that are asked for, in order; raises BadInput, in one sentence."""
        key = (ask, self._turn if uses_tags(ask.filter + ask.sort) or ask.search else -1)
        if key not in self._kept:
            self._kept[key] = selected(self.table, ask)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def cards_of(self, places: Iterable[int]) -> list[Card]:
        """Cards of the rows at these places."""
        with Untouched(self._things):
            made = [self._card(int(place)) for place in places]
        self.sent += len(made)
        return made

    def tag(self, row: int, name: str, on: bool = True) -> None:
        """Give a row a tag, or take it. Raises BadInput for a tag without a letter, LookupError for a row not here."""
        name = " ".join(name.split())[:LETTERS]
        if not name:
            raise BadInput("a tag has at least one letter")
        self.table.place(row)
        tags = self.table.tags.setdefault(row, [])
        if on and name not in tags:
            tags.append(name)
        elif not on and name in tags:
            tags.remove(name)
        if not tags:
            del self.table.tags[row]
        self._turn += 1
        self.tagging()

    def tagged(self) -> dict[str, list[int]]:
        """The rows of each tag, rising."""
        found: dict[str, list[int]] = {}
        for row in sorted(self.table.tags):
            for name in self.table.tags[row]:
                found.setdefault(name, []).append(row)
        return found

    def browser(self, ask: Ask, rows: int) -> Browser:
        """What stands in a page: the first rows of what is asked for."""
        places, table = self.places(ask), self.table
        label = table.plan.label
        fields = tuple(Field(name, plain(name)) for name in table.columns)
        words = bool(table.texts) or any(column.words for column in table.columns.values())
        return Browser(
            table.source.name,
            table.extent,
            self.cards.kind,
            fields,
            tuple(self.cards_of(places[:rows])),
            len(places),
            len(table),
            {name: value for name, value in vars(ask).items() if value},
            searches=words,
            judges=WRONG in table.columns,
            labelled=label is not None,
            tags={name: len(found) for name, found in self.tagged().items()},
            example=self._example(),
            notes=tuple(self._notes()),
        )

    def _example(self) -> str:
        """A filter that lets half of the rows through."""
        columns = self.table.columns
        usual = [name for name in columns if plain(name).endswith((LOSS, "characters", "brightness", "length"))]
        names = [name for name in [*usual, *columns] if name != "row" and not columns[name].named]
        name = next((name for name in names if _varies(columns[name].values)), "row")
        there = columns[name].values[np.isfinite(columns[name].values)]
        return f"{plain(name)} > {float(np.median(there)):.3g}" if len(there) else ""

    def _notes(self) -> list[str]:
        table, told = self.table, self.cards.told
        notes = list(table.notes)
        if table.unread:
            row, why = next(iter(table.unread.items()))
            notes.append(f"{len(table.unread)} of the rows cannot be read: row {row}: {why}")
        return notes + ([f"`{self.cards.shown}`: {told}"] if told else [])

    # ---- what a page asks ------------------------------------------------------------------------------------------

    def _rows(self, question: Mapping[str, Any]) -> dict[str, Any]:
        places = self.places(Ask.of(question))
        first, last = _as_row(question.get("from")), _as_row(question.get("to"))
        cards = self.cards_of(places[first : min(last, first + CARDS)])
        return {"total": len(places), "from": first, "cards": [drawn.sent(card) for card in cards]}

    def _bars(self, question: Mapping[str, Any]) -> dict[str, Any]:
        return histogram(self.table, str(question.get("column")), self.places(Ask.of(question)))

    def _whole(self, question: Mapping[str, Any]) -> dict[str, Any]:
        place = self.table.place(_as_row(question.get("row")))
        return {"html": drawn.whole(self.whole(place))}

    def whole(self, place: int) -> Whole:
        """The example at a place by itself."""
        row = int(self.table.rows[place])
        near = None
        with Untouched(self._things):
            card = self._card(place, whole=True)
            if self.nearest is not None and not card.broken:
                near = self.nearest(row, self._read(row))
        facts = self._facts(place)
        told = {fact.name for fact in facts}
        cells = tuple(cell for cell in card.cells if cell[0] not in told)  # once is enough
        return Whole(replace(card, cells=cells), tuple(facts), near)

    def _tag(self, question: Mapping[str, Any]) -> dict[str, Any]:
        row = _as_row(question.get("row"))
        self.tag(row, str(question.get("tag") or ""), bool(question.get("on")))
        counts = {name: len(rows) for name, rows in self.tagged().items()}
        return {"row": row, "tags": self.table.tags.get(row, []), "counts": counts}

    # ---- one row ---------------------------------------------------------------------------------------------------

    def _card(self, place: int, *, whole: bool = False) -> Card:
        row = int(self.table.rows[place])
        tags = tuple(self.table.tags.get(row, ()))
        try:
            card = self.cards.card(row, self._read(row), whole=whole)
        except Exception as error:  # the user's data set raises what it likes
            told = self.table.unread.get(row) or f"{type(error).__name__}: {error}"
            return Card(row, broken=told.partition("\n")[0], tags=tags)
        return replace(card, tags=tags, **self._judged(place))

    def _read(self, row: int) -> dict[str, Any]:
        """One example; what it draws at random is the same each time it is shown."""
        random.seed(row)
        np.random.seed(row % (1 << 32))
        torch.default_generator.manual_seed(row)  # not those of devices: a seed would wait there for their first use
        return self.table.source.example(row)

    def _judged(self, place: int) -> dict[str, Any]:
        """What a model makes of a row, in the fields of its card."""
        found = {name: float(self.table.columns[name].values[place]) for name in (PREDICTION, LOSS, WRONG)
                 if name in self.table.columns}  # fmt: skip
        said = self.table.columns[PREDICTION].word(found[PREDICTION]) if PREDICTION in found else ""
        loss = number(found[LOSS], 3) if np.isfinite(found.get(LOSS, np.nan)) else ""
        return {"predicted": said, "loss": loss, "wrong": found.get(WRONG) == 1}

    def _facts(self, place: int) -> list[Fact]:
        facts = []
        for column in self.table.columns.values():
            value = float(column.values[place])
            if value != value:
                continue
            told = ("no", "yes")[int(value)] if column.yes_no else column.word(value)
            facts.append(Fact(column.name, told, self._out(column, value), column.name == self.table.plan.label))
        return facts

    def _out(self, column: Column, value: float) -> float | None:
        """Deviations from the mean; None for names, for the row's own number, and where nothing varies."""
        if column.named or column.yes_no or column.name in ("row", OUTLIER, LOSS, PREDICTION):
            return None
        if column.name not in self._spreads:
            there = column.values[np.isfinite(column.values)]
            spread = (there.mean(dtype=np.float64), there.std(dtype=np.float64)) if len(there) else (0.0, 0.0)
            self._spreads[column.name] = (float(spread[0]), float(spread[1]))
        mean, deviation = self._spreads[column.name]
        return (value - mean) / deviation if deviation > 0 else None


def _varies(values: np.ndarray[Any, Any]) -> bool:
    there = values[np.isfinite(values)]
    return len(there) > 0 and bool((there != there[0]).any())


def _as_row(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0 or value != int(value):
        raise BadInput(f"a row is a whole number, 0 or more; {value!r} was given")
    return int(value)
