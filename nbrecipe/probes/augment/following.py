"""Whether masks and boxes go where their image goes, in pairs of draws of one example."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import torch
from torch import Tensor

from .draws import Draws
from .motion import OTHERS, Motion, Motions, agreeing, grey, motions, turned
from .parts import Part, as_boxes, as_image, as_mask

#: follows: it moved as the image did; stays: bit for bit where it was; strays: it moved, but in another way; unmoved:
#: the image kept its place; unclear: how the image moved cannot be told, or the target would look the same either way
Outcome = Literal["follows", "stays", "strays", "unmoved", "unclear"]
#: draws that all later ones are held against
REFERENCES = 3
#: pixels, and share of what is drawn in a mask, by which a moved mask has to differ from one that is not
PIXELS, SHARE = 8, 0.1
#: overlap of boxes below which they are elsewhere, and from which on they are the same
APART, SAME = 0.5, 0.8


@dataclass(frozen=True)
class Pair:
    """Two draws of one example, and where a target went while its image moved."""

    first: int
    second: int
    #: the part's name
    target: str
    kind: Literal["mask", "boxes"]
    outcome: Outcome
    #: how the image moved, where one motion explains it
    motion: Motion | None
    #: correlation of the images without any motion
    unmoved: float
    #: (H, W) of the image
    shape: tuple[int, int]


def pairs(example: Draws, references: int = REFERENCES) -> list[Pair]:
    """Every pair of draws whose images differ, for every mask and all boxes; empty where there is none of these."""
    targets = [i for i, part in enumerate(example.drawn[0]) if part.kind in ("mask", "boxes")]
    found: list[Pair] = []
    for i, j in combinations(range(len(example.drawn)), 2):
        if not targets or i >= references:
            break
        seen, first, second = between(example, i, j), image_of(example, i), image_of(example, j)
        if seen is not None and first is not None and second is not None:
            for target in targets:
                found += _judged(example, (i, j), target, seen, first, second)
    return found


def between(example: Draws, i: int, j: int) -> Motions | None:
    """How the image of one draw lies in that of an earlier one; None where they are the same, or cannot be compared."""
    if (i, j) not in example.memo:
        first, second = image_of(example, i), image_of(example, j)
        same = first is None or second is None or _equal(first, second)
        a, b = (None if same or image is None else grey(image) for image in (first, second))
        example.memo[i, j] = None if a is None or b is None else motions(a, b)
    found: Motions | None = example.memo[i, j]
    return found


def _equal(first: Tensor, second: Tensor) -> bool:
    return first.shape == second.shape and first.dtype == second.dtype and torch.equal(first, second)


def image_of(example: Draws, k: int) -> Tensor | None:
    """The first input of a draw that is an image, as (C, H, W)."""
    part = next((part for part in example.drawn[k] if not part.target and part.kind == "image"), None)
    return None if part is None else as_image(part)


def _judged(
    example: Draws, pair: tuple[int, int], target: int, seen: Motions, first: Tensor, second: Tensor
) -> Iterator[Pair]:
    before, after = (example.drawn[k][target] for k in pair)
    if before.kind != after.kind or before.kind not in ("mask", "boxes"):
        return
    shape = (int(first.shape[-2]), int(first.shape[-1]))
    if not seen.moved:
        still = any(motion.still for motion in seen.possible)
        outcome: Outcome = "unmoved" if still else "unclear"
    elif before.kind == "mask":
        outcome = _of_masks(before, after, seen, first, second)
    else:
        outcome = _of_boxes(before, after, seen, shape, (int(second.shape[-2]), int(second.shape[-1])))
    kind: Literal["mask", "boxes"] = "mask" if before.kind == "mask" else "boxes"
    yield Pair(*pair, before.name, kind, outcome, seen.best, seen.unmoved, shape)


def _of_masks(before: Part, after: Part, seen: Motions, first: Tensor, second: Tensor) -> Outcome:
    there, here = as_mask(before, first), as_mask(after, second)
    if there is None or here is None:
        return "unclear"
    expected = [_moved_mask(there, motion) for motion in seen.possible]
    shares = [_differing(mask, known, here) for mask, known in expected]
    if any(share is None or share < SHARE for share in shares):
        return "follows" if _tells(there, expected) else "unclear"
    if before.digest == after.digest:
        return "stays"
    others = set(range(1, 8)) - {motion.turn for motion in seen.possible}
    for turn in others:
        made = turned(there, turn)
        if made.shape == here.shape and torch.equal(made, here):
            return "unclear" if _goes_too(first, second, Motion(turn)) else "strays"
    return "unclear"


def _goes_too(first: Tensor, second: Tensor, motion: Motion) -> bool:
    """Whether a part of the image goes with its mask, and something else moved that lies on top."""
    a, b = grey(first), grey(second)
    return a is None or b is None or agreeing(a, b, motion) > OTHERS


def _moved_mask(mask: Tensor, motion: Motion) -> tuple[Tensor, Tensor]:
    """The mask as the image moved, and where it is known: what a shift brings in from outside is not."""
    made = turned(mask, motion.turn)
    height, width = made.shape
    down, right = round(motion.down * height), round(motion.right * width)
    known = torch.zeros_like(made, dtype=torch.bool)
    known[max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)] = True
    return made.roll((down, right), (0, 1)), known


def _differing(expected: Tensor, known: Tensor, mask: Tensor) -> float | None:
    """How much of what is drawn is another class than expected; None where too little is drawn to tell."""
    if expected.shape != mask.shape:
        return 1.0
    drawn = known & ((expected != _ground(expected)) | (mask != _ground(expected)))
    wrong = known & (expected != mask)
    if int(drawn.sum()) < PIXELS:
        return None
    return 0.0 if int(wrong.sum()) < PIXELS else float(wrong.sum()) / float(drawn.sum())


def _ground(mask: Tensor) -> int:
    """The class of most pixels."""
    return int(mask.flatten().mode().values)


def _tells(mask: Tensor, expected: Sequence[tuple[Tensor, Tensor]]) -> bool:
    """Whether a mask that had stayed would look otherwise."""
    shares = [_differing(made, known, mask) for made, known in expected]
    return all(share is not None and share >= SHARE for share in shares)


def _of_boxes(before: Part, after: Part, seen: Motions, shape: tuple[int, int], now: tuple[int, int]) -> Outcome:
    there, here = as_boxes(before), as_boxes(after)
    if not len(there):
        return "unclear"
    overlaps, likely = [], []
    for kind in KINDS:
        corners, reached = _corners(there, kind, shape), _corners(here, kind, now)
        if not _proper(corners):
            continue
        found = [_overlap(_moved_boxes(corners, motion), reached) for motion in seen.possible]
        overlaps += found
        likely += found if _inside(corners) else []
    if before.digest == after.digest:  # whatever the four numbers mean, they should have changed
        return "stays" if likely and max(likely) < APART else "unclear"
    if overlaps and max(overlaps) >= SAME:
        return "follows"
    was, is_now = _corners(there, "corners", shape), _corners(here, "corners", now)
    backwards = _proper(was) != _proper(is_now) and (_inside(was) or _inside(is_now))
    return "strays" if backwards and max(overlaps, default=0.0) < APART else "unclear"


#: what the four numbers of a box may be: two corners, corner and size, centre and size
KINDS = ("corners", "size", "centre")


def _corners(boxes: Tensor, kind: str, shape: tuple[int, int]) -> Tensor:
    """(K, 4) of left, top, right, bottom in shares of the image."""
    a, b, c, d = boxes.unbind(1)
    if kind == "size":
        c, d = a + c, b + d
    elif kind == "centre":
        a, b, c, d = a - c / 2, b - d / 2, a + c / 2, b + d / 2
    made = torch.stack([a, b, c, d], 1)
    shares = bool(((boxes >= 0) & (boxes <= 1)).all())
    return made if shares else made / torch.tensor([shape[1], shape[0]] * 2)


def _proper(corners: Tensor) -> bool:
    """Whether every right edge lies right of its left one, and every lower edge below its upper one."""
    return bool((corners[:, 2:] > corners[:, :2]).all())


def _inside(corners: Tensor) -> bool:
    """Whether the boxes lie in the picture, so that the four numbers may mean this."""
    return _proper(corners) and bool((corners > -0.02).all()) and bool((corners < 1.02).all())


def _moved_boxes(corners: Tensor, motion: Motion) -> Tensor:
    """Where the boxes lie after the image's motion, all in shares."""
    x, y = corners[:, 0::2], corners[:, 1::2]
    for _ in range(motion.turn % 4):
        x, y = y, 1 - x  # a quarter to the left
    if motion.turn >= 4:
        x = 1 - x
    x, y = (x + motion.right).sort(1).values.clamp(0, 1), (y + motion.down).sort(1).values.clamp(0, 1)
    return torch.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], 1)


def _overlap(expected: Tensor, boxes: Tensor) -> float:
    """The mean over the expected boxes of the best overlap (intersection over union) that any box has with each."""
    size = (expected[:, 2:] - expected[:, :2]).clamp_min(0).prod(1)
    expected, size = expected[size > 1e-6], size[size > 1e-6]
    if not len(expected) or not len(boxes):
        return 1.0  # nothing is left of them in the picture
    low = torch.maximum(expected[:, None, :2], boxes[None, :, :2])
    high = torch.minimum(expected[:, None, 2:], boxes[None, :, 2:])
    shared = (high - low).clamp_min(0).prod(2)
    sizes = (boxes[:, 2:] - boxes[:, :2]).clamp_min(0).prod(1)
    return float((shared / (size[:, None] + sizes[None] - shared).clamp_min(1e-9)).amax(1).mean())
