"""Draws of one example as they can be seen: images with masks and boxes, texts, sequences, tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...decoding import pixels, plotted
from ...decoding.marked import classes_of
from ...decoding.normalisation import Scale
from ...decoding.spelled import TOKENS, Speller
from ...finding import number
from ...pictures.augment import Example
from ...pictures.batch import Images, Texts, Token, View
from .draws import Draws, stacked
from .following import Pair, between, image_of, pairs
from .parts import Part, as_image, as_mask, says_which
from .varying import variations

#: views of one example, letters of a label, values of a label
_VIEWS, _LETTERS, _VALUES = 4, 60, 4
#: words of a text, and ends of lines
_WORDS = re.compile(r"\S+|\n+")


@dataclass(frozen=True)
class Reading:
    """What is known for showing examples."""

    scale: Scale | None
    names: Mapping[int, str]
    speller: Speller


def shown(example: Draws, reading: Reading) -> Example:
    """All draws of one example, with what is said of each beneath."""
    captions = _captions(example, reading)
    found: list[View] = []
    rows: list[tuple[str, Tensor]] = []
    for place, part in enumerate(example.drawn[0]):
        if (part.target and part.kind != "image") or says_which(part):
            continue
        column = example.column(place)
        view = _view(column, example, reading)
        if view is not None:
            found.append(view)
            continue
        values = stacked(column)
        if values is not None and values.ndim <= 2:
            rows.append((part.name, values[:, None] if values.ndim == 1 else values))
    if rows:
        found.append(plotted.table(rows, len(example.drawn), ()))
    views = tuple(_labelled(view, captions if i == 0 else ()) for i, view in enumerate(found[:_VIEWS]))
    return Example(example.name, len(example.drawn), example.distinct, views, tuple(variations(example)))


def _labelled(view: View, captions: tuple[str, ...]) -> View:
    return replace(view, captions=captions[: plotted.shown(view)] if any(captions) else ())


def _view(column: Sequence[Part], example: Draws, reading: Reading) -> View | None:
    first = column[0]
    if first.kind == "image":
        return _images(column, example, reading)
    if isinstance(first.value, str):
        rows = tuple(_cut(str(part.value)) for part in column)
        return Texts(first.name, rows, "", len(column))
    if first.kind == "ids" and all(isinstance(part.value, Tensor) for part in column):
        known = "" if reading.speller.known else "ids as they are: no tokenizer was found, `--tokenizer` gives it"
        rows = tuple(reading.speller.rows(part.value[None])[0] for part in column if isinstance(part.value, Tensor))
        return Texts(first.name, rows, known, len(column))
    values = stacked(column)
    if values is None or values.is_complex():
        return None
    video = pixels.as_images(values) if values.ndim == 5 else None
    if video is not None:
        drawn, told = pixels.drawn(video, len(video), reading.scale)
        return Images(first.name, tuple(drawn), told, len(column))
    return plotted.series(first.name, values, len(column))


def _images(column: Sequence[Part], example: Draws, reading: Reading) -> View | None:
    images = [as_image(part) for part in column]
    if any(image is None or image.shape[0] != images[0].shape[0] for image in images if images[0] is not None):
        return None
    whole = [image for image in images if image is not None]
    drawn, told = pixels.drawn(whole, len(whole), reading.scale)
    view = Images(column[0].name, tuple(drawn), told, len(whole))
    if column[0].target:
        return view
    masks = _masks(example, whole)
    classes = classes_of(masks, reading.names)
    return replace(view, masks=tuple(masks), classes=classes, boxes=_boxes(example, whole, reading.names))


def _masks(example: Draws, images: Sequence[Tensor]) -> list[np.ndarray]:
    """The first mask of each draw, with as many pixels as the image is drawn with."""
    place = next((i for i, part in enumerate(example.drawn[0]) if part.kind == "mask"), None)
    found = []
    for part, image in zip(example.column(place) if place is not None else (), images, strict=False):
        mask = as_mask(part, image)
        if mask is None:
            return []
        down, across = pixels.strides(mask.shape)
        height, width = mask.shape[0] // down * down, mask.shape[1] // across * across
        found.append(mask.numpy()[:height:down, :width:across])
    return found


def _boxes(example: Draws, images: Sequence[Tensor], names: Mapping[int, str]) -> Any:
    """The first boxes of each draw, with the labels that stand beside them."""
    place = next((i for i, part in enumerate(example.drawn[0]) if part.kind == "boxes"), None)
    if place is None:
        return ()
    at = next((i for i, part in enumerate(example.drawn[0]) if part.kind == "label" and "label" in part.name), None)
    items: list[dict[str, Any]] = []
    for draw in example.drawn:
        values = draw[place].value if len(draw) > place else None
        if not isinstance(values, Tensor):
            return ()
        corners = values.double().reshape(-1, 4)
        item: dict[str, Any] = {"boxes": _as_corners(corners)}
        labels = draw[at].value if at is not None and len(draw) > at else None
        if isinstance(labels, Tensor) and labels.numel() == len(corners) and not labels.is_floating_point():
            item["labels"] = labels.reshape(-1)
        items.append(item)
    sides = [(int(image.shape[-2]), int(image.shape[-1])) for image in images]
    return tuple(pixels.boxes(items, sides, names) or ())


def _as_corners(boxes: Tensor) -> Tensor:
    """Two corners, which is what most mean; where they cannot be corners, a corner and a size."""
    if len(boxes) and not bool((boxes[:, 2:] > boxes[:, :2]).all()) and bool((boxes >= 0).all()):
        return torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)
    return boxes


def _captions(example: Draws, reading: Reading) -> tuple[str, ...]:
    """What is said of each draw: its number, its label, and how its image lies in the first."""
    labels = [_label(draw, reading) for draw in example.drawn]
    moves = _moves(example)
    return tuple(
        " · ".join(filter(None, (f"#{k}", label, move)))
        for k, (label, move) in enumerate(zip(labels, moves, strict=True))
    )


def _label(draw: Sequence[Part], reading: Reading) -> str:
    told = []
    for part in draw:
        if not part.target or part.kind not in ("label", "text"):
            continue
        name = part.name.rpartition(".")[2]
        value = _worded(part, reading)
        told.append(value if name in ("target", "label", "labels", "y") else f"{name} {value}")
    return ", ".join(told)


def _worded(part: Part, reading: Reading) -> str:
    value = part.value
    if isinstance(value, str):
        told = _readable(value)
        return told if len(told) <= _LETTERS else told[: _LETTERS - 1] + "…"
    whole = not value.is_floating_point() and not value.is_complex()
    if value.numel() == 1:
        only = value.reshape(-1)[0].item()
        return reading.names.get(int(only), str(int(only))) if whole else number(float(only.real), 3)
    if not whole and value.ndim == 1 and bool((value >= 0).all()) and abs(float(value.sum()) - 1) < 1e-3:
        top = value.topk(min(2, len(value)))
        pairs = zip(top.values.tolist(), top.indices.tolist(), strict=True)
        return ", ".join(f"{reading.names.get(k, str(k))} {p:.2f}" for p, k in pairs if p > 0.005)
    few = value.reshape(-1)[:_VALUES].tolist()
    told = ", ".join(reading.names.get(int(v), str(int(v))) if whole else number(float(v.real), 3) for v in few)
    return told + (", …" if value.numel() > _VALUES else "")


def _moves(example: Draws) -> Iterator[str]:
    """How the image of each draw lies in that of the first, and whether its target went with it.

    "" where the image does not move, or where nobody can say.
    """
    went = {pair.second: pair for pair in pairs(example, references=1)}
    for k in range(len(example.drawn)):
        seen, image = between(example, 0, k) if k else None, image_of(example, k)
        told = ""
        if seen is not None and image is not None and seen.moved and seen.best is not None:
            told = seen.best.told(image.shape[-2:])
        yield ", ".join(filter(None, (told, _went(went.get(k)) if told else "")))


def _went(pair: Pair | None) -> str:
    """What the target did while the image moved."""
    if pair is None or pair.outcome not in ("follows", "stays", "strays"):
        return ""
    what = "its mask" if pair.kind == "mask" else "its boxes"
    return {"follows": f"and {what} too", "stays": f"{what} not", "strays": f"{what} otherwise"}[pair.outcome]


def _readable(text: str) -> str:
    """Text that can be written down: half a surrogate pair cannot."""
    return text.encode("utf-8", "replace").decode()


def _cut(text: str) -> tuple[Token, ...]:
    """The first words of a text."""
    words = _WORDS.findall(_readable(text))
    left = len(words) - TOKENS
    return (*(Token(word) for word in words[:TOKENS]), *([Token(f"… {left} more", "more")] if left > 0 else []))
