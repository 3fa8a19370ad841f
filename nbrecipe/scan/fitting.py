"""Blocks made to fit the plan: rows whose value is not what the column holds are named and left out, none break it."""

from __future__ import annotations

from typing import Any

import numpy as np

from .columns.block import Block, Unread, Values
from .columns.kinds import Kind
from .plan import Plan

#: kinds that every row has to be of, so that all of them can be measured alike
_STRICT = (Kind.TABLE, Kind.IMAGE, Kind.TOKENS, Kind.SEQUENCE)
Array = np.ndarray[Any, Any]


def fitted(block: Block, plan: Plan) -> Block:
    """The columns of the plan alone; a label that does not fit is missing, a row whose input does not is unread."""
    if not len(block):
        return block
    columns: dict[str, Values] = {}
    odd = _others(block, plan)
    for name, kind in plan.kinds.items():
        values = _listed(block.columns.get(name, [None] * len(block)), kind, plan.shapes.get(name))
        if kind in _STRICT and isinstance(values, list):
            values = [_numbers(value) for value in values]
            bad = _bad(values, kind, plan.shapes.get(name))
            if name == plan.label:
                values = [None if i in bad else value for i, value in enumerate(values)]
            else:
                odd |= {i: f"`{name}` {told}" for i, told in bad.items() if i not in odd}
        columns[name] = values
    rows = block.rows
    if odd:
        kept = np.array([i for i in range(len(block)) if i not in odd], dtype=np.int64)
        rows = rows[kept]
        columns = {name: _picked(values, kept) for name, values in columns.items()}
    for name, kind in plan.kinds.items():
        columns[name] = _even(columns[name], kind, plan.shapes.get(name))
    unread = tuple(Unread(int(block.rows[i]), told) for i, told in odd.items())
    every = tuple(sorted((*block.unread, *unread), key=lambda one: one.row)) if odd else block.unread
    return Block(rows, columns, every)


def _others(block: Block, plan: Plan) -> dict[int, str]:
    """The rows that have other columns than those of the plan, and none of these."""
    more = {name: values for name, values in block.columns.items() if name not in plan.kinds}
    if not more or not plan.inputs or plan.chosen:
        return {}
    usual = ", ".join(f"`{name}`" for name in plan.inputs)
    ours = [block.columns[name] for name in plan.inputs if name in block.columns]
    odd = {}
    for i in range(len(block)):
        have = [name for name, values in more.items() if not is_none(values[i])]
        if have and all(is_none(values[i]) for values in ours):
            odd[i] = f"has {', '.join(f'`{name}`' for name in have)}, where most rows have {usual}"
    return odd


def is_none(value: Any) -> bool:
    """Nothing, or what stands for it in an array of numbers."""
    return value is None or (isinstance(value, (float, np.floating)) and bool(value != value))


def _listed(values: Values, kind: Kind, shape: tuple[int, ...] | None) -> Values:
    """An array as it is where it is what the plan says, else its rows one by one."""
    if isinstance(values, list) or kind is Kind.OTHER:
        return values
    if values.dtype.kind == "f" and values.dtype.itemsize not in (4, 8):
        values = values.astype(np.float32 if values.dtype.itemsize == 2 else np.float64)
    per_row = values.shape[1:]
    same = {
        Kind.NUMBER: int(np.prod(per_row)) == 1,
        Kind.IMAGE: 0 not in per_row and (per_row == shape if shape else len(per_row) in (2, 3)),
        Kind.TABLE: shape is None or per_row == shape,
        Kind.TEXT: False,
        Kind.BOXES: False,
        Kind.FLAGS: len(per_row) == 1,
        Kind.TOKENS: len(per_row) > 0,
        Kind.SEQUENCE: len(per_row) > 0,
        Kind.MASK: len(per_row) > 0,
    }.get(kind, True)
    if same and values.dtype.kind in "biuf":
        return values
    return list(values) if values.ndim > 1 else values.tolist()


def _numbers(value: Any) -> Any:
    """A list of numbers as an array; anything else as it is."""
    if isinstance(value, (list, tuple)):
        try:
            made = np.asarray(value)
        except (ValueError, OverflowError):
            return value
        return made if made.dtype.kind in "biuf" else value
    return value


def _bad(values: list[Any], kind: Kind, shape: tuple[int, ...] | None) -> dict[int, str]:
    """Which values are not what the column holds, and why."""
    bad = {}
    for i, value in enumerate(values):
        if value is None:
            bad[i] = "is missing"
        elif not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf":
            bad[i] = f"is of type {type(value).__name__}, where most rows have numbers"
        elif shape is not None and value.shape != shape:
            bad[i] = f"has shape {value.shape}, where most rows have {shape}"
        elif kind is Kind.IMAGE and shape is None and value.ndim not in (2, 3):
            bad[i] = f"has {value.ndim} axes, where most rows have images"
        elif not value.ndim:
            bad[i] = "is a single number, where most rows have several"
        elif kind is Kind.IMAGE and not value.size:
            bad[i] = f"has no pixels: its shape is {value.shape}"
    return bad


def _even(values: Values, kind: Kind, shape: tuple[int, ...] | None) -> Values:
    """One array where the plan knows the shape of every row; a missing label is a row of NaN."""
    if isinstance(values, np.ndarray) or kind not in _STRICT or shape is None:
        return values
    made = np.full((len(values), *shape), np.nan)
    for i, value in enumerate(values):
        if value is not None:
            made[i] = value
    dtypes = {value.dtype for value in values if value is not None}
    whole = len(dtypes) == 1 and all(value is not None for value in values)
    return made.astype(dtypes.pop()) if whole else made


def _picked(values: Values, kept: Array) -> Values:
    return values[kept] if isinstance(values, np.ndarray) else [values[i] for i in kept]
