"""Predictions against labels over the steps of a run: plain arrays that panels draw and scrub through."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

#: frames kept of a run, however long; enough to scrub smoothly, few enough for a saved notebook
MAX_FRAMES = 120
#: points kept of a loss curve
MAX_LOSSES = 1000


class Kind(str, enum.Enum):
    """What a frame holds, for N examples."""

    CLASSES = "classes"  # (N,) probability of the label; `guesses` the class predicted
    MULTILABEL = "multilabel"  # (N, K) probability of each label
    REGRESSION = "regression"  # (N, D) predicted values
    TOKENS = "tokens"  # (N, T) probability of the target token; `guesses` the token predicted
    IMAGES = "images"  # (N, H, W) predicted image or mask
    LOSS = "loss"  # nothing: only the loss is known

    def __str__(self) -> str:
        return self.value


@dataclass
class Film:
    """One run on one batch, thinned evenly: never longer than `MAX_FRAMES` frames.

    `steps[i]` is the training step of `frames[i]`; step 0 is before any update.
    """

    kind: Kind
    #: what each example's label says, for people: "7", "ship", "3.2"; one a row
    labels: list[str]
    #: the target in the shape of a frame: ones for classes, values, token ids, images
    targets: np.ndarray
    frames: list[np.ndarray] = field(default_factory=list)
    #: the class or token id predicted, beside `frames`, where there is one
    guesses: list[np.ndarray] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    #: every loss, thinned: (step, loss)
    losses: list[tuple[int, float]] = field(default_factory=list)
    #: loss that a guess would have, and the lowest loss these targets allow
    expected: float | None = None
    floor: float | None = None
    #: names of classes or tokens by id, where known
    names: dict[int, str] = field(default_factory=dict)
    #: step from which on every prediction stayed on its label
    aligned: int | None = None
    #: rows that never reached their label
    refused: list[int] = field(default_factory=list)
    #: value of `targets` that does not count (ignored or padded token), if any
    ignored: int | None = None
    #: the unit of a regression's axes or the range of an image: (low, high)
    limits: tuple[float, float] | None = None
    notes: dict[str, Any] = field(default_factory=dict)
