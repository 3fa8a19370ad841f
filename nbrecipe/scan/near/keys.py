"""Keys of a row that stay when the row is changed a little; they are kept by row while a data set is read.

Of an image and of a row of numbers a hash of either half, numbers to three digits: what changes one value leaves a
half. Of an image also its outline, 64 bits that say where it grows brighter to the right (difference hash, Krawetz
2013), which compression and brightness leave; of a series that of its course. Of a text a hash of its letters and
digits alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xxhash

from ..columns.axes import numbers
from ..columns.block import Block, Values
from ..columns.kinds import COLOURS, Kind
from ..counts.copies import hashes
from ..counts.letters import Texts
from ..counts.sample import places
from ..plan import Plan
from .waves import courses

#: rows whose keys are kept, 40 bytes each; of more rows a uniform part
MOST = 1 << 21
#: columns of one number from which on they are taken together as a row
NUMBERS = 4
#: bits of a fraction that stand for three digits
DIGITS = 10
#: cells of an outline, and the share of the whole contrast by which one has to outshine the next
TALL, WIDE, MARGIN = 8, 9, 0.05
#: letters of a text that are left out
_SIGNS = bytes(c for c in range(128) if not chr(c).isalnum() and c)
_ONE = xxhash.xxh3_64_intdigest
Array = np.ndarray[Any, Any]
#: (first half, second half, outline)
Keys = tuple[Array, Array, Array]
#: the same and a hash of the whole input, equal for equal ones
Kept = tuple[Array, Array, Array, Array]


@dataclass
class Near:
    """Keys by row; they merge."""

    most: int = MOST
    #: rows are kept the hash of whose number is below this
    limit: int = 1 << 64
    _parts: list[tuple[Array, Kept]] = field(default_factory=list)

    def add(self, block: Block, plan: Plan, hashed: Array, texts: Mapping[str, Texts]) -> None:
        """Take the keys of a block; `hashed` are hashes of its inputs, `texts` those of its columns."""
        names = columns_of(plan)
        if not names or not len(block) or not all(name in block.columns for name in names):
            return
        values, kind = values_of(block, names), plan.kinds[names[0]]
        keys = _of_texts(values, texts[names[0]]) if kind is Kind.TEXT else _KEYS.get(kind, _of_rows)(values)
        self._parts.append(self._kept(block.rows, (*keys, hashed)))
        self._thin()

    def merge(self, other: Near) -> None:
        """Take the keys of other rows."""
        self.most, self.limit = min(self.most, other.most), min(self.limit, other.limit)
        self._parts = [self._kept(*part) for part in (*self._parts, *other._parts)]
        self._thin()

    def table(self) -> tuple[Array, Kept]:
        """The rows, in order, and their keys."""
        if not self._parts:
            none = np.empty(0, np.uint64)
            return np.empty(0, np.int64), (none, none, none, none)
        if len(self._parts) > 1:
            rows = np.concatenate([part[0] for part in self._parts])
            one, two, three, four = (np.concatenate([part[1][i] for part in self._parts]) for i in range(4))
            self._parts = [(rows, (one, two, three, four))]
        rows, keys = self._parts[0]
        if (rows[1:] < rows[:-1]).any():
            self._parts = [picked_keys(rows, keys, np.argsort(rows, kind="stable"))]
        return self._parts[0]

    def _kept(self, rows: Array, keys: Kept) -> tuple[Array, Kept]:
        if self.limit == 1 << 64:
            return rows, keys
        return picked_keys(rows, keys, places(rows) < np.uint64(self.limit))

    def _thin(self) -> None:
        while sum(len(rows) for rows, _ in self._parts) > self.most:
            self.limit //= 2
            self._parts = [self._kept(*part) for part in self._parts]


def picked_keys(rows: Array, keys: Kept, chosen: Array) -> tuple[Array, Kept]:
    """Some of the rows with their keys."""
    first, second, outline, whole = (key[chosen] for key in keys)
    return rows[chosen], (first, second, outline, whole)


def columns_of(plan: Plan) -> tuple[str, ...]:
    """What near copies are told by: an image, a text, a series, a row of numbers, or all columns of one number."""
    for kind in (Kind.IMAGE, Kind.TEXT, Kind.SEQUENCE, Kind.TABLE):
        for name, theirs in plan.inputs.items():
            if theirs is kind:
                return (name,)
    numbers = tuple(name for name, theirs in plan.inputs.items() if theirs is Kind.NUMBER)
    return numbers if len(numbers) >= NUMBERS else ()


def values_of(block: Block, names: tuple[str, ...]) -> Values:
    """These columns as one."""
    if len(names) == 1:
        return block.columns[names[0]]
    return np.concatenate([numbers(block.columns[name]) for name in names], axis=1).astype(np.float32)


def coarse(values: Array) -> Array:
    """Numbers to three digits; whole ones as they are."""
    if values.dtype.kind != "f":
        return values
    bits: Array = (np.asarray(values, np.float32) + np.float32(0)).view(np.uint32)  # -0.0 and 0.0 are equal
    bits += np.uint32(1 << (22 - DIGITS))
    bits &= np.uint32(0xFFFFFFFF - (1 << (23 - DIGITS)) + 1)
    return bits


def outlines(images: Array) -> Array:
    """64 bits of each of (N, H, W): where its cells grow brighter to the right."""
    tall, wide = max(1, images.shape[1] // 64), max(1, images.shape[2] // 72)
    small = images[:, ::tall, ::wide].astype(np.float32)
    count, height, width = small.shape
    across = small.reshape(-1, width) @ _cells(width, WIDE)
    cells = across.reshape(count, height, WIDE).transpose(0, 2, 1).reshape(-1, height) @ _cells(height, TALL)
    flat = cells.reshape(count, WIDE * TALL)
    least = MARGIN * (flat.max(1) - flat.min(1))
    brighter = (flat[:, TALL:] - flat[:, :-TALL]) > least[:, None]
    out: Array = np.packbits(brighter, axis=1).view(np.uint64)[:, 0]
    return out


def plane(values: Array) -> Array:
    """One colour of images as (N, H, W): the green one where there are three."""
    if values.ndim == 2:
        side = round(values.shape[1] ** 0.5)
        return values.reshape(-1, side, side)
    if values.ndim == 3:
        return values
    first = values.shape[1] in COLOURS and values.shape[3] not in COLOURS
    colour = 1 if values.shape[1 if first else 3] >= 3 else 0
    return values[:, colour] if first else values[..., colour]


def plain_text(text: Any) -> bytes:
    """The letters and digits of a text, in small letters."""
    return str(text).lower().encode("utf-8", "surrogatepass").translate(None, _SIGNS)


def _cells(size: int, cells: int) -> Array:
    """(size, cells): the mean over each of so many equal stretches."""
    edges = np.linspace(0, size, cells + 1)
    low, high = edges[:-1][None], edges[1:][None]
    at = np.arange(size)[:, None]
    share = np.clip(np.minimum(at + 1, high) - np.maximum(at, low), 0, None)
    out: Array = (share / share.sum(0)).astype(np.float32)
    return out


def _of_images(values: Values) -> Keys:
    if not isinstance(values, np.ndarray):
        each = [_of_images(image[None]) for image in values]
        first, second, outline = (np.concatenate([keys[i] for keys in each]) for i in range(3))
        return first, second, outline
    first, second, _ = _of_rows(values)
    return first, second, outlines(plane(values))


def _of_rows(values: Values) -> Keys:
    table = np.stack(values) if isinstance(values, list) else values
    flat = np.ascontiguousarray(coarse(table).reshape(len(table), -1))
    half = flat.shape[1] // 2
    if not half:
        none = np.zeros(len(flat), np.uint64)
        return none, none, none
    first, second = hashes(flat[:, :half]), hashes(flat[:, half:])
    return first, second, np.zeros(len(flat), np.uint64)


def _of_texts(values: Values, texts: Texts) -> Keys:
    lower = texts.seen.lower if texts.places is None else ""
    whole = lower.encode("utf-8", "surrogatepass").translate(None, _SIGNS).split(b"\0")[:-1]
    plain = whole if len(whole) == len(values) else [plain_text(text) for text in values]
    keys = np.fromiter(map(_ONE, plain), np.uint64, count=len(values))
    return keys, keys, np.zeros(len(values), np.uint64)


def _of_series(values: Values) -> Keys:
    each = [values] if isinstance(values, np.ndarray) else [value[None] for value in values]
    first, second = (np.concatenate(half) for half in zip(*(_of_rows(some)[:2] for some in each), strict=True))
    return first, second, courses(values)


_KEYS: dict[Kind, Callable[[Values], Keys]] = {
    Kind.IMAGE: _of_images,
    Kind.TABLE: _of_rows,
    Kind.SEQUENCE: _of_series,
}
