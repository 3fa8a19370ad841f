"""What one example is made of: images, masks, boxes, labels, texts and numbers, each told from the others."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ...batches.structure import TARGET_KEYS, fields_of
from ...decoding import pixels

Kind = Literal["image", "mask", "boxes", "label", "text", "ids", "values", "other"]
#: pixels a side of what is an image without saying so
SIDE = 8
#: values that a mask has at most
FEW = 32
#: words in a name that say what is a target, a mask, boxes
_TARGETS = re.compile(r"target|label|mask|seg|box|annot|keypoint", re.IGNORECASE)
_MASKS, _BOXES = re.compile(r"mask|seg(?!ment_ids)", re.IGNORECASE), re.compile(r"b?box", re.IGNORECASE)
_TOKENS = re.compile(r"attention|token_type|position|segment_id|special_token", re.IGNORECASE)


@dataclass(frozen=True)
class Part:
    """One value of an example."""

    #: "image", "target", "target.boxes"
    name: str
    target: bool
    kind: Kind
    #: a tensor of its own on the CPU, or a text
    value: Tensor | str
    #: equal for equal values alone
    digest: bytes = b""


def parts_of(example: Any) -> Iterator[Part]:
    """Every part of an example: of a pair the last is the target, of more the first is the input."""
    found = [Part(name, target, "other", _plain(value)) for name, target, value in _named(example, "", False)]
    shape = next((p.value.shape for p in found if isinstance(p.value, Tensor) and not p.target), None)
    found = [_as_view(part, shape) for part in found]
    image = next((_pixels(part) for part in found if not part.target and _is_image(part)), None)
    for part in found:
        yield replace(part, kind=_kind(part, image), digest=_digest(part.value))


def _named(value: Any, name: str, target: bool) -> Iterator[tuple[str, bool, Any]]:
    fields = fields_of(value)
    if fields is None and hasattr(value, "_asdict"):
        fields = value._asdict()
    if fields is not None:
        for key, inner in fields.items():
            aim = target or str(key) in TARGET_KEYS or bool(_TARGETS.search(str(key)) and not _TOKENS.search(str(key)))
            yield from _named(inner, f"{name}.{key}" if name else str(key), aim)
    elif isinstance(value, (tuple, list)) and value and not _is_row(value):
        for i, inner in enumerate(value):
            pair = len(value) == 2
            called = ("input", "target")[i] if pair else "input" if i == 0 else f"target {i}"
            yield from _named(inner, called if not name else f"{name}[{i}]", target or (not name and i > 0))
    else:
        yield name or "example", target, value


def _is_row(value: Any) -> bool:
    """A list of numbers or of rows of numbers is one value; a pair of an image and a number is not."""
    if isinstance(value, tuple):
        return False
    return all(isinstance(part, (int, float, bool)) or (isinstance(part, list) and _is_row(part)) for part in value)


def _plain(value: Any) -> Tensor | str:
    """The value in a tensor of its own on the CPU, or as text."""
    if isinstance(value, Tensor):
        dense = value if value.layout is torch.strided else value.to_dense()
        return dense.detach().cpu().clone().resolve_conj()
    if type(value).__module__.startswith("PIL."):
        return _of_pil(value)
    if isinstance(value, (str, bytes)):
        return value if isinstance(value, str) else value.decode("utf-8", "replace")
    try:
        array = np.array(value)
        if array.dtype.kind in "biufc":
            return torch.from_numpy(_native(array))
    except (ValueError, TypeError):  # rows of several lengths
        pass
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))  # an address says nothing of the value


def _native(array: np.ndarray) -> np.ndarray:
    """The same numbers in a type that torch computes with."""
    wider = {"u2": np.int32, "u4": np.int64}.get(array.dtype.str[1:])
    return array.astype(wider if wider is not None else array.dtype.newbyteorder("="), copy=False)


def _of_pil(image: Any) -> Tensor:
    """(C, H, W), or (H, W) for what has one value a pixel: a palette's numbers, grey, yes or no."""
    tensor = torch.from_numpy(_native(np.array(image)))
    return tensor.permute(2, 0, 1).contiguous() if tensor.ndim == 3 else tensor


def _as_view(part: Part, shape: Any) -> Part:
    """A second image of the same shape and type as the input is another view of it, as contrastive learning has it."""
    if not part.target or part.name == "target" or not isinstance(part.value, Tensor):
        return part
    view = part.value.ndim == 3 and part.value.shape == shape and part.value.is_floating_point()
    return replace(part, target=False) if view and re.fullmatch(r"target \d+", part.name) else part


def _kind(part: Part, image: Tensor | None) -> Kind:
    value = part.value
    if isinstance(value, str):
        return "text"
    if part.target:
        if _is_boxes(part, image):
            return "boxes"
        if image is not None and as_mask(part, image) is not None:
            return "mask"
    if value.numel() == 1:
        return "label" if part.target else "values"
    if _is_image(part):
        return "image"
    if not part.target and value.ndim == 1 and value.dtype in (torch.int64, torch.int32) and len(value) > 1:
        return "ids"
    return "label" if part.target and value.ndim <= 1 else "values"


def _is_image(part: Part) -> bool:
    value = part.value
    if isinstance(value, str) or value.is_complex() or value.ndim not in (2, 3) or min(value.shape) < 1:
        return False
    if value.ndim == 3:
        found = pixels.as_images(value[None])
        return found is not None and (found.shape[1] in pixels.COLOURS or min(value.shape[1:]) >= 2 * SIDE)
    if min(value.shape) < SIDE or max(value.shape) > pixels.LONG * min(value.shape) or value.dtype is torch.bool:
        return False
    return value.dtype is torch.uint8 or min(pixels.neighbours(value[None, None])) > pixels.ALIKE


def _pixels(part: Part) -> Tensor:
    """An image as (C, H, W)."""
    assert isinstance(part.value, Tensor)
    value = part.value[None] if part.value.ndim == 2 else part.value
    found = pixels.as_images(value[None])
    return value if found is None else found[0]


def as_image(part: Part) -> Tensor | None:
    """The part as (C, H, W), where it is an image."""
    return _pixels(part) if part.kind == "image" else None


def as_mask(part: Part, image: Tensor) -> Tensor | None:
    """A class for each pixel of the image, (H, W) of whole numbers; None where the part is something else.

    What has the type and the values of the image itself is another image, not a mask of it.
    """
    value = part.value
    if isinstance(value, str) or value.ndim not in (2, 3) or tuple(value.shape[-2:]) != tuple(image.shape[-2:]):
        return None
    named = bool(_MASKS.search(part.name)) or type(value).__name__ == "Mask"
    if not named and value.dtype == image.dtype and _few(image).numel() <= FEW:
        return None
    few = _few(value)
    if few.numel() > FEW or (value.is_floating_point() and not bool((few == few.round()).all())):
        return None
    if value.ndim == 2:
        return value.long()
    if len(value) == 1:
        return value[0].long()
    if not bool(((few == 0) | (few == 1)).all()):
        return None
    chosen, filled = value.float().argmax(0), value.double().sum(0)
    return chosen if bool((filled == 1).all()) else torch.where(filled > 0, chosen + 1, 0)


def _few(values: Tensor) -> Tensor:
    different: Tensor = torch.unique(values)
    return different


def _is_boxes(part: Part, image: Tensor | None) -> bool:
    value = part.value
    if isinstance(value, str) or value.is_complex() or value.shape[-1:] != (4,) or value.ndim > 2:
        return False
    if _BOXES.search(part.name) or type(value).__name__ == "BoundingBoxes":
        return True
    if image is None or value.ndim != 2 or not value.numel():
        return False
    left, top, right, bottom = value.double().unbind(1)
    height, width = image.shape[-2:]
    inside = bool((value >= 0).all()) and bool((right <= width).all()) and bool((bottom <= height).all())
    return inside and bool((right > left).all()) and bool((bottom > top).all())


def as_boxes(part: Part) -> Tensor:
    """(K, 4) of float64."""
    assert isinstance(part.value, Tensor)
    return part.value.double().reshape(-1, 4)


def says_which(part: Part) -> bool:
    """Whether a part only says which tokens count, and where they stand."""
    return bool(_TOKENS.search(part.name))


def _digest(value: Tensor | str) -> bytes:
    if isinstance(value, str):
        return hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    raw = value.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if value.numel() else b""
    head = f"{value.dtype}{tuple(value.shape)}".encode()
    return hashlib.blake2b(head + raw, digest_size=16).digest()
