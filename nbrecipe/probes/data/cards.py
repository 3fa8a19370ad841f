"""Makes cards of examples: each by itself, all of them with the same colours."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...decoding import pixels, plotted
from ...decoding.examples import images_of, tensor_of, words_among
from ...decoding.marked import Marks
from ...decoding.normalisation import Scale
from ...decoding.spelled import Speller
from ...decoding.worded import captions
from ...finding import number
from ...pictures.batch import Box
from ...pictures.browse import Card
from ...pictures.dates import moment_of

#: letters, numbers and pixels a side of a card among others, and of an example by itself
LETTERS, CELLS, SIDE = 240, 6, 160
WHOLE_LETTERS, WHOLE_CELLS, WHOLE_SIDE, WHOLE_TOKENS = 20_000, 240, 512, 4096
#: tokens that are spelled at once
_AT_ONCE = 64
_MARKS = str.maketrans({"Ġ": " ", "▁": " ", "Ċ": "\n"})
Example = Mapping[str, Any]


class Cards:
    """What is known of a data set that its single examples do not tell: kinds, names, colours."""

    def __init__(
        self,
        kinds: Mapping[str, str],
        label: str | None,
        *,
        names: Mapping[int, str] | None = None,
        scale: Scale | None = None,
        speller: Speller | None = None,
        like: Sequence[Example] = (),
        dates: Collection[str] = (),
    ) -> None:
        """`kinds` as for `examples.views`, `dates` columns of years; `like` are examples that colour pixels."""
        self._dates = dates
        self._kinds = {name: kind for name, kind in kinds.items() if name != label}
        self._label, self._names, self._speller = label, names or {}, speller
        self._answer = kinds.get(label or "", "")
        self._marks = Marks.among(kinds, label)
        #: the column that is shown, "" where small numbers are
        for name, kind in self._kinds.items():
            if kind == "table" and _flows(name, like):
                self._kinds[name] = "sequence"
            elif kind == "other" and any(_pictured(one.get(name)) is not None for one in like[:1]):
                self._kinds[name] = "image"  # a video, or a volume, in slices
        inputs = {name: [one[name] for one in like if name in one] for name in self._kinds}
        self._words = words_among(inputs, self._kinds)
        self.shown, self.kind = self._chosen()
        #: how values became colours
        self.told = ""
        self._colours: Callable[[Any], Any] | None = None
        if self.kind == "image":
            images = [image for one in like if (image := self._image(one)) is not None]
            if images:
                self._colours, self.told = pixels.colouring(images, scale)

    def _chosen(self) -> tuple[str, str]:
        for wanted in ("image", "text", "tokens", "sequence"):
            for name, kind in self._kinds.items():
                if kind == wanted and name not in self._words and name != self._marks.mask:
                    return name, kind
        return "", "cells"

    def card(self, row: int, example: Example, *, whole: bool = False) -> Card:
        """One example; `whole` as it is shown by itself."""
        value = example.get(self.shown)
        text, line, drawn, mask = "", None, None, None
        if self.kind == "image":
            drawn, mask = self._drawn(example, whole)
        elif self.kind == "text":
            text = _cut(str(value), whole) if value is not None else "missing"
        elif self.kind == "tokens":
            text = _cut(self._spelled(value, whole), whole)
        elif self.kind == "sequence":
            line = _line(value)
        cells = tuple(self._cells(example, WHOLE_CELLS if whole else CELLS)) if whole or self.kind == "cells" else ()
        if drawn is None and line is None and not (text or cells):
            text = self._shapes(example)
        boxes = self._boxed(example) if drawn is not None else ()
        return Card(row, self._worded(example, whole), drawn, mask, boxes, text, line, cells)

    def _boxed(self, example: Example) -> tuple[Box, ...]:
        image = self._image(example)
        return () if image is None else self._marks.boxed(example, image, self._names)

    def _shapes(self, example: Example) -> str:
        """What there is to an example that cannot be drawn."""
        told = (
            f"{name}: {' × '.join(map(str, value.shape))} of {value.dtype}"
            if isinstance(value, np.ndarray)
            else f"{name}: {type(value).__name__}"
            for name, value in example.items()
            if name != self._label and not isinstance(value, str)
        )
        return "; ".join(told)

    def _worded(self, example: Example, whole: bool) -> str:
        if self._label is None or self._label not in example:
            return ""
        value = example[self._label]
        if value is None or (isinstance(value, (float, np.floating)) and value != value):
            return "no label"
        if self._answer == "tokens" and self._speller is not None and self._speller.known:
            return _cut(self._spelled(value, whole), whole)
        one = tensor_of(np.asarray(value)[None]) if not isinstance(value, (str, dict, list)) else None
        words = captions(one if one is not None else [value], 1, self._names, 1)
        return words[0] if words else ""

    def _image(self, example: Example) -> Tensor | None:
        return _pictured(example.get(self.shown))

    def _drawn(self, example: Example, whole: bool) -> tuple[np.ndarray | None, np.ndarray | None]:
        image = self._image(example)
        if image is None:
            return None, None
        colours = self._colours if self._colours is not None else pixels.colouring([image], None)[0]
        mask = self._marks.masked(example, image)
        side = WHOLE_SIDE if whole and mask is None else SIDE
        return pixels.painted(image, colours, side), mask

    def _spelled(self, value: Any, whole: bool) -> str:
        ids = np.asarray(value).reshape(-1)[: WHOLE_TOKENS if whole else _AT_ONCE].astype(np.int64)
        if self._speller is None or not self._speller.known:
            return " ".join(map(str, ids.tolist()))
        words: list[str] = []
        for low in range(0, len(ids), _AT_ONCE):
            (tokens,) = self._speller.rows(torch.as_tensor(ids[low : low + _AT_ONCE]).reshape(1, -1))
            words += [token.text + (f" ×{token.count} " if token.count > 1 else "") for token in tokens]
        close = any(mark in word for word in words for mark in "Ġ▁") or sum(map(len, words)) < 1.2 * len(words)
        return ("".join(words).translate(_MARKS) if close else " ".join(map(str.strip, words))).strip()

    def _cells(self, example: Example, most: int) -> list[tuple[str, str]]:
        """Numbers, and short texts, by name."""
        found: list[tuple[str, str]] = []
        for name, kind in self._kinds.items():
            if name == self.shown or name not in example or len(found) >= most:
                continue
            if kind == "text":
                told = example[name]
                found.append((name, "missing" if told is None else _cut(str(told), most > CELLS)))
            elif kind in ("number", "table", "flags"):
                flat = np.asarray(example[name]).reshape(-1)[: most - len(found)]
                several = np.size(example[name]) > 1
                say = moment_of if name in self._dates else _value
                found += [
                    (f"{name}[{i}]" if several else name, say(v) or "missing") for i, v in enumerate(flat.tolist())
                ]
        return found


def _value(value: Any) -> str:
    if value is None or value != value:
        return "missing"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e9 else number(float(value), 4)


def _pictured(value: Any) -> Tensor | None:
    """(C, H, W), or (F, C, H, W); None for what is no image."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf":
        return None
    found = images_of(value[None]) if value.ndim == 1 else images_of([value]) if value.ndim <= 4 else None
    return None if found is None else found[0]


def _flows(name: str, like: Sequence[Example]) -> bool:
    """Whether the numbers of a row follow each other as those of a signal do."""
    given = tensor_of([one[name] for one in like if name in one])
    return given is not None and given.ndim == 2 and plotted.series(name, given.float(), len(given)) is not None


def _line(value: Any) -> np.ndarray | None:
    steps = np.asarray(value)
    if steps.ndim == 2 and 8 * steps.shape[0] < steps.shape[1]:  # the channels come first
        steps = steps.T
    given = tensor_of((steps[:, None] if steps.ndim == 1 else steps)[None])
    shown = None if given is None else plotted.series("", given.float(), 1)
    return None if shown is None else shown.values[0]


def _cut(text: str, whole: bool) -> str:
    most = WHOLE_LETTERS if whole else LETTERS
    return text if len(text) <= most else f"{text[:most]}…"
