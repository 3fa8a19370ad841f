"""What the magics that read a data set have in common: what their flags name, and how far the reading is."""

from __future__ import annotations

import ast
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

if TYPE_CHECKING:
    from .names import Variables

#: ends of names of files whose rows can be read
FILES = (".csv", ".tsv", ".parquet", ".pq", ".jsonl", ".ndjson", ".json", ".npy", ".gz")
#: seconds between two lines of progress, and before the first
EVERY = 0.5


def data_of(text: str, variables: Variables) -> Any:
    """An expression, or else a path as it stands: of what exists, or of a file of a kind that is read."""
    try:
        return variables.value(text)
    except UsageError:
        path = Path(text).expanduser()
        if path.exists() or (path.suffix in FILES and "(" not in text):
            return text
        raise


def labels_of(text: str | None, variables: Variables) -> Any:
    """A variable, an expression, or else the name of a column as it stands."""
    if text is None:
        return None
    try:
        return variables.value(text)
    except UsageError:
        return text.strip("'\"")


def columns_of(text: str | None) -> tuple[str, ...]:
    """Names of columns: `age,income`, or a list of them where a name has a comma."""
    if text is None:
        return ()
    names: Any = text.split(",")
    if text.startswith(("[", "(")):
        try:
            names = ast.literal_eval(text)
        except (SyntaxError, ValueError):
            raise UsageError(f"--columns takes names, as in `--columns age,income`; `{text}` are none") from None
    told = tuple(str(name).strip().strip("'\"") for name in names)
    if not all(told):
        raise UsageError(f"--columns takes names, as in `--columns age,income`; `{text}` has an empty one")
    return told


class Progress:
    """One line that tells how far the reading is, and goes when it has ended."""

    def __enter__(self) -> Progress:
        self._begun = self._told = time.monotonic()
        self._shown = 0
        return self

    def __call__(self, name: str, rows: int, total: int | None) -> None:
        now = time.monotonic()
        if now - self._told < EVERY:
            return
        self._told = now
        line = f"reading {name}: {rows}" + (f" of {total} rows" if total is not None else " rows")
        self._write(line)

    def trying(self, what: str, number: int, total: int) -> None:
        """What is tried now, and how many were before it; nothing where all of it is soon over."""
        self._told = time.monotonic()
        if self._told - self._begun < EVERY:
            return
        self._write(f"{what}: {number + 1} of {total}")

    def __exit__(self, *error: object) -> None:
        if self._shown:
            self._write("")

    def _write(self, line: str) -> None:
        sys.stdout.write("\r" + line.ljust(self._shown) + ("\r" if not line else ""))
        sys.stdout.flush()
        self._shown = len(line)
