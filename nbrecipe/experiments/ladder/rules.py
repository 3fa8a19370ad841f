"""The user's own rule as a rung: a function of one example, or of a batch of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...batches import BadInput
from ...scan.columns.block import packed, plain_value, told_of
from ...scan.counts.labels import as_classes
from ...scan.sources.source import Source
from ...task import Kind
from .fold import Fold, Given, Maker

Array = np.ndarray[Any, Any]
Rule = Callable[[Any], Any]
#: rows by which it is told whether a function takes a batch, and rows that are given to one at once
LOOKED, BATCH = 7, 1024


def rule_rung(rule: Rule, sources: Mapping[str, Source]) -> Maker:
    """The rung of a function; `sources` are where examples are read, as they are, by the name of the data."""
    name = getattr(rule, "__name__", type(rule).__name__)
    name = "rule" if name == "<lambda>" else name
    shows = "that a network does more than the rule that you could write"
    return Maker("rule", shows, "knows what you put into it", lambda fold: _answered(rule, name, fold, sources), False)


def _answered(rule: Rule, name: str, fold: Fold, sources: Mapping[str, Source]) -> Given:
    if fold.aim.kind not in (Kind.CLASSES, Kind.BINARY, Kind.MULTILABEL, Kind.REGRESSION):
        raise BadInput(
            f"a rule answers one class, several yes or no, or numbers a row, and this task is {fold.aim.kind}"
        )
    asked = _Asked(rule, name, fold)
    told: list[Any] = []
    rows: list[int] = []
    batched: bool | None = None
    for at, examples in _examples(fold, sources[fold.ask.name]):
        if batched is None:
            batched = asked.takes_batches(examples[:LOOKED])
        told += (
            asked.at_once(at, examples) if batched else [asked.one(row, x) for row, x in zip(at, examples, strict=True)]
        )
        rows += at
    if rows != fold.ask.rows.tolist():
        raise BadInput(f"the rows of `{fold.ask.name}` cannot be read a second time as they were")
    how = f"answers what `{name}` gives for " + ("batches of the inputs" if batched else "the input of each example")
    return asked.given(how, told)


def _examples(fold: Fold, source: Source) -> Any:
    """Row numbers and inputs, some at a time; one input stands by itself, several by their names."""
    wanted, names = set(fold.ask.rows.tolist()), list(fold.aim.inputs)
    for block in source.blocks():
        places = [i for i, row in enumerate(block.rows.tolist()) if row in wanted]
        for low in range(0, len(places), BATCH):
            some = places[low : low + BATCH]
            rows = [int(block.rows[i]) for i in some]
            if len(names) == 1:
                yield rows, [block.columns[names[0]][i] for i in some]
            else:
                yield rows, [{name: block.columns[name][i] for name in names} for i in some]


class _Asked:
    """Calls the user's function and reads what it gives."""

    def __init__(self, rule: Rule, name: str, fold: Fold) -> None:
        self._rule, self._name, self._fold = rule, name, fold
        self._places = {value: place for place, value in enumerate(fold.aim.classes)}

    def takes_batches(self, examples: Sequence[Any]) -> bool:
        """Whether it answers several examples with as many answers."""
        if len(examples) < 2:
            return False
        try:
            whole, part = (self._listed(self._rule(_stacked(some))) for some in (examples, examples[:-1]))
        except Exception:  # then it takes one example, or what it raises is told of that one
            return False
        return len(whole) == len(examples) and len(part) == len(examples) - 1

    def at_once(self, rows: Sequence[int], examples: Sequence[Any]) -> list[Any]:
        """The answers to a batch."""
        try:
            told = self._listed(self._rule(_stacked(examples)))
        except Exception as error:
            raise self._failed(rows[0], error, f" to {rows[-1]}" if len(rows) > 1 else "") from error
        if len(told) != len(rows):
            raise BadInput(f"`{self._name}` gives {len(told)} answers to {len(rows)} examples, from row {rows[0]} on")
        return told

    def one(self, row: int, example: Any) -> Any:
        """The answer to one example."""
        try:
            return _read(self._rule(example))
        except Exception as error:
            raise self._failed(row, error) from error

    def _failed(self, row: int, error: Exception, to: str = "") -> BadInput:
        where = f"row{'s' if to else ''} {row}{to} of `{self._fold.ask.name}`"
        return BadInput(f"`{self._name}` fails on {where}: {told_of(error)}")

    def _listed(self, told: Any) -> list[Any]:
        told = plain_value(told)
        return [_read(one) for one in told] if isinstance(told, (np.ndarray, list, tuple)) else []

    def given(self, how: str, told: list[Any]) -> Given:
        """Answers or probabilities. Raises BadInput, naming the row, for what is neither."""
        kind, aim, rows = self._fold.aim.kind, self._fold.aim, self._fold.ask.rows.tolist()
        if kind is Kind.REGRESSION or kind is Kind.MULTILABEL:
            return self._numbers(how, told, kind)
        if all(isinstance(one, np.ndarray) and one.shape == (len(aim.classes),) for one in told):
            chances = np.stack(told).astype(np.float64)
            off = np.flatnonzero(~np.isfinite(chances).all(1) | (chances < 0).any(1) | (abs(chances.sum(1) - 1) > 0.01))
            if len(off):
                raise BadInput(f"`{self._name}` gives row {rows[off[0]]} probabilities that do not add up to 1")
            return Given(how, chances.argmax(1), chances / chances.sum(1, keepdims=True), fitted=0)
        if kind is Kind.BINARY and any(isinstance(one, (float, np.floating)) and 0 < one < 1 for one in told):
            yes = np.array([float(one) for one in told])
            return Given(how, (yes > 0.5).astype(int), np.stack([1 - yes, yes], 1), fitted=0)
        places = [self._places.get(value, -1) for value in as_classes(packed(told) if _plain(told) else list(told))]
        wrong = next((i for i, place in enumerate(places) if place < 0), None)
        if wrong is not None:
            some = ", ".join(f"{value!r}" for value in aim.classes[:6]) + (", …" if len(aim.classes) > 6 else "")
            raise BadInput(
                f"`{self._name}` answers {_short(told[wrong])} to row {rows[wrong]}, which is no class ({some})"
            )
        return Given(how, np.array(places), fitted=0)

    def _numbers(self, how: str, told: list[Any], kind: Kind) -> Given:
        wanted = self._fold.ask.target
        values = np.full(wanted.shape, np.nan)
        for i, (row, one) in enumerate(zip(self._fold.ask.rows.tolist(), told, strict=True)):
            try:
                values[i] = np.asarray(one, dtype=np.float64).reshape(wanted.shape[1:])
            except (TypeError, ValueError):
                raise BadInput(f"`{self._name}` answers {_short(one)} to row {row}, "
                               f"where {wanted[0].size} numbers are asked for") from None  # fmt: skip
            if not np.isfinite(values[i]).all():
                raise BadInput(f"`{self._name}` answers {_short(one)} to row {row}, which is no finite number")
        if kind is Kind.REGRESSION:
            return Given(how, values, fitted=0)
        share = bool(((values > 0) & (values < 1)).any())
        return Given(how, (values > 0.5).astype(float), values if share else None, fitted=0)


def _read(told: Any) -> Any:
    """One answer, or the chances of all classes as an array."""
    told = plain_value(told)
    several = isinstance(told, (list, tuple)) and len(told) > 0
    return np.asarray(told) if several and all(isinstance(one, (bool, int, float, np.number)) for one in told) else told


def _stacked(examples: Sequence[Any]) -> Any:
    if isinstance(examples[0], dict):
        return {name: packed([one[name] for one in examples]) for name in examples[0]}
    return packed(list(examples))


def _plain(told: list[Any]) -> bool:
    return not any(isinstance(one, np.ndarray) and one.size > 1 for one in told)


def _short(value: Any) -> str:
    told = repr(value.item() if isinstance(value, np.generic) else value)
    return told if len(told) <= 60 else f"{told[:60]}…"
