"""What an overfitting run tells: while it runs, and in the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ...film import Film

if TYPE_CHECKING:
    import numpy as np

#: how a run ends: at the lowest loss, where nothing moves any more, at the last step allowed, when time is up, when the
#: user stops it, or at a loss that is no number
Ending = Literal["floor", "flat", "steps", "budget", "user", "nan"]


@dataclass(frozen=True)
class Frame:
    """Progress, at most ten times a second; another `film` than before means that training started anew."""

    film: Film
    step: int
    #: the predictions of this step, in the shape of `film.targets`
    values: np.ndarray | None
    #: the class or token predicted, where there is one
    guess: np.ndarray | None
    #: (step, loss) since the last frame told
    losses: list[tuple[int, float]]
    #: the number of steps planned
    total: int


@dataclass(frozen=True)
class Attempt:
    """One training run from the model as it was."""

    #: "SGD at 0.01", "Adam at 0.001"
    optimizer: str
    #: whether it is the user's own optimizer, at the user's own rate
    own: bool
    film: Film
    start: float
    end: float
    steps: int
    stopped: Ending
    #: step from which on every prediction stayed on its label
    aligned: int | None
    reached: bool
    #: whether the loss was still falling when it stopped
    falling: bool
    #: predictions on their label at the end, and predictions that count
    met: int | None = None
    counted: int | None = None
    #: examples with a prediction off its label
    refused: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Cause:
    """Why the loss stays above its floor: certain, no training could change it."""

    told: str
    fix: str
    code: str = ""
    #: whether training can move anything at all
    trains: bool = True
    #: whether it is to be looked at again after a long run, in case it passes
    waits: bool = False


@dataclass(frozen=True)
class Overfit:
    """The outcome of overfitting one batch."""

    film: Film
    #: every run, in order: the user's own optimizer first, then Adam at a few rates until one reaches the floor
    attempts: tuple[Attempt, ...]
    #: the run that the film shows: the one that reached the floor, else the one that came nearest
    best: Attempt
    examples: int
    #: lowest loss that these targets allow, the loss of a guess that does not look at the input, and how far above the
    #: floor still counts as reached; None where the loss is not understood
    floor: float | None
    guess: float | None
    tolerance: float | None
    #: what was switched off for the run: "dropout 0.2 in `net.drop`", "weight decay 0.01"
    switched_off: list[str]
    #: what to know about the batch: fewer examples than asked for, conflicting labels
    notes: list[str]
    cause: Cause | None
    #: why a failure would prove nothing: frozen parts, few parameters, random outputs
    excuse: str = ""

    @property
    def reached(self) -> bool:
        """Whether the loss came down to its floor and every prediction to its label."""
        return self.best.reached

    @property
    def aligned(self) -> int | None:
        """Step from which on every prediction stayed on its label."""
        return self.best.aligned

    @property
    def at_rest(self) -> bool:
        """Whether no run was still falling, and one of them waited to the last step."""
        return not any(a.falling for a in self.attempts) and any(a.stopped == "steps" for a in self.attempts)

    @property
    def start(self) -> float:
        """Loss before the first step."""
        return self.best.start

    @property
    def end(self) -> float:
        """Loss after the last step."""
        return self.best.end

    @property
    def steps(self) -> int:
        """Steps taken by the run that the film shows."""
        return self.best.steps

    @property
    def stopped(self) -> Ending:
        """What ended that run."""
        return self.best.stopped

    @property
    def refused(self) -> list[int]:
        """Examples that never came to their label."""
        return self.best.refused
