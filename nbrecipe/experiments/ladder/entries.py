"""Targets at every position: the tokens of texts and the pixels of masks, and what stands before or beneath each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...batches import BadInput
from ...scan.columns.block import Values
from ...scan.columns.kinds import TOKENS
from ...scan.columns.kinds import Kind as Column
from ...task import Kind
from .aims import Aim
from .part import Part

Array = np.ndarray[Any, Any]
MASK = "attention_mask"


@dataclass(frozen=True)
class Entries:
    """All positions that count, row after row."""

    #: (entries,) class of each position, and the row it stands in
    target: Array
    owner: Array
    #: (entries,) the token that was seen last, or the place in the image; None where images differ in size
    context: Array | None
    rows: int
    #: whether the target is the token after the one that was seen
    follows: bool = True

    def __len__(self) -> int:
        return len(self.target)

    def by_row(self, values: Array) -> Array:
        """(rows,) sums over the positions of each row."""
        return np.bincount(self.owner, weights=values, minlength=self.rows)

    def where(self, keep: Array, rows: int) -> Entries:
        """The positions that are kept."""
        context = None if self.context is None else self.context[keep]
        return Entries(self.target[keep], self.owner[keep], context, rows, self.follows)


def entries_of(aim: Aim, part: Part) -> Entries:
    """The positions of a part that have a target. Raises BadInput where inputs and targets do not fit together."""
    found = _tokens(aim, part) if aim.kind is Kind.NEXT_TOKEN else _pixels(part)
    counts = found.target != aim.ignored
    found = (
        found.where(counts & (found.target >= 0), found.rows)
        if aim.ignored >= 0
        else found.where(found.target >= 0, found.rows)
    )
    if not len(found):
        raise BadInput(f"`{part.name}` has no position with a target")
    return found


def classes_of(parts: list[Entries], count: int | None, names: tuple[str, str]) -> int:
    """How many classes a position may have. Raises BadInput where one lies outside the model's outputs."""
    most = max(int(part.target.max()) for part in parts)
    if count is None:
        seen = [int(part.context.max()) for part in parts if part.context is not None and part.follows]
        return max(most, *seen, 0) + 1
    if most >= count:
        raise BadInput(f"`{names[0]}` has the class {most} at a position, and `{names[1]}` has {count} outputs")
    return count


def _tokens(aim: Aim, part: Part) -> Entries:
    name = _ids(aim, part)
    if name is None and aim.label is not None:
        return _joined([_row(value) for value in part.target], None, False)
    if name is None:
        raise BadInput(f"`{part.name}` has no column of token ids: give tokens rather than text")
    seen = [_row(value) for value in part.columns[name]]
    if aim.label is None:
        masks = part.columns.get(MASK)
        wanted = [row if masks is None else np.where(_row(masks[i]) > 0, row, -1) for i, row in enumerate(seen)]
        return _joined([row[1:] for row in wanted], [row[:-1] for row in seen], True)
    wanted = [_row(value) for value in part.target]
    if any(len(a) != len(b) for a, b in zip(seen, wanted, strict=True)):
        return _joined(wanted, None, False)
    if _same(seen, wanted):  # the model shifts them itself
        return _joined([row[1:] for row in wanted], [row[:-1] for row in seen], True)
    return _joined(wanted, seen, _next(seen, wanted))


def _ids(aim: Aim, part: Part) -> str | None:
    """The column of the tokens; few distinct ids in rows of one length look like a table of whole numbers."""
    columns = [name for name, kind in aim.inputs.items() if kind is Column.TOKENS and name != MASK]
    columns += [name for name in aim.inputs if name not in (*columns, MASK) and _whole_numbers(part.columns[name])]
    return next((name for name in columns if name.lower() in TOKENS), columns[0] if columns else None)


def _whole_numbers(values: Values) -> bool:
    """(rows, places) of whole numbers from 0 on."""
    whole = isinstance(values, np.ndarray) and values.ndim == 2 and values.dtype.kind in "iu"
    return whole and int(np.min(values, initial=0)) >= 0


def _row(value: Any) -> Array:
    return np.asarray(value).reshape(-1).astype(np.int64)


def _same(seen: list[Array], wanted: list[Array]) -> bool:
    """Whether targets are the inputs themselves wherever they count."""
    return all(bool((a[b >= 0] == b[b >= 0]).all()) for a, b in zip(seen, wanted, strict=True))


def _next(seen: list[Array], wanted: list[Array]) -> bool:
    """Whether targets are the inputs one step on."""
    pairs = [(a[1:], b[:-1]) for a, b in zip(seen, wanted, strict=True)]
    counted = sum(int((b >= 0).sum()) for _, b in pairs)
    return counted > 0 and sum(int(((a == b) & (b >= 0)).sum()) for a, b in pairs) > 0.9 * counted


def _joined(wanted: list[Array], seen: list[Array] | None, follows: bool) -> Entries:
    owner = np.repeat(np.arange(len(wanted)), [len(row) for row in wanted])
    context = None if seen is None else np.concatenate(seen)
    return Entries(np.concatenate(wanted), owner, context, len(wanted), follows)


def _pixels(part: Part) -> Entries:
    masks: Values = part.target
    if isinstance(masks, np.ndarray):
        flat = masks.reshape(len(masks), -1)
        owner = np.repeat(np.arange(len(flat)), flat.shape[1])
        places = np.tile(np.arange(flat.shape[1]), len(flat))
        return Entries(_whole(flat, part.name), owner, places, len(flat), follows=False)
    rows = [_whole(np.asarray(mask), part.name) for mask in masks]
    return Entries(
        np.concatenate(rows), np.repeat(np.arange(len(rows)), [len(r) for r in rows]), None, len(rows), False
    )


def _whole(values: Array, name: str) -> Array:
    if values.dtype.kind == "f" and not np.isin(values, (0, 1)).all():
        raise BadInput(f"the masks of `{name}` hold numbers that are no classes")
    return values.reshape(-1).astype(np.int64)
