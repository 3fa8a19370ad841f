"""Rows of a data set as they look: images, texts, sequences or a table, each with its label in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..pictures.batch import Images, Table, Texts, Token, View
from . import pixels, plotted
from .marked import Marks, classes_of
from .normalisation import Scale
from .spelled import Speller
from .worded import captions

#: letters of a text that are shown
LETTERS = 280
#: letters of a text on average up to which it is a word or two
SHORT = 40
#: what stands for a text that is not there
MISSING = "missing"
#: views of the same rows
VIEWS = 3
Columns = Mapping[str, Any]


def views(
    columns: Columns,
    kinds: Mapping[str, str],
    label: str | None = None,
    *,
    names: Mapping[int, str] | None = None,
    scale: Scale | None = None,
    speller: Speller | None = None,
    told: str = "",
    total: int = 0,
    notes: Sequence[str] = (),
) -> tuple[View, ...]:
    """A view of each input that has one, small numbers together in one table.

    `columns` are arrays with a first axis of rows, or lists; `kinds` says what each holds ("image", "text", "tokens",
    "sequence", "table", "number"). `told` stands beside the first, `total` is the number of rows that they are taken
    from; `notes`, one for each row, are added to the labels.
    """
    inputs = {name: values for name, values in columns.items() if name != label}
    count = len(next(iter(columns.values()), ()))
    words_of = {name: [_word(value) for value in inputs[name]] for name in words_among(inputs, kinds)}
    rest = {name: values for name, values in inputs.items() if name not in words_of}
    found = [view for name, values in rest.items() for view in _of(name, values, kinds.get(name, ""), scale, speller)]
    found = _marked(found, columns, Marks.among(kinds, label), names or {})
    numbers = {name: tensor for name in rest if (tensor := _numbers(rest[name], kinds.get(name))) is not None}
    pieces = [(name, piece) for name in inputs if (piece := words_of.get(name, numbers.get(name))) is not None]
    if pieces and count:
        found.append(plotted.table(pieces, count, ()))
    words = _labels(columns.get(label or ""), count, names or {}, notes)
    return tuple(
        replace(
            view,
            total=max(total, count),
            told="; ".join(filter(None, [told if not i else "", view.told])),
            captions=_beside(view, words) if not i or isinstance(view, Table) else view.captions,
        )
        for i, view in enumerate(found[:VIEWS])
    )


def words_among(inputs: Columns, kinds: Mapping[str, str]) -> tuple[str, ...]:
    """The columns of short texts that stand beside numbers or each other: cells of a table, and nothing to read."""
    texts = [name for name in inputs if kinds.get(name) == "text"]
    beside = len(texts) + sum(kinds.get(name) in ("table", "number", "flags") for name in inputs)
    return tuple(name for name in texts if beside > 1 and _letters(inputs[name]) <= SHORT)


def _letters(values: Any) -> float:
    """Letters of a text, on average."""
    lengths = [len(value) for value in values if isinstance(value, str)]
    return sum(lengths) / max(len(lengths), 1)


def _numbers(values: Any, kind: str | None) -> Tensor | None:
    """(rows, ...) numbers that stand in a table."""
    tensor = tensor_of(values) if kind in ("table", "number") else None
    return tensor if tensor is not None and tensor.ndim else None


def _of(name: str, values: Any, kind: str, scale: Scale | None, speller: Speller | None) -> Iterator[View]:
    if kind == "image":
        images = images_of(values)
        if images is not None:
            shown, told = pixels.drawn(images, len(images), scale)
            yield Images(name, tuple(shown), told, len(shown))
    elif kind == "text":
        rows = tuple((Token(_word(text), "text"),) for text in values)
        yield Texts(name, rows, "", len(rows))
    elif kind == "tokens" and speller is not None:
        ids = [torch.as_tensor(np.require(row, requirements="W")).reshape(1, -1) for row in values]
        yield Texts(name, tuple(speller.rows(row)[0] for row in ids), "", len(ids))
    elif kind == "sequence":
        tensor = tensor_of(values)
        series = None if tensor is None else plotted.series(name, tensor.float(), len(tensor))
        if series is not None:
            yield series


def _marked(found: Sequence[View], columns: Columns, marks: Marks, names: Mapping[int, str]) -> list[View]:
    """The same views; on the images of the first lie their masks and boxes, which are drawn there and not beside it."""
    made, rest = list(found), [view for view in found if view.name != marks.mask]
    first = next((view for view in rest if isinstance(view, Images)), None)
    images = None if first is None else images_of(columns[first.name])
    if first is None or images is None:
        return made
    masks, boxes = [], []
    for i, image in enumerate(images):
        example = {
            name: columns[name][i] for name in (marks.mask, marks.boxes, marks.classes) if name and name in columns
        }
        masks.append(marks.masked(example, image))
        boxes.append(marks.boxed(example, image, names))
    drawn = tuple(mask for mask in masks if mask is not None)
    if len(drawn) == len(masks) and drawn:
        made, first = rest, replace(first, masks=drawn, classes=classes_of(drawn, names))
    lying = replace(first, boxes=tuple(boxes)) if any(boxes) else first
    return [lying if view.name == first.name else view for view in made]


def images_of(values: Any) -> Tensor | list[Tensor] | None:
    """(N, C, H, W), or a list of (C, H, W)."""
    if isinstance(values, np.ndarray):
        whole = torch.as_tensor(np.require(values, requirements="W"))
        if whole.ndim == 2:
            side = round(whole.shape[1] ** 0.5)
            whole = whole.reshape(-1, side, side)
        return pixels.as_images(whole[:, None] if whole.ndim == 3 else whole)
    given = [torch.as_tensor(np.require(value, requirements="W")) for value in values]
    found = [pixels.as_images(one[None, None] if one.ndim == 2 else one[None]) for one in given]
    images = [one[0] for one in found if one is not None]
    if len(images) < len(found):
        return None
    most = max((image.shape[0] for image in images), default=1)  # grey among colours is as many times the same
    return [image.expand(most, -1, -1) if image.shape[0] == 1 else image for image in images]


def tensor_of(values: Any) -> Tensor | None:
    """An array of numbers, or a list of arrays of one shape."""
    try:
        whole = np.stack([np.asarray(v) for v in values]) if isinstance(values, list) else values
        return torch.as_tensor(np.require(whole, requirements="W")) if whole.dtype.kind in "biufc" else None
    except ValueError:
        return None


def _labels(values: Any, count: int, names: Mapping[int, str], notes: Sequence[str]) -> tuple[str, ...]:
    if values is None:
        words: tuple[str, ...] = ("",) * count
    else:
        tensor = tensor_of(values)
        words = captions(tensor if tensor is not None else list(values), count, names, count) or ("",) * count
    return tuple(" · ".join(filter(None, pair)) for pair in zip(words, notes or ("",) * count, strict=True))


def _beside(view: View, words: tuple[str, ...]) -> tuple[str, ...]:
    """As many as the view shows; beside the rows of a table there is room for the first words alone."""
    brief = tuple(word.partition(":")[0] for word in words) if isinstance(view, Table) else words
    return brief[: plotted.shown(view)]


def _word(value: Any) -> str:
    return MISSING if value is None else _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= LETTERS else f"{text[:LETTERS]}…"
