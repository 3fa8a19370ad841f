"""Goes through data that are ids already: `input_ids` with their mask and labels, or arrays of whole numbers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...batches import BadInput
from ...tokens import Tokenizer, open_tokenizer
from ..columns.block import Block, Values
from ..columns.kinds import Kind
from ..plan import Plan, plan_of
from ..reading import blocks_of
from ..sources.opening import open_source
from ..sources.source import Source
from .id_part import Flat, IdPart, Roles
from .part import Failed, roles
from .running import gone_through

#: names of the columns
IDS, MASK = ("input_ids", "ids", "token_ids", "tokens"), "attention_mask"
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class IdScan:
    """What stands in rows of ids, and how much of it was read."""

    source: Source
    #: the columns that were read; "" where there is none
    column: str
    mask: str
    labels: str
    part: IdPart
    roles: Roles
    seconds: float = 0.0
    whole: bool = False
    stopped: str = ""

    @property
    def name(self) -> str:
        """How the user calls the data."""
        return self.source.name

    @property
    def rows(self) -> int:
        """Rows that were counted."""
        return self.part.rows

    @property
    def extent(self) -> str:
        """How much was read, in words."""
        return self.source.extent(self.part.met, self.whole)

    @property
    def at_greatest(self) -> int:
        """Rows that have exactly the greatest length, padding left out: of cut texts there are many."""
        return self.part.lengths.counts[self.part.lengths.greatest]

    @property
    def padded(self) -> int:
        """Ids that are padding."""
        return self.part.widths.total - self.part.lengths.total

    @property
    def side(self) -> str | None:
        """Where rows are padded, "left" or "right"; None where none is, or not all alike."""
        return next(iter(self.part.sides)) if len(self.part.sides) == 1 else None


def id_column(source: Source, plan: Plan | None = None, *, asked: str | None = None, sure: bool = False) -> str:
    """The column that holds ids; where none looks it, the only one of whole numbers, unless it has to be `sure`.

    Raises BadInput where none or several do.
    """
    plan = plan or plan_of(source)
    told = ", ".join(f"`{name}` ({kind})" for name, kind in list(plan.kinds.items())[:20])
    if asked is not None:
        if asked not in plan.kinds:
            raise BadInput(f"`{source.name}` has no column `{asked}`; its columns are {told}")
        return asked
    named = [name for wanted in IDS for name in plan.kinds if name.lower() == wanted and _is_rows(plan.kinds[name])]
    found = named or [name for name, kind in plan.inputs.items() if kind is Kind.TOKENS and name != MASK]
    if not found and (not sure or Kind.TOKENS in plan.kinds.values()):
        found = [name for name in plan.inputs if name != MASK and _is_whole(source, name)]
    if len(found) == 1 or named:
        return found[0]
    if not found:
        raise BadInput(f"`{source.name}` has no column of ids; its columns are {told}")
    raise BadInput(f"`{source.name}` has several columns of ids, {told}: say which, as `column={found[0]!r}`")


def _is_whole(source: Source, column: str) -> bool:
    """Whether the first rows of a column are rows of whole numbers."""
    for block in source.blocks(0, 64):
        values = block.columns.get(column, [])
        if len(values):
            return all(not isinstance(row, str) for row in _rows(values, len(values)))
    return False


def id_scan(
    data: Any,
    tokenizer: Any = None,
    *,
    column: str | None = None,
    name: str = "the data",
    padding: int | None = None,
    ignored: int = -100,
    most: int | None = None,
    seconds: float | None = None,
    seen: Callable[[int], None] = lambda rows: None,
) -> IdScan:
    """Read every row of ids once, to the last, or to `most` rows or `seconds`.

    Padding is what the attention mask says; where there is none, the runs of the id `padding`, or of the tokenizer's
    own, at either end of a row. `ignored` is the label where nothing is learned. Raises BadInput where no column holds
    ids, and as `scan` does.
    """
    start = time.monotonic()
    source = open_source(data, name)
    plan = plan_of(source)
    read = id_column(source, plan, asked=column)
    known = roles_of(None if tokenizer is None else open_tokenizer(tokenizer), padding, ignored)
    mask = MASK if MASK in plan.kinds else ""
    labels = plan.label if plan.label is not None and _is_rows(plan.kinds[plan.label]) else ""

    def flat(block: Block) -> Callable[[IdPart], None]:
        made, failed = flattened(block, read, mask, labels, known)

        def count(part: IdPart) -> None:
            part.fail(failed)
            part.add(made, known)

        return count

    part, stopped = gone_through(blocks_of(source, most), flat, IdPart, seconds, seen)
    stopped = stopped or source.changed()
    whole = part.met >= source.length if source.length is not None else not stopped and part.met != most
    labels = labels if part.supervised is not None else ""
    return IdScan(source, read, mask, labels, part, known, time.monotonic() - start, whole, stopped)


def roles_of(tokenizer: Tokenizer | None, padding: int | None = None, ignored: int = -100) -> Roles:
    """What a tokenizer says of ids; `padding` stands in for its own."""
    if tokenizer is None:
        return Roles(padding, ignored)
    special = tokenizer.specials
    return Roles(special.padding if padding is None else padding, ignored, roles(tokenizer), special.every)


def flattened(block: Block, column: str, mask: str, labels: str, known: Roles) -> tuple[Flat, list[Failed]]:
    """Rows of a block end to end, and those that hold no ids."""
    failed = [Failed(one.row, one.told) for one in block.unread]
    table = block.columns.get(column)
    if _is_table(table):
        assert isinstance(table, np.ndarray)
        widths = np.full(len(table), table.shape[1])
        return _flat(block, mask, labels, known, np.arange(len(table)), widths, table.reshape(-1)), failed
    given = _rows(block.columns.get(column), len(block))
    bad = {i: told for i, row in enumerate(given) if isinstance(told := row, str)}
    failed += [Failed(int(block.rows[i]), told) for i, told in bad.items()]
    kept = np.array([i for i in range(len(given)) if i not in bad], np.int64)
    rows = [given[i] for i in kept.tolist()]
    widths = np.fromiter(map(len, rows), np.int64, len(rows))
    return _flat(block, mask, labels, known, kept, widths, _joined(rows)), sorted(failed, key=lambda one: one.row)


def _flat(block: Block, mask: str, labels: str, known: Roles, kept: Array, widths: Array, ids: Array) -> Flat:
    """Rows with what stands beside their ids."""
    beside = _beside(block, mask, kept, widths)
    real = beside > 0 if beside is not None else unpadded(ids, widths, known.padding)
    return Flat(block.rows[kept], widths, ids.astype(np.int64), real, _beside(block, labels, kept, widths))


def _is_table(values: Values | None) -> bool:
    """Whether rows of whole numbers lie in one array."""
    return isinstance(values, np.ndarray) and values.ndim == 2 and values.dtype.kind in "iu"


def unpadded(ids: Array, widths: Array, padding: int | None) -> Array:
    """Which ids are not in a run of padding at an end of their row."""
    real = np.ones(len(ids), bool)
    some = widths > 0
    if padding is None or not some.any():
        return real
    ends = np.cumsum(widths)
    starts = (ends - widths)[some]
    there = ids != padding
    places = np.arange(len(ids))
    first = np.minimum.reduceat(np.where(there, places, len(ids)), starts)
    last = np.maximum.reduceat(np.where(there, places, -1), starts)
    wide = widths[some]
    return np.asarray((places >= np.repeat(first, wide)) & (places <= np.repeat(last, wide)))


def _rows(values: Values | None, count: int) -> list[Any]:
    """Each row as an array of ids; a sentence where it is none."""
    if values is None:
        return ["is missing"] * count
    return [_row(value) for value in values]


def _row(value: Any) -> Any:
    if value is None:
        return "is missing"
    array = np.asarray(value) if isinstance(value, (list, tuple, np.ndarray)) else None
    if array is None or array.ndim != 1:
        return f"no row of ids but {type(value).__name__}" + (f" of shape {array.shape}" if array is not None else "")
    if array.dtype.kind not in "iu" and array.size:
        return f"no ids but {array.dtype}"
    return array


def _joined(rows: list[Any]) -> Array:
    return np.concatenate(rows).astype(np.int64, copy=False) if rows else np.zeros(0, np.int64)


def _beside(block: Block, column: str, kept: Array, widths: Array) -> Array | None:
    """What stands at every id of the rows that are kept; None where a row has more or fewer of it."""
    if not column or column not in block.columns:
        return None
    values = block.columns[column]
    if isinstance(values, np.ndarray) and _is_table(values):
        alike = bool((widths == values.shape[1]).all())
        return values[kept].reshape(-1).astype(np.int64) if alike else None
    rows = [_row(values[i]) for i in kept.tolist()]
    if any(isinstance(row, str) for row in rows) or [len(row) for row in rows] != widths.tolist():
        return None
    return _joined(rows)


def _is_rows(kind: Kind) -> bool:
    """Whether a column of this kind may hold whole numbers at every place."""
    return kind in (Kind.TOKENS, Kind.TABLE, Kind.FLAGS, Kind.SEQUENCE)
