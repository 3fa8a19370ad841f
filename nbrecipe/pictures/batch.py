"""What went into the model, decoded: pages of images, texts, sequences and tables, and a line for every tensor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

Role = Literal["input", "target"]
#: "text" is a whole text, as it stands; "more" says how many tokens are not shown
TokenKind = Literal["word", "text", "special", "padding", "unknown", "ignored", "more"]


@dataclass(frozen=True)
class TensorLine:
    """One tensor in numbers; the statistics are of its finite values, None where there is none."""

    name: str
    role: Role
    #: "(64, 3, 32, 32)"; of a list of tensors what all have in common
    shape: str
    dtype: str
    device: str
    low: float | None = None
    high: float | None = None
    mean: float | None = None
    std: float | None = None
    nan: int = 0
    infinite: int = 0
    #: share of values that are zero
    zeros: float | None = None


@dataclass(frozen=True)
class Box:
    """A box on an image, its corners as shares of width and height."""

    left: float
    top: float
    right: float
    bottom: float
    label: str = ""


@dataclass(frozen=True)
class Images:
    """The first images of a batch; a video stands as a strip of its frames."""

    name: str
    #: (H, W) or (H, W, 3) of uint8 each
    pixels: tuple[np.ndarray, ...]
    #: how the values became pixels
    told: str
    #: examples in the batch
    total: int
    #: the target of each in words, "" where there is none
    captions: tuple[str, ...] = ()
    #: (H, W) of class numbers for each image; -1 is drawn as nothing
    masks: tuple[np.ndarray, ...] = ()
    boxes: tuple[tuple[Box, ...], ...] = ()
    #: what the numbers in the masks stand for
    classes: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Token:
    """A token, or `count` of the same kind of padding in a row."""

    text: str
    kind: TokenKind = "word"
    count: int = 1


@dataclass(frozen=True)
class Texts:
    """The first texts of a batch, token by token."""

    name: str
    rows: tuple[tuple[Token, ...], ...]
    told: str
    total: int
    captions: tuple[str, ...] = ()
    #: the target of each where it is tokens too
    targets: tuple[tuple[Token, ...], ...] = ()


@dataclass(frozen=True)
class Series:
    """The first sequences of a batch: least and greatest value in each of P stretches of time."""

    name: str
    #: (K, D, P, 2)
    values: np.ndarray
    #: steps of the longest
    steps: int
    told: str
    total: int
    captions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """The first rows of a batch, as a table."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    told: str
    total: int
    captions: tuple[str, ...] = ()


View = Images | Texts | Series | Table


@dataclass(frozen=True)
class Page:
    """One batch: its tensors, and what they look like."""

    tensors: tuple[TensorLine, ...]
    views: tuple[View, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Batches:
    """Some batches, one page each."""

    #: what the user calls the model
    model: str
    pages: tuple[Page, ...] = ()
