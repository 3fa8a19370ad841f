"""What the scores of a pass predict, and whether every prediction stands on its label."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ..batches import BadInput
from ..film import Kind

Picture = tuple[np.ndarray, np.ndarray | None]
#: a value stands on its target when no further off than this share of the targets' standard deviation: the dot of a
#: plot touches the diagonal
NEAR = 0.05
#: the same for the root mean square error of a whole image; the loss at its tolerance of 1 % of the variance leaves 0.1
NEAR_IMAGE = 0.15
#: share of the pixels of a mask that must be right: the last border pixels say nothing about the loop
PIXELS = 0.99
#: what is kept of a frame: examples, images, rows of text, tokens in a row, values of an example, pixels a side
ROWS, IMAGES, TEXTS, TOKENS, VALUES, SIDE = 64, 8, 8, 64, 16, 32


class Predictions(Protocol):
    """How scores are read; `kind` says what a frame of them holds."""

    kind: Kind
    #: labels in the shape of a frame
    targets: np.ndarray
    #: (low, high) of what an image may hold
    limits: tuple[float, float] | None
    ignored: int | None

    def right(self, scores: Tensor) -> Tensor:
        """For every prediction whether it stands on its label."""
        ...

    def counts(self) -> Tensor:
        """For every prediction whether its label can be reached and is not ignored."""
        ...

    def off(self, scores: Tensor) -> int:
        """How many predictions that count do not stand on their label; 0 within what a mask may miss."""
        ...

    def frame(self, scores: Tensor) -> Picture:
        """The predictions as one frame, and what is guessed, where a class or a token is."""
        ...


@dataclass
class Classes:
    """One class for each entry of the target."""

    kind: Kind
    #: (examples, entries of each); masks keep rows and columns
    shape: tuple[int, ...]
    target: Tensor
    counted: Tensor
    #: scores are log-probabilities already
    logarithms: bool = False
    #: the axis of the scores that runs over classes
    axis: int = 1
    ignored: int | None = None
    limits: tuple[float, float] | None = None
    targets: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self._all = bool(self.counted.all())
        self._places = self.counted.cpu().numpy().nonzero()[0]
        self._wanted = self.target.cpu().numpy()[self._places]
        if self.kind is Kind.IMAGES:
            self.targets = pictures(self.target.reshape(self.shape).float())
        elif self.kind is Kind.TOKENS:
            self.targets = _cut(self.target.reshape(self.shape)).cpu().numpy().astype(np.int64)
        else:
            self.targets = np.ones(min(len(self.target), ROWS), dtype=np.float32)
        known = self.target.clamp_min(0)  # an ignored label may be negative; its probability is not shown
        shown = _cut(known.reshape(self.shape)) if self.kind is Kind.TOKENS else known[:ROWS]
        self._column = shown[..., None]
        self._highest = int(shown.max()) if shown.numel() else 0

    def _rows(self, scores: Tensor) -> Tensor:
        scores = scores.detach()
        if scores.ndim == 2 and self.axis == 1:
            return scores
        return scores.flatten(0, -2) if self.axis == -1 else rows_of(scores)

    def right(self, scores: Tensor) -> Tensor:
        return top(self._rows(scores)) == self.target

    def counts(self) -> Tensor:
        return self.counted

    def off(self, scores: Tensor) -> int:
        guess = top(self._rows(scores)).cpu().numpy()
        return _beyond((guess if self._all else guess[self._places]) != self._wanted, self.kind)

    def frame(self, scores: Tensor) -> Picture:
        rows = self._rows(scores)
        if self.kind is Kind.IMAGES:
            return pictures(top(rows).reshape(self.shape).float()), None
        self._must_fit(rows)
        rows = _cut(rows.reshape(*self.shape, -1)) if self.kind is Kind.TOKENS else rows[:ROWS]
        shares = rows.float().exp().clamp(max=1) if self.logarithms else rows.softmax(-1, torch.float32)
        values, guess, shape = shares.gather(-1, self._column), top(shares), self.targets.shape
        return values.cpu().numpy().reshape(shape), guess.cpu().numpy().astype(np.int32)

    def _must_fit(self, rows: Tensor) -> None:
        """Raises BadInput ahead of torch, which on a GPU could do nothing more afterwards."""
        if len(self.target) != len(rows):
            raise BadInput(f"the model gives {len(rows)} predictions for {len(self.target)} labels")
        if self._highest >= rows.shape[-1]:
            raise BadInput(f"a label is {self._highest}, and the model's {rows.shape[-1]} outputs end before that")


@dataclass
class YesNo:
    """Yes or no for each entry of the target."""

    kind: Kind
    shape: tuple[int, ...]
    #: 0 or 1
    target: Tensor
    counted: Tensor
    #: scores are probabilities already
    probable: bool = False
    ignored: int | None = None
    limits: tuple[float, float] | None = None
    targets: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self._yes = self.target >= 0.5
        self._all = bool(self.counted.all())
        if self.kind is Kind.IMAGES:
            self.limits = (0.0, 1.0)
            self.targets = pictures(self.target.reshape(self.shape))
        elif self.kind is Kind.MULTILABEL:
            self.targets = self.target.reshape(self.shape)[:ROWS].cpu().numpy()
        else:
            self.targets = np.ones(min(len(self.target), ROWS), dtype=np.float32)

    def right(self, scores: Tensor) -> Tensor:
        return (scores.detach().flatten() > (0.5 if self.probable else 0.0)) == self._yes

    def counts(self) -> Tensor:
        return self.counted

    def off(self, scores: Tensor) -> int:
        right = self.right(scores)
        return _beyond(~(right if self._all else right[self.counted]).cpu().numpy(), self.kind)

    def frame(self, scores: Tensor) -> Picture:
        flat = scores.detach().flatten().float()
        shares = flat if self.probable else flat.sigmoid()
        if self.kind is Kind.IMAGES:
            return pictures(shares.reshape(self.shape)), None
        if self.kind is Kind.MULTILABEL:
            return shares.reshape(self.shape)[:ROWS].cpu().numpy(), None
        shares = shares[:ROWS]
        values = torch.where(self._yes[:ROWS], shares, 1 - shares)
        return values.cpu().numpy(), (shares > 0.5).cpu().numpy().astype(np.int32)


@dataclass
class Values:
    """A number for each entry of the target."""

    kind: Kind
    shape: tuple[int, ...]
    #: what each value can come to: its target, or the best for its group of equal inputs
    target: Tensor
    ignored: int | None = None
    limits: tuple[float, float] | None = None
    targets: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        table = self.target.reshape(self.shape[0], -1)
        spread = table.std(0, correction=0) if self.kind is Kind.REGRESSION else table.std(correction=0).expand(1)
        scale = torch.where(spread > 0, spread, table.abs().mean().clamp_min(1e-12))
        self._near = (NEAR * scale).expand(table.shape).flatten()
        self._image = float(NEAR_IMAGE * scale.mean())
        if self.kind is Kind.IMAGES:
            self.targets = pictures(self.target.reshape(self.shape))
        else:
            self.targets = self._table(self.target)
        self.limits = (float(self.targets.min()), float(self.targets.max()))

    def _table(self, flat: Tensor) -> np.ndarray:
        table: np.ndarray = flat.reshape(self.shape[0], -1)[:ROWS, :VALUES].float().cpu().numpy()
        return table

    def right(self, scores: Tensor) -> Tensor:
        miss = scores.detach().flatten() - self.target
        if self.kind is Kind.IMAGES:
            return miss.reshape(self.shape[0], -1).square().mean(1).sqrt() <= self._image
        return miss.abs_() <= self._near

    def counts(self) -> Tensor:
        return torch.ones(self.shape[0] if self.kind is Kind.IMAGES else len(self.target), dtype=torch.bool)

    def off(self, scores: Tensor) -> int:
        return int((~self.right(scores)).sum())

    def frame(self, scores: Tensor) -> Picture:
        flat = scores.detach().flatten()
        if self.kind is Kind.IMAGES:
            return pictures(flat.reshape(self.shape)), None
        return self._table(flat), None


def pictures(values: Tensor) -> np.ndarray:
    """(N, ...) as a few small grey images (n, h, w): channels averaged, the middle of a volume, every k-th pixel."""
    images = values[:IMAGES].float()
    if images.ndim == 2:
        width = images.shape[1]
        rows = next(h for h in range(int(width**0.5), 0, -1) if width % h == 0)
        images = images.reshape(len(images), rows, -1)
    while images.ndim > 4:
        images = images[:, :, images.shape[2] // 2]
    if images.ndim == 4:
        images = images.mean(1)
    stride = -(-max(images.shape[-2:]) // SIDE)
    small: np.ndarray = images[:, ::stride, ::stride].cpu().numpy().astype(np.float32)
    return small


def top(rows: Tensor) -> Tensor:
    """The index of the highest score of each row, (..., C) to (...); numpy finds it several times faster."""
    if rows.device.type == "cpu" and rows.dtype in (torch.float32, torch.float64):
        return torch.from_numpy(np.asarray(rows.numpy().argmax(-1)))
    return rows.argmax(-1)


def _beyond(wrong: np.ndarray, kind: Kind) -> int:
    """How many are wrong, where more are than the pixels of a mask that may be."""
    count = int(np.count_nonzero(wrong))
    return 0 if kind is Kind.IMAGES and count <= (1 - PIXELS) * len(wrong) else count


def _cut(table: Tensor) -> Tensor:
    return table[:TEXTS, :TOKENS]


def rows_of(scores: Tensor) -> Tensor:
    """Class scores (N, C, ...) as one row for each prediction: (M, C)."""
    return scores.unsqueeze(0) if scores.ndim == 1 else scores.movedim(1, -1).reshape(-1, scores.shape[1])
