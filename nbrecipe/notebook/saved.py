"""The notebook as it was last saved: which cells to run again where this kernel does not have what they made.

Its file is named by the server that started the kernel or by the editor; where neither does, the history of the session
before this one tells as much.
"""

from __future__ import annotations

import ast
import builtins
import json
import os
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .cells import assigned, python, tree

#: bytes of a file that is read in an instant
MOST = 50_000_000
#: letters of a line that is quoted
LONGEST = 60


@dataclass(frozen=True)
class SavedCell:
    """A cell of code as it was saved: the number beside it, 0 where it has none, and its source as plain Python."""

    number: int
    source: str
    raw: str


@dataclass(frozen=True)
class Saved:
    """The cells of code in their order."""

    cells: tuple[SavedCell, ...]
    #: the place of the cell that is running now, behind the last one where it is none of them
    here: int
    #: "" for the notebook itself, else whose cells these are
    whose: str = ""

    @classmethod
    def of_shell(cls, shell: Any) -> Saved:
        """The notebook of this kernel; without cells where nobody knows it."""
        running = shell.history_manager.input_hist_raw[-1].strip()
        cells, whose = _of_file(shell), ""
        if not cells:
            cells, whose = _of_history(shell), " of the session before this one"
        here = next((i for i, cell in enumerate(cells) if cell.raw.strip() == running), len(cells))
        return cls(cells, here, whose)

    def again(self, names: Collection[str], known: Collection[str]) -> str:
        """What to run to have the first of these names that a cell makes: "run cell 3 again, which begins `…`".

        Names in `known` are here already. Empty where no cell makes any of them.
        """
        for name in names:
            place = self._maker(name, self.here)
            if place is not None:
                return self._told(place, name, sorted(self._needed(place, set(known), set())))
        return ""

    def _maker(self, name: str, before: int) -> int | None:
        """The last cell before this place that binds a name, else the first one that does."""
        places = [i for i, cell in enumerate(self.cells) if name in assigned(tree(cell.source))]
        earlier = [i for i in places if i < before]
        return earlier[-1] if earlier else next((i for i in places if i != before), None)

    def _needed(self, place: int, known: set[str], chosen: set[int]) -> set[int]:
        """The cell, and those that make what it uses and nobody has."""
        chosen.add(place)
        for name in _used(self.cells[place].source) - known - vars(builtins).keys():
            maker = self._maker(name, place)
            if maker is not None and maker < place and maker not in chosen:
                self._needed(maker, known, chosen)
        return chosen

    def _told(self, place: int, name: str, places: list[int]) -> str:
        line, first = _line(self.cells[place].source, name)
        if not self.cells[place].number:
            return f"run the cell {'that begins' if first else 'with the line'} `{line}` first"
        numbers = [str(number) for each in places if (number := self.cells[each].number)]
        if len(numbers) == 1:
            return f"run cell {numbers[0]}{self.whose} again, {'which begins' if first else 'with the line'} `{line}`"
        listed = f"{', '.join(numbers[:-1])} and {numbers[-1]}"
        return f"run cells {listed}{self.whose} again, for the line `{line}`"

    def with_magics(self, names: Iterable[str]) -> list[int]:
        """The numbers of the cells that ran one of these magics."""
        called = re.compile(rf"^\s*%%?({'|'.join(map(re.escape, names))})\b", re.MULTILINE)
        return [cell.number for cell in self.cells if cell.number and called.search(cell.raw)]


def place_of(shell: Any) -> Path | None:
    """The file of the notebook, where the front end told it."""
    told = shell.user_ns.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME") or ""
    path = Path(str(told))
    try:
        return path if path.suffix == ".ipynb" and path.is_file() and path.stat().st_size < MOST else None
    except OSError:
        return None


def _of_file(shell: Any) -> tuple[SavedCell, ...]:
    path = place_of(shell)
    if path is None:
        return ()
    try:
        cells = json.loads(path.read_text("utf-8"))["cells"]
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        raw = [(cell.get("execution_count") or 0, "".join(cell["source"])) for cell in code]
        return tuple(SavedCell(number, python(shell, source), source) for number, source in raw)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # half written, or no notebook
        return ()


def _of_history(shell: Any) -> tuple[SavedCell, ...]:
    history = shell.history_manager
    if not history.enabled:
        return ()
    try:
        rows = [(number, source) for _, number, source in history.get_range(session=-1, raw=True)]
    except Exception:  # the file is another process's, or broken
        return ()
    return tuple(SavedCell(number, python(shell, source), source) for number, source in rows)


def _used(source: str) -> set[str]:
    """The names that a cell takes from before it."""
    used: set[str] = set()
    bound: set[str] = set()
    for statement in tree(source).body:
        names = [node for node in ast.walk(statement) if isinstance(node, ast.Name)]
        inner = {node.arg for node in ast.walk(statement) if isinstance(node, ast.arg)}
        inner |= {
            node.id
            for scope in ast.walk(statement)
            if isinstance(scope, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.comprehension))
            for node in ast.walk(scope)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        used |= {node.id for node in names if isinstance(node.ctx, ast.Load)} - bound - inner
        bound |= set(assigned(statement))
    return used


def _line(source: str, name: str) -> tuple[str, bool]:
    """The first line of the statement that binds a name, and whether the cell begins with it."""
    body = tree(source).body
    statement = next((one for one in body if name in assigned(one)), body[0])
    line = source.splitlines()[statement.lineno - 1].strip()
    return (line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"), statement is body[0]
