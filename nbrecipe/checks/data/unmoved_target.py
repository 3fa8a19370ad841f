"""Masks and boxes move with their image.

An augmentation that mirrors, turns or shifts an image has to do the same to what is drawn on it. Where each of them
draws its own random number, or where the target is forgotten, a share of the training set is labelled wrongly: nothing
fails, the loss stays high for no visible reason, and symmetric errors appear. The argument is exact. Two draws of one
example are compared; the image of the one is that of the other mirrored, turned or shifted, by a correlation of at
least 0.9 that no other motion and standing still come near to, while the target is bit for bit what it was and would
look otherwise, had it moved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped
from ...probes.augment.draws import Drawing, drawing
from ...probes.augment.following import Outcome, Pair, pairs
from ...probes.augment.motion import MIRROR, WORDS

check = Check(__name__, tip="data augment")

#: pairs of draws that make a fault; one or two may be something that was put on top of an image, and are a hint
CERTAIN = 3


@check.run
def run(train_data: Any, bench: Bench) -> Finding:
    seen = bench.once(drawing)
    targets = {part.name for e in seen.examples for part in e.drawn[0] if part.kind in ("mask", "boxes")}
    if not targets:
        return skipped(f"no mask and no boxes stand beside an image in `{seen.name}`")
    fixed = _the_same_everywhere(seen)
    if fixed == targets:
        return ok(f"what is drawn on the images of `{seen.name}` is the same for every example, and need not move")
    found = [(e.name, pair) for e in seen.examples for pair in pairs(e) if pair.target not in fixed]
    counts = Counter(pair.outcome for _, pair in found)
    wrong = [item for item in found if item[1].outcome in ("stays", "strays")]
    if wrong:
        return _told(wrong, counts, len(found))
    if counts["follows"]:
        what = " and ".join(sorted({_plural(pair) for _, pair in found if pair.outcome == "follows"}))
        return ok(
            f"{what} moved with the image in all **{counts['follows']}** pairs of draws in which it is seen to move",
            pairs=len(found), follows=counts["follows"],
        )  # fmt: skip
    if counts["unclear"] and counts["unmoved"]:
        told = f"in the **{counts['unmoved']}** of {len(found)} pairs of draws of `{seen.name}` of which it can be told"
        return ok(f"{told}, the image keeps its place", pairs=len(found), unmoved=counts["unmoved"])
    if counts["unclear"]:
        return skipped("how the images move from draw to draw cannot be told, or their targets would look the same")
    if not seen.varies:
        return ok(f"nothing moves: the {seen.count} draws of `{seen.name}` do not vary", pairs=0)
    return ok(f"the images of `{seen.name}` keep their place in all {seen.count} draws", pairs=len(found))


def _the_same_everywhere(seen: Drawing) -> set[str]:
    """Targets that are equal for all examples: a field of view, say, which is drawn on no image."""
    if len(seen.examples) < 2:
        return set()
    names = [part.name for part in seen.examples[0].drawn[0] if part.kind in ("mask", "boxes")]
    return {
        name
        for name in names
        if len({part.digest for e in seen.examples for part in e.drawn[0] if part.name == name}) == 1
    }


def _told(wrong: list[tuple[str, Pair]], counts: Counter[Outcome], total: int) -> Finding:
    """The clearest pair stands for the others."""
    certain = [item for item in wrong if item[1].outcome == "stays" or item[1].kind == "mask"] or wrong
    first = [item for item in certain if item[0] == certain[0][0]]
    example, pair = max(first, key=lambda item: item[1].motion.correlation - item[1].unmoved if item[1].motion else 0)
    assert pair.motion is not None
    how = pair.motion.told(pair.shape) or WORDS[pair.motion.turn]
    what = _plural(pair)
    where = {"stays": f"its {what} stayed bit for bit where they were", "strays": f"its {what} moved in another way"}
    seldom = f"; in {counts['follows']} of {total} pairs of draws they did move with it" if counts["follows"] else ""
    sure = (pair.outcome == "stays" or pair.kind == "mask") and len(certain) >= CERTAIN
    alike = f"correlation **{number(pair.motion.correlation, 3)}**, {number(pair.unmoved, 3)} without"
    return (bad if sure else hint)(
        f"in draw {pair.second} the image of `{example}` is that of draw {pair.first} {how} ({alike}), "
        f"but {where[pair.outcome]}{seldom}",
        fix=f"Draw the random number once, and do to the {what} what is done to the image.",
        code=_code(pair),
        why=f"{len(wrong)} of {total} pairs of draws show it",
        pairs=total,
        wrong=len(wrong),
        follows=counts["follows"],
        correlation=pair.motion.correlation,
        unmoved=pair.unmoved,
        motion=how,
    )


def _plural(pair: Pair) -> str:
    return "masks" if pair.kind == "mask" else "boxes"


def _code(pair: Pair) -> str:
    if pair.motion is None or pair.motion.turn != MIRROR:
        return "numbers = draw()  # once\nimage, target = move(image, numbers), move(target, numbers)"
    if pair.kind == "boxes":
        return (
            "if torch.rand(()) < 0.5:\n    image = image.flip(-1)\n"
            "    boxes[:, [0, 2]] = image.shape[-1] - boxes[:, [2, 0]]"
        )
    return "if torch.rand(()) < 0.5:\n    image, mask = image.flip(-1), mask.flip(-1)"


class _Segmented(Dataset[Any]):
    """Blobs with a mask of their bright half and a box round each of two corners, changed when they are read."""

    def __init__(self, change: Callable[[Tensor, Tensor, Tensor], Any]) -> None:
        noise = torch.rand(12, 1, 30, 30, generator=toys.seeded())
        self.images = torch.nn.functional.avg_pool2d(noise, 7, stride=1) * 2
        self.masks = (self.images[:, 0] > self.images.mean()).long()
        self.boxes = (
            torch.tensor([[2.0, 3.0, 9.0, 12.0], [11.0, 14.0, 18.0, 22.0]]) + torch.arange(12)[:, None, None] % 3
        )
        self.change = change

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Any:
        return self.change(self.images[index], self.masks[index], self.boxes[index])


def _mirrored_boxes(boxes: Tensor, width: int) -> Tensor:
    return torch.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], 1)


def _heads() -> bool:
    return bool(torch.rand(()) < 0.5)


def _bench(change: Callable[[Tensor, Tensor, Tensor], Any]) -> Bench:
    return Bench(train_data=_Segmented(change))


@check.breaks
def mask_forgotten() -> Bench:
    """The image is mirrored in half of the draws, its mask never."""
    return _bench(lambda image, mask, _: (image.flip(-1) if _heads() else image, mask))


@check.breaks
def boxes_forgotten() -> Bench:
    """The image is mirrored, its boxes stay."""
    return _bench(
        lambda image, _, boxes: (image.flip(-1) if _heads() else image, {"boxes": boxes, "labels": boxes[:, 0]})
    )


@check.breaks
def two_draws() -> Bench:
    """Image and mask are each mirrored by a random number of their own."""
    return _bench(lambda image, mask, _: (image.flip(-1) if _heads() else image, mask.flip(-1) if _heads() else mask))


@check.holds
def both_mirrored() -> Bench:
    """Image and mask are mirrored together, and the image is made lighter or darker."""

    def change(image: Tensor, mask: Tensor, boxes: Tensor) -> Any:
        image = image * (0.8 + 0.4 * torch.rand(()))
        return (image.flip(-1), mask.flip(-1)) if _heads() else (image, mask)

    return _bench(change)


@check.holds
def boxes_mirrored() -> Bench:
    """Image and boxes are mirrored together."""

    def change(image: Tensor, mask: Tensor, boxes: Tensor) -> Any:
        if _heads():
            return image.flip(-1), {"boxes": _mirrored_boxes(boxes, image.shape[-1])}
        return image, {"boxes": boxes}

    return _bench(change)


@check.holds
def field_of_view() -> Bench:
    """The mask says where the camera sees anything: it is the same for every example, and belongs to no image."""
    view = torch.zeros(24, 24, dtype=torch.long)
    view[3:20, 2:17] = 1
    return _bench(lambda image, mask, _: (image.flip(-1) if _heads() else image, view))


@check.holds
def colours_alone() -> Bench:
    """Noise and light change, the place does not."""
    return _bench(lambda image, mask, _: (image * (0.8 + 0.4 * torch.rand(())) + 0.01 * torch.rand(()), mask))
