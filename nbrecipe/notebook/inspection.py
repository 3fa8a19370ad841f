"""`%inspect_data`: the data read once, in numbers, examples and findings."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import line_magic, needs_local_scope, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments

from .delivery import deliver, plainly
from .front import Front, Locals, expressions, family, shown
from .line import parse

if TYPE_CHECKING:
    from ..bench import Bench
    from ..verbs import Answer

#: seconds between two lines of progress, and before the first
EVERY = 0.5
#: ends of names of files whose rows can be read
FILES = (".csv", ".tsv", ".parquet", ".pq", ".jsonl", ".ndjson", ".json", ".npy", ".gz")


@family
class InspectionMagics(Front):
    """What stands in the data."""

    @no_var_expand
    @needs_local_scope
    @line_magic
    @magic_arguments()
    @argument("data", nargs="?", metavar="TRAIN", help="the training data: a data set, loader, array, frame or path")
    @argument("--val", metavar="EXPR", help="the validation data")
    @argument("--labels", metavar="EXPR", help="the name of the column with the labels, or the labels row by row")
    @argument("--rows", type=int, metavar="N", help="read at most so many rows of each (default all)")
    @argument("--max-errors", type=int, default=1000, metavar="N", help="examples that may fail (default 1000)")
    @argument("--on", default="", metavar="CLUSTER", help="read by its workers: dask://HOST:PORT or ray://HOST:PORT")
    @expressions("model", "loss", "tokenizer")
    @shown
    def inspect_data(self, line: str, local_ns: Locals = None) -> Answer | None:
        """Read the data once, whole, and show what stands in them: labels, distributions, outliers, copies, noise.

        An interrupt ends the reading; what was read until then is shown, and how much that is.
        """
        args = parse(InspectionMagics.inspect_data, line)
        with plainly(self._lacks(f"%inspect_data {line}", local_ns)):
            from ..twins.inspect_data import inspect_data_of
            from .names import Variables

            if args.rows is not None and args.rows < 1:
                raise UsageError(f"--rows is a number of rows, 1 or more; {args.rows} was given")
            variables = Variables.of_shell(self.shell, local_ns)
            val, args.val = args.val, None
            bench = self._bench("%inspect_data", args, local_ns, board=True)
            given = {name: _data(text, variables) for name, text in (("train", args.data), ("val", val)) if text}
            labels = _labels(args.labels, variables)
            bench = _called(bench, args.data, val)
            with _Progress() as progress:
                answer = inspect_data_of(bench, **given, labels=labels, rows=args.rows, max_errors=args.max_errors,
                                         on=args.on, progress=progress)  # fmt: skip
        return deliver(self, answer, args)


def _called(bench: Bench, train: str | None, val: str | None) -> Bench:
    """The bench with the user's own names for what was given."""
    told = {f"{split}_data": text for split, text in (("train", train), ("val", val)) if text}
    return bench.replace(names={**bench.names, **told})


def _data(text: str, variables: Any) -> Any:
    """An expression, or else a path as it stands: of what exists, or of a file of a kind that is read."""
    try:
        return variables.value(text)
    except UsageError:
        path = Path(text).expanduser()
        if path.exists() or (path.suffix in FILES and "(" not in text):
            return text
        raise


def _labels(text: str | None, variables: Any) -> Any:
    """A variable, an expression, or else the name of a column as it stands."""
    if text is None:
        return None
    try:
        return variables.value(text)
    except UsageError:
        return text.strip("'\"")


class _Progress:
    """One line that tells how far the reading is, and goes when it has ended."""

    def __enter__(self) -> _Progress:
        self._told = time.monotonic()
        self._shown = 0
        return self

    def __call__(self, name: str, rows: int, total: int | None) -> None:
        now = time.monotonic()
        if now - self._told < EVERY:
            return
        self._told = now
        line = f"reading {name}: {rows}" + (f" of {total} rows" if total is not None else " rows")
        self._write(line)

    def __exit__(self, *error: object) -> None:
        if self._shown:
            self._write("")

    def _write(self, line: str) -> None:
        sys.stdout.write("\r" + line.ljust(self._shown) + ("\r" if not line else ""))
        sys.stdout.flush()
        self._shown = len(line)
