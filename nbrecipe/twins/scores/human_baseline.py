"""`human_baseline`, the Python twin of `%human_baseline`: how well a person does on the same rows as the model."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ... import verbs
from ...batches import BadInput
from ...bench import Bench
from ...decoding.worded import class_names
from ...evaluation.answers import Answers
from ...evaluation.person import standing
from ...evaluation.person.deck import Question, deck_of
from ...evaluation.person.sheet import Sheet
from ...guard import Untouched
from ...pictures.asking import Outcome
from ...render.scores import asking as drawn
from ...scan import held
from ...scan.reading import Scan, scan
from ...scan.sources.kept import Kept
from ...scan.sources.opening import open_source
from ...scan.sources.source import Source
from ...verbs import Shown
from ..cards import cards_of
from .asking import Asking
from .others import known_by, model_on, rungs_on
from .outcome import outcome, people

UNCHANGED = "your data are as they were"
#: cards that are asked, and one in so many that comes twice
CARDS, TWICE = 50, 5


@dataclass
class HumanBaseline(Shown):
    """The answers of a person to rows of a data set, and what they are worth; every answer is kept in a file."""

    asking: Asking | None = field(default=None, repr=False, compare=False)
    bench: Bench = field(default_factory=Bench, repr=False, compare=False)
    #: by what name a page that a kernel stands behind asks, "" where it cannot
    wire: str = field(default="", repr=False)
    data: Any = field(default=None, repr=False, compare=False)
    _others: tuple[Answers, ...] | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return drawn.text_of(self, self._open.asked(), self._outcome())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        shown = None if self.wire else self._outcome()
        return drawn.html_of(self, self._open.asked(), shown, self.wire)

    @property
    def answers(self) -> Answers | None:
        """The first answer to each card, as those of a model are; None before the first."""
        return standing.answers_of(self._open.deck, self._open.sheet)

    @property
    def disagreements(self) -> list[int]:
        """The rows whose answer is not their label."""
        found = self.answers
        if found is None or found.target is None or found.answer is None:
            return []
        apart = (found.target != found.answer).reshape(len(found), -1).any(1)
        return [int(row) for row in found.rows[apart]]

    @property
    def agreement(self) -> standing.Agreement | None:
        """The first answers against the second ones to the same cards; None where no card came twice."""
        return standing.again(self._open.deck, self._open.sheet)

    def answer(self, row: int, value: Any, *, turn: int = 0) -> None:
        """Answer a card without the page. Raises BadInput, in one sentence, for what is not asked."""
        self._open.take(Question(row, turn), value)

    def follow(self, answering: Callable[[], None]) -> None:
        """What is called after each answer."""
        self._open.answering = answering

    def outcome_bundle(self) -> dict[str, str]:
        """What the answers are worth once all are given, as text and as HTML: who sees it earlier answers by it."""
        done = self._open.done == len(self._open.deck.questions)
        shown = self._outcome() if done else None
        return {"text/plain": drawn.outcome_text(shown), "text/html": drawn.outcome_html(shown, self.wire)}

    def _outcome(self) -> Outcome | None:
        """What the answers are worth; the model and the baselines are asked once, when the person has answered all."""
        if self._others is None and self._open.done == len(self._open.deck.questions):
            rows = np.array(sorted(self._open.deck.truth), np.int64)
            model = model_on(self.bench, self.data, rows)
            self._others = (*([] if model is None else [model]), *rungs_on(self.bench, rows))
        return outcome(self._open, self._others or ())

    @property
    def _open(self) -> Asking:
        assert self.asking is not None
        return self.asking


def human_baseline(
    val: Any = None,
    *,
    n: int = CARDS,
    twice: int | bool = False,
    labels: Any = None,
    file: str | Path | None = None,
    by: str = "",
    seconds: float | None = None,
    seed: int = 0,
    names: Mapping[str, str] | None = None,
    **given: Any,
) -> HumanBaseline:
    """Ask a person for the labels of `n` rows of the validation data, drawn at random with `seed`.

    `val` is a data set, loader, array, frame or path; without it, what is bound. `twice` asks so many of the cards a
    second time, later (True: one in five). Answers are kept in `file`, and a later call with the same data goes on
    there; `by` is whose they are, and part of the file's name. A card is shown for `seconds`, else for as long as it
    takes. Takes what `bind` takes for the rest. Raises BadInput, in one sentence.
    """
    bench = verbs.bench_of(**given)
    bench = bench.replace(names={**bench.names, **(names or {})})
    return human_baseline_of(bench, val, n=n, twice=twice, labels=labels, file=file, by=by, seconds=seconds, seed=seed)


def human_baseline_of(
    bench: Bench,
    val: Any = None,
    *,
    n: int = CARDS,
    twice: int | bool = False,
    labels: Any = None,
    file: str | Path | None = None,
    by: str = "",
    seconds: float | None = None,
    seed: int = 0,
    wired: Callable[[Asking], str] | None = None,
) -> HumanBaseline:
    """The same for a bench; `wired` may take what answers a page, and returns the wire's name."""
    start = time.perf_counter()
    _refuse(n, twice, seconds)
    again = max(1, n // TWICE) if twice is True else int(twice)
    bench, data, name = _data(bench, val)
    with Untouched([data]):
        source, read = _opened(data, name, labels)
        bench.know(held.val_scan, read)
        deck = deck_of(read, source, class_names(bench), known=known_by(data, read.plan.label), count=n, again=again,
                       seed=seed)  # fmt: skip
        cards = cards_of(bench, source, read.plan, read.part.sample.block().rows.tolist())
    sheet = Sheet.of(file or _place(name, by), deck, by)
    asking = Asking(deck, sheet, cards, source, [data], seconds)
    found = HumanBaseline(
        f"Human baseline on `{name}`",
        {},
        note=UNCHANGED,
        seconds=time.perf_counter() - start,
        asking=asking,
        bench=bench,
        data=data,
        wire=wired(asking) if wired is not None and asking.done < len(deck.questions) else "",
    )
    asking.outcome = lambda: found.outcome_bundle()["text/html"]
    return found


def compare_people(one: str | Path, other: str | Path) -> Shown:
    """Two people's answers to the same rows: how often they agree, and where not. Raises BadInput, in one sentence."""
    return people(one, other)


def _refuse(n: int, twice: int | bool, seconds: float | None) -> None:
    if n < 1:
        raise BadInput(f"`n` is a number of cards, 1 or more; {n} was given")
    if not isinstance(twice, bool) and not 0 <= twice <= n:
        raise BadInput(f"`twice` is how many of the {n} cards come again; {twice} was given")
    if seconds is not None and not 0 < seconds < 86_400:
        raise BadInput(f"`seconds` is how long a card is shown, more than 0; {seconds} was given")


def _data(bench: Bench, val: Any) -> tuple[Bench, Any, str]:
    if val is not None:
        bench = bench.replace(val_data=val, val_loader=None)
    elif bench.val_loader is None and bench.val_data is None:
        raise BadInput("no validation data here: name them (`%human_baseline val_set`), or bind a loader "
                       "(`%bind val=loader`)")  # fmt: skip
    return bench, *held.given_data(bench, "val")


def _opened(data: Any, name: str, labels: Any) -> tuple[Source, Scan]:
    opened = open_source(data, name, label=labels)
    source: Source = opened if opened.length is not None else Kept(opened)
    return source, scan(source, most=held.ROWS, seconds=held.SECONDS)


def _place(name: str, by: str) -> str:
    """`human_val_set.jsonl`, `human_val_set_ana.jsonl`, in the working directory."""
    words = [re.sub(r"\W+", "_", word).strip("_").lower()[:40] for word in (name, by)]
    return "_".join(filter(None, ["human", *words])) + ".jsonl"
