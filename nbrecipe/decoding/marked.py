"""What lies on images: the mask and the boxes of each example, wherever in the example they stand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..batches.structure import fields_of
from ..pictures.batch import Box
from . import pixels

#: names of columns that hold boxes, masks, and the classes of boxes that stand beside them
_BOXES = re.compile(r"(?i)(b|bounding_?)?box(es)?|bboxes|objects")
_MASKS = re.compile(r"(?i)(seg\w*_)?masks?|segmentation|seg(ment)?_?maps?")
_CLASSES = ("labels", "label", "category", "categories", "category_id", "class", "classes", "class_ids")
#: corner and size, as COCO has it under this name; two corners under any other
_SIZED = "bbox"
Example = Mapping[str, Any]


@dataclass(frozen=True)
class Marks:
    """The columns that are drawn on the image of their row; None where there is none."""

    mask: str | None = None
    boxes: str | None = None
    #: the classes of the boxes, where they stand in a column of their own
    classes: str | None = None

    @classmethod
    def among(cls, kinds: Mapping[str, str], label: str | None) -> Marks:
        """The label where it is a mask or boxes, else columns that are called so."""
        of_label = kinds.get(label or "")
        mask = label if of_label == "mask" else next((name for name in kinds if _MASKS.fullmatch(name)), None)
        boxes = label if of_label == "boxes" else next((name for name in kinds if _BOXES.fullmatch(name)), None)
        beside = next((name for name in _CLASSES if name in kinds and name != boxes), None)
        return cls(mask, boxes, beside)

    def masked(self, example: Example, image: Tensor) -> np.ndarray | None:
        """A class for each pixel that is drawn of this image (C, H, W)."""
        value = example.get(self.mask or "")
        if not isinstance(value, np.ndarray) or image.ndim != 3 or value.dtype.kind not in "biuf":
            return None
        given = torch.as_tensor(np.require(value[None], requirements="W"))
        found = pixels.masks(given, 1, (image.shape[-2], image.shape[-1]))
        return found[0] if found else None

    def boxed(self, example: Example, image: Tensor, names: Mapping[int, str]) -> tuple[Box, ...]:
        """The boxes on this image, with their classes in words."""
        value = example.get(self.boxes or "")
        if value is None or image.ndim != 3:
            return ()
        side = (int(image.shape[-2]), int(image.shape[-1]))
        item = _corners(value, example.get(self.classes or ""), side)
        try:
            found = None if item is None else pixels.boxes([item], [side], names)
        except (ValueError, TypeError, RuntimeError):  # classes of several kinds
            return ()
        return found[0] if found else ()


def _corners(value: Any, classes: Any, side: tuple[int, int]) -> dict[str, Any] | None:
    """Boxes by two corners, and their classes; None for what are no boxes."""
    fields = fields_of(value)
    name = "" if fields is None else next((key for key in fields if _BOXES.fullmatch(str(key))), None)
    if name is None:
        return None
    if fields is not None:
        value, classes = fields[name], next((fields[key] for key in _CLASSES if key in fields), classes)
    try:
        boxes = torch.as_tensor(np.asarray(value, np.float64))
    except (ValueError, TypeError):
        return None
    if boxes.ndim == 1 and len(boxes) == 4:
        boxes = boxes[None]
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        return None
    item: dict[str, Any] = {"boxes": _by_corners(boxes, side, name == _SIZED)}
    return item | ({"labels": classes} if _counts(classes) == len(boxes) else {})


def _by_corners(boxes: Tensor, side: tuple[int, int], sized: bool) -> Tensor:
    """Two corners, which is what most mean; a corner and a size where the name says so, or nothing else can be."""
    far = torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)
    corners = bool((boxes[:, 2:] > boxes[:, :2]).all())
    height, width = side
    inside = bool((far[:, 2] <= width).all()) and bool((far[:, 3] <= height).all())
    if len(boxes) and bool((boxes >= 0).all()) and (not corners or (sized and inside)):
        return far
    return boxes


def _counts(classes: Any) -> int:
    """How many whole numbers; -1 for what are none."""
    try:
        values = np.asarray(classes)
    except ValueError:
        return -1
    return len(values) if values.ndim == 1 and values.dtype.kind in "biu" else -1


def classes_of(masks: Sequence[np.ndarray], names: Mapping[int, str]) -> dict[int, str]:
    """What the numbers in masks stand for; one alone, without a name, is the mask."""
    there = sorted({int(k) for mask in masks for k in np.unique(mask)} - {-1, 0, 255})
    return {k: names.get(k, f"class {k}" if len(there) > 1 else "mask") for k in there}
