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
class Written:
    """What a language model writes on by itself, the likeliest token each time, as its training goes on."""

    #: how each text begins, as it was given to the model, and how it really goes on
    prompts: list[str]
    targets: list[str]
    steps: list[int] = field(default_factory=list)
    #: what was written at each of the steps, one text a prompt
    texts: list[list[str]] = field(default_factory=list)


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
    written: Written | None = None
    notes: dict[str, Any] = field(default_factory=dict)


#: frames below which nothing is said of how predictions move, and values of a frame that are looked at
FEW_FRAMES, SAMPLE = 8, 512
#: a mean move of a probability by less than 0.02 over a whole run is none; by 0.05 from frame to frame, plain to see
STILL, PLAIN = 0.02, 0.05


@dataclass(frozen=True)
class Jitter:
    """How predictions on the fixed batch move, in probability or in standard deviations of the targets.

    With frames f_1 … f_n and moves d_i = f_{i+1} - f_i: `early` and `late` are the mean |d_i| of the first and the
    second half, `far` is the largest mean |f_i - f_1|, and `turn` is the correlation of one move with the next late in
    the run, sum d_i·d_{i+1} / sqrt(sum |d_i|² sum |d_{i+1}|²): 1 for a steady drift, 0 for a random walk, -1/2 for
    noise about one place, -1 for swinging between two.
    """

    word: str
    early: float
    late: float
    far: float
    turn: float


def jitter(film: Film) -> Jitter | None:
    """How much the predictions still move late in a run, or None where the film is too short to say.

    "wiggles": late moves are plain to see and turn back, by two standard errors (1/sqrt(moves), all predictions taken
    as one) more than a random walk does; "barely moves": nothing went anywhere in the whole run; "settles": late moves
    are a third of the early ones, or too small to see; else "moves".
    """
    import numpy as np

    if len(film.frames) < FEW_FRAMES or film.kind is Kind.LOSS:
        return None
    every = max(1, film.frames[0].size // SAMPLE)
    frames = np.stack([frame.ravel()[::every] for frame in film.frames]).astype("f8") / _unit(film)
    frames = frames[:, np.isfinite(frames).all(axis=0)]
    if not frames.size:
        return None
    moves, half = np.diff(frames, axis=0), (len(frames) - 1) // 2
    early, late = (float(np.abs(part).mean()) for part in (moves[:half], moves[half:]))
    one, other = moves[half:-1], moves[half + 1 :]
    size = float(np.sqrt((one**2).sum() * (other**2).sum()))
    turn = float((one * other).sum()) / size if size > 0 else 0.0
    far = float(np.abs(frames - frames[0]).mean(axis=1).max())
    if late >= PLAIN and turn <= -max(0.25, 2 / len(one) ** 0.5):
        word = "wiggles"
    elif far < STILL:
        word = "barely moves"
    elif late < min(PLAIN, max(early / 3, STILL / 2)):
        word = "settles"
    else:
        word = "moves"
    return Jitter(word, early, late, far, turn)


def _unit(film: Film) -> float:
    """What counts as 1: a probability, the spread of the targets, the range of an image."""
    if film.kind is Kind.IMAGES and film.limits is not None:
        return float(film.limits[1] - film.limits[0]) or 1.0
    if film.kind in (Kind.REGRESSION, Kind.IMAGES):
        return float(film.targets.std()) or 1.0
    return 1.0
