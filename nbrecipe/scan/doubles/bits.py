"""How many bits the rows hold, at least: with few, rows are equal by chance.

The bits of independent columns overstate those of columns that go together. So only what a row itself shows counts:
no value that fills most of it (padding, background, zeros), of an image only pixels that differ from the ones left,
above and aslant, and of all this one half; of a text at most one bit a character (Shannon 1951).
"""

from __future__ import annotations

import collections
from typing import Any

import numpy as np

from ..columns.axes import sides
from ..columns.block import Block, Values
from ..columns.kinds import COLOURS, Kind
from ..counts.sample import drawn, picked
from ..plan import Plan

#: rows from which frequencies are taken, also where their shapes differ, and places of a row that are looked at
ROWS, RAGGED, PLACES = 2000, 256, 512
#: share of the bits of independent columns that counts, and that of tokens, which go together more
HALF, QUARTER = 0.5, 0.25
Array = np.ndarray[Any, Any]


def bits(plan: Plan, sample: Block, rows: Block) -> Array:
    """Bits of each of the rows, seen against those of a sample of the data."""
    total = np.zeros(len(rows))
    if not len(rows):
        return total
    few = drawn(len(sample), ROWS)
    for name, kind in plan.inputs.items():
        if name in rows.columns and name in sample.columns:
            known = picked(sample.columns[name], few) if len(few) < len(sample) else sample.columns[name]
            total += _of_column(kind, known, rows.columns[name])
    return total


def _of_column(kind: Kind, known: Values, values: Values) -> Array:
    if kind is Kind.TEXT:
        return _of_words([str(text).lower().split() for text in known], [str(text).lower().split() for text in values],
                         np.array([len(str(text)) for text in values], float))  # fmt: skip
    if kind is Kind.TOKENS:
        lists = [np.ravel(value).tolist() for value in known], [np.ravel(value).tolist() for value in values]
        return np.maximum(_of_words(*lists), QUARTER * _of_places(kind, known, values))
    return HALF * _of_places(kind, known, values)


def _of_words(known: list[list[Any]], values: list[list[Any]], most: Array | None = None) -> Array:
    """Half the surprise of the words of a row, each by the share of rows that have it."""
    having = collections.Counter(word for row in known for word in set(row))
    surprise = {word: np.log2(len(known) / count) for word, count in having.items()}
    new = float(np.log2(len(known)))
    out = HALF * np.array([sum(surprise.get(word, new) for word in set(row)) for row in values])
    return out if most is None else np.minimum(out, most)


def _of_places(kind: Kind, known: Values, values: Values) -> Array:
    if not (isinstance(known, np.ndarray) and isinstance(values, np.ndarray) and known.shape[1:] == values.shape[1:]):
        return _of_ragged(known, values)
    if known.dtype.kind not in "biuf" or 0 in known.shape:
        return np.zeros(len(values))
    plain, news = _plane(kind, known), _plane(kind, values)
    size = int(np.prod(plain.shape[1:]))
    places = np.unique(np.linspace(0, size - 1, PLACES).astype(int))
    flat, rows = np.nan_to_num(_at(plain, places)), np.nan_to_num(_at(news, places))
    counts = rows != _commonest(rows)[:, None] if news.ndim != 3 else _new(news, places)
    out = np.zeros(len(rows))
    for place in range(len(places)):
        column = np.sort(flat[:, place])
        met = np.searchsorted(column, rows[:, place], "right") - np.searchsorted(column, rows[:, place], "left")
        out += counts[:, place] * np.log2(len(flat) / np.maximum(met, 1))
    return out


def _plane(kind: Kind, values: Array) -> Array:
    """The first colour of images as (N, H, W); anything else as it is."""
    if kind is not Kind.IMAGE:
        return values
    if values.ndim == 2:
        side = round(values.shape[1] ** 0.5)
        return values.reshape(-1, side, side)
    if values.ndim == 4:
        return values[:, 0] if values.shape[1] in COLOURS and values.shape[3] not in COLOURS else values[..., 0]
    return values


def _at(values: Array, places: Array) -> Array:
    """(rows, places) without a copy of the rest."""
    if values.ndim == 1:
        return values[:, None]
    at: Any = (slice(None), *np.unravel_index(places, values.shape[1:]))
    out: Array = values[at]
    return out


def _new(images: Array, places: Array) -> Array:
    """Whether the pixels at these places are told neither by the one left, nor above, nor aslant."""
    down, across = np.unravel_index(places, images.shape[1:])
    up, left = np.maximum(down - 1, 0), np.maximum(across - 1, 0)
    here = images[:, down, across]
    out: Array = (here != images[:, down, left]) & (here != images[:, up, across]) & (here != images[:, up, left])
    return out


def _commonest(rows: Array) -> Array:
    """The value that fills most of each row; NaN where none stands twice."""
    ordered = np.sort(rows.astype(float), axis=1)
    best, length = np.full(len(rows), np.nan), np.ones(len(rows), int)
    run = np.ones(len(rows), int)
    for place in range(1, ordered.shape[1]):
        run = np.where(ordered[:, place] == ordered[:, place - 1], run + 1, 1)
        longer = run > length
        best, length = np.where(longer, ordered[:, place], best), np.maximum(run, length)
    return best


def _of_ragged(known: Values, values: Values) -> Array:
    """The same for arrays of differing shapes, whose places have no frequencies of their own."""
    pool = [_thin(value) for value in picked(known, drawn(len(known), RAGGED))]
    every = np.concatenate([values for values in pool if values is not None] or [np.zeros(1)])
    kinds, counts = np.unique(every, return_counts=True)
    out = np.zeros(len(values))
    for row, value in enumerate(values):
        thin = _thin(value)
        if thin is None or len(thin) < 2:
            continue
        at = np.minimum(np.searchsorted(kinds, thin), len(kinds) - 1)
        share = np.where(kinds[at] == thin, counts[at], 1) / len(every)
        fresh = np.r_[False, thin[1:] != thin[:-1]] & (thin != _commonest(thin[None])[0])
        out[row] = float(-(np.log2(share) * fresh).sum())
    return out


def _thin(value: Any) -> Array | None:
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf" or not value.size:
        return None
    plane = value if value.ndim != 3 else value[..., 0] if sides(value) == value.shape[:2] else value[0]
    flat = np.nan_to_num(plane.reshape(-1))
    out: Array = flat[np.unique(np.linspace(0, len(flat) - 1, PLACES).astype(int))]
    return out
