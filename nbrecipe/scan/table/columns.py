"""The measurable axes, labels and texts of every row, read in one pass and held as one number a row and column."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...guard import interrupts_wait
from ...pictures.dates import moment_of
from ..columns.axes import axes_of
from ..columns.block import Block
from ..columns.kinds import Kind
from ..counts.labels import as_classes
from ..plan import Plan, plan_of
from ..sources.source import Source

Array = np.ndarray[Any, Any]
#: numbers of a table, 4 bytes each; axes of one column of the data; letters that are kept to be searched
NUMBERS, AXES, LETTERS = 100_000_000, 64, 200_000_000
#: deviations from the mean, on whichever axis a row lies furthest out
OUTLIER = "outlier"


@dataclass(frozen=True)
class Column:
    """One number for each row; NaN where a row has none."""

    name: str
    #: (rows,)
    values: Array
    #: what a value stands for, where it is one of a few
    words: Mapping[int, str] = field(default_factory=dict)
    #: whether the values are names, and their order says nothing
    named: bool = False
    yes_no: bool = False
    #: whether the values are points in time, as years
    dated: bool = False

    def word(self, value: float) -> str:
        """What a value stands for; "" where it is missing."""
        if value != value:
            return ""
        if self.dated:
            return moment_of(value)
        if float(value).is_integer():
            return self.words.get(int(value), str(int(value)))
        return f"{value:.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"


@dataclass
class Table:
    """A data set row by row; `unread` says what those raise that cannot be read."""

    source: Source
    plan: Plan
    #: (n,) numbers of the rows, rising
    rows: Array
    columns: dict[str, Column] = field(default_factory=dict)
    #: texts to be searched, of the first rows at least
    texts: dict[str, list[str]] = field(default_factory=dict)
    unread: dict[int, str] = field(default_factory=dict)
    stopped: str = ""
    notes: list[str] = field(default_factory=list)
    #: by row, in the order in which they were given
    tags: dict[int, list[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def extent(self) -> str:
        """How much of the data this is, in words."""
        length = self.source.length
        return f"{len(self)} rows" if length in (None, len(self)) else f"the first {len(self)} of {length} rows"

    def add(self, column: Column) -> None:
        """One more column, in the place of that of the same name."""
        self.columns[column.name] = column

    def place(self, row: int) -> int:
        """Where a row stands in the columns. Raises LookupError where it was not read."""
        at = int(np.searchsorted(self.rows, row))
        if at == len(self.rows) or self.rows[at] != row:
            raise LookupError(f"`{self.source.name}` has no row {row} here: {self.extent} were read")
        return at


def plain(name: str) -> str:
    """A column's name as one that can stand in an expression: "input: brightness" as `input_brightness`."""
    return re.sub(r"\W+", "_", name).strip("_").lower()


def read_table(
    source: Source,
    *,
    names: Mapping[Any, str] | None = None,
    most: int | None = None,
    seen: Callable[[int], None] = lambda rows: None,
) -> Table:
    """Measure every row, or the first `most`; an interrupt ends the reading and keeps what was read.

    `names` are those of the classes. Raises BadInput where no row can be read.
    """
    reading = _Reading(plan_of(source))
    stopped = ""
    try:
        for block in source.blocks(0, most):
            with interrupts_wait():
                full = reading.add(block)
            seen(reading.rows)
            if full:
                stopped = "too large to be held whole"
                break
    except KeyboardInterrupt:
        stopped = "interrupted"
    return reading.table(source, names or {}, stopped)


class _Reading:
    """What has been measured so far."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.rows, self.letters = plan, 0, 0
        self._numbers: list[Array] = []
        self._axes: dict[str, list[Array]] = {}
        self._labels: list[Any] = []
        self._texts: dict[str, list[str]] = {name: [] for name, kind in plan.kinds.items() if kind is Kind.TEXT}
        self._unread: dict[int, str] = {}
        self._left: dict[str, int] = {}
        self._dated: set[str] = set()

    def add(self, block: Block) -> bool:
        """Take a block in; whether that is all there is room for."""
        lost = np.array([unread.row for unread in block.unread], dtype=np.int64)
        rows = np.concatenate([block.rows, lost])
        order = np.argsort(rows, kind="stable")
        self._unread |= {unread.row: unread.told for unread in block.unread}
        tables = self._measured(block)
        for name in {**self._axes, **tables}:
            if name not in self._axes:
                self._axes[name] = [_missing(self.rows)] if self.rows else []
            values = tables.get(name, _missing(0))
            if len(values) < len(rows):
                values = np.concatenate([values, _missing(len(rows) - len(values))])[order]
            self._axes[name].append(values)
        self._label(block, order)
        self._text(block, order)
        self._numbers.append(rows[order])
        self.rows += len(rows)
        return self.rows * max(len(self._axes), 1) >= NUMBERS

    def _measured(self, block: Block) -> dict[str, Array]:
        found: dict[str, Array] = {}
        for name, kind in self.plan.kinds.items():
            values = block.columns.get(name)
            if values is None or not len(block):
                continue
            try:
                names, table = axes_of(name, kind, values)
            except (ValueError, TypeError, IndexError):  # rows that do not fit their column have no axes
                continue
            if len(names) > AXES:
                self._left[name] = len(names)
            alone = len(self.plan.inputs) == 1 and name != self.plan.label
            for k, axis in enumerate(names[:AXES]):
                told = axis.removeprefix(f"{name}: ") if alone else axis
                found[told] = table[:, k] if name in self.plan.dates else _held(table[:, k])
                self._dated |= {told} if name in self.plan.dates else set()
        return found

    def _label(self, block: Block, order: Array) -> None:
        label = self.plan.label
        if label is None or self.plan.kinds[label] is not Kind.CLASS:
            return
        given = as_classes(block.columns[label]) if label in block.columns else [None] * len(block)
        whole = given + [None] * len(block.unread)
        self._labels += [whole[i] for i in order.tolist()] if block.unread else whole

    def _text(self, block: Block, order: Array) -> None:
        for name, kept in self._texts.items():
            if self.letters > LETTERS:
                return
            given = block.columns.get(name, [])
            texts = [value if isinstance(value, str) else "" for value in given]
            texts += [""] * (len(order) - len(texts))
            self.letters += sum(map(len, texts))
            kept += [texts[i] for i in order.tolist()]

    def table(self, source: Source, names: Mapping[Any, str], stopped: str) -> Table:
        """Everything as one table."""
        rows = np.concatenate(self._numbers) if self._numbers else np.empty(0, np.int64)
        made = Table(source, self.plan, rows, texts=self._texts, unread=self._unread, stopped=stopped)
        made.add(Column("row", rows.astype(np.float64)))
        if self._labels and self.plan.label is not None:
            made.add(_classes(self.plan.label, self._labels, names))
        for name, parts in self._axes.items():
            made.add(Column(name, np.concatenate(parts), dated=name in self._dated))
        outlier = _outlier([made.columns[name].values for name in self._axes])
        if outlier is not None:
            made.add(Column(OUTLIER, outlier))
        if self._unread:
            broken = np.isin(rows, np.fromiter(self._unread, np.int64))
            made.add(Column("broken", broken.astype(np.float32), yes_no=True))
        made.notes += [f"of `{name}` the first {AXES} of {count} columns" for name, count in self._left.items()]
        kept = min((len(texts) for texts in self._texts.values()), default=len(rows))
        made.notes += [f"texts of the first {kept} rows can be searched"] if kept < len(rows) else []
        return made


def _missing(rows: int) -> Array:
    return np.full(rows, np.nan, np.float32)


def _held(values: Array) -> Array:
    """Four bytes a number, but for whole numbers that are too large for that."""
    wide = values.dtype.kind in "iu" and values.size and max(-int(values.min()), int(values.max())) >= 1 << 24
    return values.astype(np.float64 if wide else np.float32)


def _classes(name: str, labels: list[Any], names: Mapping[Any, str]) -> Column:
    """A class in each row as a number: its own, or its place in the alphabet."""
    there = {label for label in labels if label is not None}
    if all(isinstance(label, (int, float)) for label in there):
        values = np.array([np.nan if label is None else label for label in labels], dtype=np.float64)
        words = {int(key): str(names[key]) for key in there if key in names}
        return Column(name, values, words, named=True)
    order = {label: i for i, label in enumerate(sorted(there, key=str))}
    values = np.array([np.nan if label is None else order[label] for label in labels], dtype=np.float32)
    return Column(name, values, {i: str(label) for label, i in order.items()}, named=True)


def _outlier(axes: list[Array]) -> Array | None:
    """(rows,) the greatest distance from the mean, in deviations, over all axes that vary; None where none does."""
    furthest: Array | None = None
    with np.errstate(all="ignore"):
        for values in axes:
            there = values[np.isfinite(values)]
            deviation = float(there.std(dtype=np.float64)) if len(there) > 1 else 0.0
            if deviation > 0:
                gap = np.abs(values - there.mean(dtype=np.float64)) / deviation
                furthest = gap if furthest is None else np.fmax(furthest, gap)
    return None if furthest is None else furthest.astype(np.float32)
