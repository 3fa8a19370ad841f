"""Near copies among images of many sizes: brought to one small size, and judged as images of one size are."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from ..counts.sample import drawn
from ..doubles.chance import needed
from .alike import PAIRS, SIDE, Looks, certainly, differing
from .keys import plane
from .moved import MOVED, Moves

#: images that tell how far apart images are, and pixels a side below which an image is too small to be told by its look
KNOWN, SMALLEST = 400, 8
#: how far height over width may differ between a picture and what was cut or scaled from it
STRETCHED = 0.1
Array = np.ndarray[Any, Any]


def told(known: Sequence[Array], first: Sequence[Array], second: Sequence[Array], equal: Array, rows: int,
         bits: Callable[[Array], Array], moves: Moves) -> list[tuple[str, bool]]:  # fmt: skip
    """In what the images of each pair differ, "" where they are no near copies, and whether no third is as near.

    `equal` says where the other columns of a pair are equal; `bits` gives those that the first images of pairs hold.
    """
    moved = equal & moves.told(first, second)
    few = [np.asarray(known[row]) for row in drawn(len(known), KNOWN).tolist()]
    side = min([SIDE, *(min(plane(image[None]).shape[1:]) for image in (*few, *first, *second))])
    alone = np.zeros(len(first), bool)
    if side >= SMALLEST:
        looks = Looks(_at(few, side), rows)
        alone = equal & (looks.chance(_at(first, side), _at(second, side)) < PAIRS)
    changed = _changed(first, second, equal, rows, bits)
    pairs = zip(first, second, changed.tolist(), alone.tolist(), moved.tolist(), strict=True)
    return [
        (MOVED, True) if step and count < 0 else (_differ(one, other, count, near), near and _scaled(one, other))
        for one, other, count, near, step in pairs
    ]


def _changed(first: Sequence[Array], second: Sequence[Array], equal: Array, rows: int,
             bits: Callable[[Array], Array]) -> Array:  # fmt: skip
    """How many values of each pair of one size differ; -1 where they are many, or few by chance."""
    pairs = zip(first, second, equal.tolist(), strict=True)
    changed = np.array([int(differing(one[None], other[None])[0]) if same and one.shape == other.shape else -1
                        for one, other, same in pairs], np.int64)  # fmt: skip
    few = np.flatnonzero(changed >= 0)
    held = bits(few) if len(few) else np.empty(0)
    for place, most in zip(few.tolist(), held, strict=True):
        if not certainly(changed[[place]], first[place].size, np.array([most]), needed(rows))[0]:
            changed[place] = -1
    return changed


def _differ(one: Array, other: Array, changed: int, near: bool) -> str:
    if changed >= 0:
        return f"{changed} of {one.size} values" if changed else "digits behind the third"
    if not near or not _scaled(one, other):
        return ""
    if one.shape == other.shape:
        return "compression or brightness"
    (tall, wide), (height, width) = plane(one[None]).shape[1:], plane(other[None]).shape[1:]
    return f"size, {tall} × {wide} and {height} × {width}"


def _scaled(one: Array, other: Array) -> bool:
    """Whether height over width is nearly the same."""
    (tall, wide), (height, width) = plane(one[None]).shape[1:], plane(other[None]).shape[1:]
    return abs(math.log(tall * width / (wide * height))) <= STRETCHED


def _at(images: Sequence[Array], side: int) -> Array:
    """(N, side, side) of one colour of each, averaged over equal fields."""
    pool = torch.nn.functional.adaptive_avg_pool2d
    made = [pool(torch.from_numpy(np.nan_to_num(plane(image[None]).astype(np.float32))), side) for image in images]
    return torch.cat(made).numpy()
