"""The rows that a person is asked about, in which order, and what may be answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...batches import BadInput
from ...finding import number
from ...scan.columns.kinds import Kind
from ...scan.counts.labels import as_classes
from ...scan.reading import Scan
from ...scan.sources.source import Source

#: labels that a person can be asked for
ASKED = (Kind.CLASS, Kind.FLAGS, Kind.NUMBER)
#: yes/no questions about one card; cards between two times of one
FLAGS, GAP = 20, 5
#: how often rows are drawn in the place of one that cannot be read or has no label
TRIES = 10


@dataclass(frozen=True)
class Question:
    """A row, for the first time (0) or again (1)."""

    row: int
    turn: int = 0


@dataclass(frozen=True)
class Deck:
    """What is asked of a data set, drawn at random."""

    #: what the user calls the data, and what stands in them
    name: str
    fingerprint: str
    kind: Kind
    questions: tuple[Question, ...]
    #: the label of each row asked: a class, a number, or the places of those that are yes
    truth: Mapping[int, Any]
    #: what may be answered, and how each is called; empty for numbers
    choices: tuple[tuple[Any, str], ...]
    seed: int
    #: of numbers, what answers lie between: "between 22 and 346, half of them between 87 and 212"
    range: str = ""

    def checked(self, given: Any) -> Any:
        """An answer as it is kept. Raises BadInput, in one sentence, for one that is not among the choices."""
        if self.kind is Kind.NUMBER:
            return _finite(given)
        if self.kind is Kind.FLAGS:
            if not isinstance(given, list) or any(one not in dict(self.choices) for one in given):
                raise BadInput(f"an answer is a list of labels that hold; {given!r} is none")
            return sorted(given)
        if isinstance(given, bool) or given not in dict(self.choices):
            raise BadInput(f"{given!r} is none of the classes that can be answered")
        return given

    def told(self, answer: Any) -> str:
        """An answer in words."""
        if self.kind is Kind.NUMBER:
            return number(float(answer))
        names = dict(self.choices)
        if self.kind is Kind.FLAGS:
            return ", ".join(names.get(one, str(one)) for one in answer) or "none"
        return str(names.get(answer, answer))


def deck_of(
    scan: Scan, source: Source, names: Mapping[Any, str], *, known: str, count: int, again: int, seed: int
) -> Deck:
    """Draw `count` rows, and `again` of them a second time, later; the data are `known` again by a fingerprint.

    Raises BadInput, in one sentence.
    """
    label, length = scan.plan.label, source.length or 0
    if label is None:
        raise BadInput(f"`{source.name}` has no column that is known to be the label: name it, `--labels NAME`")
    kind = scan.plan.kinds[label]
    if kind not in ASKED:
        raise BadInput(f"a person is asked for classes and numbers; the label `{label}` of `{source.name}` is {kind}")
    random = np.random.default_rng(seed)
    truth = dict(_labelled(source, label, kind, random.permutation(length)[: TRIES * count].tolist(), count))
    if not truth:
        raise BadInput(f"no row of `{source.name}` that was drawn can be read and has a label")
    questions = _ordered(list(truth), min(again, len(truth)), random)
    choices = () if kind is Kind.NUMBER else _choices(scan, kind, names, truth)
    told = _range(scan, label) if kind is Kind.NUMBER else ""
    return Deck(source.name, known, kind, questions, truth, choices, seed, told)


def _labelled(source: Source, label: str, kind: Kind, rows: list[int], count: int) -> Iterator[tuple[int, Any]]:
    """The first `count` of these rows that can be read and have a label."""
    for row in rows:
        if count <= 0:
            return
        try:
            value = source.example(row)[label]
        except Exception:  # what cannot be read cannot be asked
            continue
        found = plain(value, kind)
        if found is not None:
            count -= 1
            yield row, found


def plain(value: Any, kind: Kind) -> Any:
    """A label as answers are kept: a class, a number, or the places of those that are yes; None where it is missing."""
    if kind is Kind.FLAGS:
        return None if value is None else np.flatnonzero(np.asarray(value).reshape(-1)).tolist()
    if kind is Kind.CLASS:
        (found,) = as_classes([value])
        return None if isinstance(found, int) and found < 0 else found
    try:
        flat = np.asarray(value, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError):
        return None
    return float(flat[0]) if len(flat) == 1 and np.isfinite(flat[0]) else None


def _choices(scan: Scan, kind: Kind, names: Mapping[Any, str], truth: Mapping[int, Any]) -> tuple[tuple[Any, str], ...]:
    counted = scan.part.labels
    known = set(counted.counts) if counted is not None else set()
    met = {one for value in truth.values() for one in (value if isinstance(value, list) else [value])}
    values = sorted(known | met | set(names), key=lambda value: (str(type(value)), value))
    values = [value for value in values if not (isinstance(value, int) and value < 0)]
    if kind is Kind.FLAGS and len(values) > FLAGS:
        raise BadInput(f"a card would ask {len(values)} questions of yes or no; {FLAGS} are the most")
    if kind is Kind.CLASS and len(values) < 2:
        raise BadInput(f"every row has the label {values[0]!r}: there is nothing to tell apart")
    return tuple((value, str(names.get(value, value))) for value in values)


def _range(scan: Scan, label: str) -> str:
    """Where the labels of all rows lie: without it nobody could answer in their unit."""
    values = [plain(value, Kind.NUMBER) for value in scan.part.sample.block().columns[label]]
    there = np.array([value for value in values if value is not None])
    low, first, third, high = (number(float(q), 3) for q in np.quantile(there, (0, 0.25, 0.75, 1)))
    return f"between {low} and {high}, half of them between {first} and {third}"


def _ordered(rows: list[int], again: int, random: np.random.Generator) -> tuple[Question, ...]:
    """Every row once, in the order in which it was drawn; those that come again later than `GAP` cards after."""
    order = [Question(row) for row in rows]
    chosen = sorted(random.permutation(max(1, (len(rows) + 1) // 2))[:again].tolist())
    chosen += [place for place in range(len(rows)) if place not in chosen][: again - len(chosen)]
    for place in chosen:
        at = order.index(Question(rows[place]))
        low = min(len(order), max(at + 1 + GAP, len(order) // 2))
        order.insert(int(random.integers(low, len(order) + 1)), Question(rows[place], 1))
    return tuple(order)


def _finite(given: Any) -> float:
    try:
        value = float(given)
    except (TypeError, ValueError):
        raise BadInput(f"an answer is a number; {given!r} is none") from None
    if not np.isfinite(value) or isinstance(given, bool):
        raise BadInput(f"an answer is a number; {given!r} is none")
    return value
