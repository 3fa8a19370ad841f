"""Every simple way to answer a task, fitted on the training data and tried on the validation data, and the model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...batches import BadInput
from ...bench import Bench, Missing
from ...evaluation.losses import TaskLoss
from ...scan.columns.block import told_of
from ...task import Kind
from ..simple.linear import FOLDS
from .aims import WHOLE, Aim
from .beginning import Climb, begun
from .constants import asked, constants
from .fitted import NotHere, fitted
from .fold import Given, Maker
from .inputless import without_inputs
from .positions import positions
from .reading import SEED, Progress, Split
from .rules import Rule, rule_rung
from .rung import Rung
from .series import series
from .telling import answers_of_given, scattered

Array = np.ndarray[Any, Any]
MODEL = "model"
#: what is called before each rung with its name, the rungs before it and all of them
Trying = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Ladder:
    """All rungs in the order in which they were tried, the model's last."""

    rungs: tuple[Rung, ...]
    aim: Aim
    train: Split
    #: None where there are no validation data: rows of the training data were answered out of fold
    val: Split | None
    loss: TaskLoss | None = None
    #: how much was read of what, what was left out and why
    notes: tuple[str, ...] = ()
    #: why it ended before its end: "interrupted", "after 10 s"
    stopped: str = ""
    seconds: float = 0.0

    @property
    def asked(self) -> Split:
        """The rows that all rungs answered."""
        return self.val if self.val is not None else self.train

    @property
    def extent(self) -> str:
        """What was fitted on what, in words."""
        if self.val is None:
            return f"`{self.train.name}`, {self.train.extent}, answered out of fold ({FOLDS} folds, seed {SEED})"
        return f"fitted on `{self.train.name}`, {self.train.extent}; asked `{self.val.name}`, {self.val.extent}"

    def tried(self) -> Iterator[Rung]:
        """Those that have answers."""
        return (rung for rung in self.rungs if rung.answers is not None)


def climb(
    bench: Bench,
    *,
    rule: Rule | None = None,
    metric: str | None = None,
    labels: Any = None,
    seconds: float | None = None,
    progress: Progress = lambda name, rows, total: None,
    trying: Trying = lambda rung, number, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Ladder:
    """Try every rung that this task has on the validation data, or out of fold where there are none.

    `rule` is a function of one example, or of a batch, that gives answers or probabilities. After `seconds`, when
    `should_stop` says so, or at an interrupt the rungs that are done are kept. Raises BadInput, in one sentence, where
    the data cannot be read or have no labels.
    """
    start = time.perf_counter()
    with bench.untouched():
        try:
            state = begun(bench, labels, metric, progress)
        except KeyboardInterrupt:
            raise BadInput("interrupted while the data were read, before the first baseline") from None
        stopped = _up(state, rule, seconds, start, trying, should_stop)
        if bench.model is not None and stopped != "interrupted":
            _model(state)
            stopped = _blind(state, stopped, trying)
    spent = time.perf_counter() - start
    return Ladder(tuple(state.rungs), state.aim, state.train, state.val, state.loss, tuple(state.notes), stopped, spent)


def _makers(state: Climb, rule: Rule | None) -> Iterator[Maker]:
    kind = state.aim.kind
    if kind in WHOLE:
        yield from (maker for maker in constants(kind) if asked(maker, state.folds[0][0]))
        if rule is not None:
            yield rule_rung(rule, {split.name: split.source for split in (state.train, state.val) if split})
        yield from series() if kind is Kind.REGRESSION else ()
        yield from fitted()
        return
    yield from positions(kind)
    if rule is not None:
        yield rule_rung(rule, {})


def _up(
    state: Climb, rule: Rule | None, seconds: float | None, start: float, trying: Trying,
    should_stop: Callable[[], bool],
) -> str:  # fmt: skip
    """Try one after the other; why it ended early, "" where it did not."""
    stopped = ""
    makers = list(_makers(state, rule))
    for number, maker in enumerate(makers):
        if not stopped and should_stop():
            stopped = "interrupted"
        if not stopped and seconds is not None and time.perf_counter() - start > seconds:
            stopped = f"after {seconds:g} s"
        if stopped:
            state.rungs.append(_refused(maker, stopped if stopped == "interrupted" else f"no time left {stopped}"))
            continue
        trying(maker.id, number, len(makers))
        try:
            rung = _tried(state, maker)
        except KeyboardInterrupt:
            stopped, rung = "interrupted", _refused(maker, "interrupted")
        state.rungs += [rung] if rung is not None else []
    return stopped


def _tried(state: Climb, maker: Maker) -> Rung | None:
    """A rung; None where it does not belong to such data."""
    start = time.perf_counter()
    try:
        given = [(maker.answer(fold), places) for fold, places in state.folds]
        whole = scattered(given, len(state.rows))
        answers = answers_of_given(maker.id, state.aim, state.rows, state.target, whole, state.loss)
    except NotHere:
        return None
    except BadInput as error:
        return _refused(maker, str(error))
    except Exception as error:  # a library refuses what it cannot take; the other rungs stand all the same
        return _refused(maker, told_of(error))
    spent = time.perf_counter() - start
    how = given[0][0].how + ("; so in the first fold" if len(given) > 1 and maker.fits else "")
    return Rung(maker.id, how, maker.shows, maker.cannot, answers, "", _extent(state, maker, given), spent)


def _extent(state: Climb, maker: Maker, given: list[tuple[Given, Array]]) -> str:
    """What a rung was fitted on."""
    if not maker.fits or all(each.fitted == 0 for each, _ in given):
        return ""
    if state.val is None:
        return f"{len(state.rows)} rows, out of fold ({len(given)} folds, seed {SEED})"
    count, fitted_rows = len(state.folds[0][0].fit), given[0][0].fitted
    if fitted_rows is not None and fitted_rows < count:
        return f"{fitted_rows} of {state.train.extent.split(' ')[0]} rows, drawn at random with seed {SEED}"
    return state.train.extent


def _refused(maker: Maker, told: str) -> Rung:
    return Rung(maker.id, "", maker.shows, maker.cannot, None, told)


def _blind(state: Climb, stopped: str, trying: Trying) -> str:
    """The user's model trained without inputs, where it answers as it is; why the climb ended early."""
    if stopped or state.val is None or state.aim.kind is Kind.RECONSTRUCTION:  # there the input is the target
        return stopped
    if state.rungs[-1].answers is None:  # what the model cannot be asked, nor can it be without inputs
        return stopped
    trying("the network without inputs", len(state.rungs), len(state.rungs) + 1)
    try:
        state.rungs += list(without_inputs(state.bench))
    except KeyboardInterrupt:
        return "interrupted"
    return ""


def _model(state: Climb) -> None:
    """The user's model as it is now, on the same rows."""
    from ...evaluation.known import val_passed
    from ...evaluation.passing import passed

    name = f"`{state.bench.name('model')}`"
    if state.val is None:
        state.notes.append(f"without validation data {name} is not in the ladder: it may have learned these rows")
        return
    start = time.perf_counter()
    shows, cannot = "", "what it has learned beyond these is what counts"
    try:
        found = passed(state.bench)
    except (BadInput, Missing) as error:
        state.rungs.append(Rung(MODEL, "as it is now", shows, cannot, None, str(error)))
        return
    state.bench.know(val_passed, found)
    spent = time.perf_counter() - start
    state.rungs.append(Rung(MODEL, "as it is now", shows, cannot, found.answers, seconds=spent))
