"""How often the user's cells step a scheduler: those that ran, and the one at hand."""

from __future__ import annotations

import ast
import dataclasses
from collections import ChainMap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...bench import Bench
from .counting import FUEL, Left, Reading, TurnByTurn
from .tally import Tally, Unsure
from .text import counts, reaches, stored
from .values import Function, Mark, Turned

#: share of the calls that stand within passes over the loader, where the schedule is stepped by batches
MOST = 0.9


@dataclass(frozen=True)
class Written:
    """What the cells come to."""

    #: calls of the scheduler's `step()`, and whether they stand within the passes over the training loader
    calls: int
    batchwise: bool
    #: steps of its optimizer, and passes over the training loader; 0 where nothing loops over it
    steps: int
    rounds: int
    #: "line 6 of cell 3"
    where: str
    #: whether the run may be shorter, for a reason that the text does not tell
    open_end: bool


def written(bench: Bench) -> Written:
    """Count over the whole run, as the cells have it and the scheduler at hand confirms it; raises Unsure."""
    name = bench.name("scheduler")
    if not bench.cells:
        raise Unsure("there are no cells that tell how often it is stepped")
    if not name.isidentifier():
        raise Unsure(f"`{name}` is no plain name, and the cells do not tell how often it is stepped")
    parsed = [(cell.number, _tree(cell.source).body) for cell in bench.cells]
    statements = [(number, statement) for number, body in parsed for statement in body]
    made = max((i for i, (_, one) in enumerate(statements) if name in stored(one)), default=-1)
    if made < 0:
        raise Unsure(f"no cell that ran makes `{name}`")
    if not isinstance(statements[made][1], (ast.Assign, ast.AnnAssign)):
        raise Unsure(f"cell {statements[made][0]} makes `{name}` within other statements, where it may be another one")
    reading = Reading(ChainMap({"__name__": "__main__"}))
    marks = _marks(bench, statements)
    before = Tally()
    for i, (number, statement) in enumerate(statements):
        _read(reading, number, statement)
        for at, known, value in marks:
            if at in (-1, i) and known in stored(statement):
                reading.space[known] = value
        if i == made:
            reading.tally, before = Tally(), Tally()
            reading.space[name] = Mark.SCHEDULER
        if number != bench.cells[-1].number:
            before = dataclasses.replace(reading.tally)
    return _confirmed(bench, reading, before)


def _confirmed(bench: Bench, reading: Reading, before: Tally) -> Written:
    """What was counted, where the scheduler has been stepped as often as the cells that ran say."""
    name, tally = bench.name("scheduler"), reading.tally
    if not tally.calls:
        inside = _uncalled(reading, name)
        told = f", and none calls `{inside}`" if inside else ""
        raise Unsure(f"no cell that ran or is at hand steps `{name}`{told}: how often it will be is not known")
    if not tally.backwards:
        raise Unsure(f"the loop that steps `{name}` runs no backward here: it may only look at the schedule")
    happened = getattr(bench.scheduler, "last_epoch", None)
    if happened not in (before.calls, tally.calls):
        raise Unsure(f"`{name}` has been stepped {happened} times, and the cells tell of {before.calls or tally.calls}")
    cell, line = tally.place
    batchwise = tally.by_batch >= MOST * tally.calls
    return Written(
        tally.calls,
        batchwise,
        max(tally.steps, tally.calls),
        tally.rounds,
        f"line {line} of cell {cell}",
        tally.open_end,
    )


def _read(reading: Reading, number: int, statement: ast.stmt) -> None:
    """Follow one statement; what has nothing to do with the scheduler counts for nothing."""
    reading.cell, reading.fuel = number, FUEL
    before = dataclasses.replace(reading.tally)
    concerned = reaches(statement, reading.space)
    try:
        reading.statements([statement], reading.space)
    except Unsure:
        if concerned:
            raise
    except TurnByTurn:
        if concerned:
            raise Unsure("a test that the text does not tell decides how often it is stepped") from None
    except Left:  # `return` outside of a function: a cell that never ran
        pass
    if not concerned:
        reading.tally = before


def _marks(bench: Bench, statements: Sequence[tuple[int, ast.stmt]]) -> list[tuple[int, str, Any]]:
    """(statement, name, value): what the user's own objects are worth once their names are bound."""
    found: list[tuple[int, str, Any]] = [(-1, bench.name("optimizer"), Mark.OPTIMIZER)]
    loader = bench.name("train_loader")
    try:
        length = len(bench.train_loader)  # type: ignore[arg-type]
    except Exception:  # a stream, or none at all
        return found
    last = max((i for i, (_, one) in enumerate(statements) if loader in stored(one)), default=-2)
    return [*found, (last, loader, Turned(length, loader=True))]


def _uncalled(reading: Reading, name: str) -> str:
    """A function that would step the scheduler."""
    for key, value in reading.space.items():
        if isinstance(value, Function) and counts(value.node, value.space):
            words = {inner.id for inner in ast.walk(value.node) if isinstance(inner, ast.Name)}
            if name in words or {a.arg for a in ast.walk(value.node) if isinstance(a, ast.arg)} & {name, "scheduler"}:
                return key
    return ""


def _tree(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError:  # a cell that never ran whole
        return ast.Module([], [])
