"""Keeps frames and losses of a run, thinned as it grows, and tells of progress at most ten times a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ...film import MAX_FRAMES, MAX_LOSSES, Film
from ...task.predictions import Picture
from .outcome import Frame

if TYPE_CHECKING:
    import numpy as np

#: seconds between two frames told; the eye asks for no more, and the front end drops no messages at this rate
INTERVAL = 0.1
#: scores of more values than this are read at once: 120 of them would take more memory than their frames
SMALL = 4096

Read = Callable[[Tensor], Picture]


class Recorder:
    """The film of one run while it is made."""

    def __init__(self, film: Film, read: Read | None, on_frame: Callable[[Frame], None] | None, total: int) -> None:
        self.film = film
        self.losses: list[float] = []
        self._read = read
        #: scores not yet read as frames: half of them are thinned out before anyone looks
        self._waiting: list[tuple[int, Tensor | None]] = []
        self._on_frame = on_frame
        self._total = total
        self._stride = 1
        self._told_at = -INTERVAL
        self._told = 0

    def due(self, step: int) -> bool:
        """Whether this step's predictions are wanted."""
        return step % self._stride == 0 or (
            self._on_frame is not None and time.perf_counter() - self._told_at >= INTERVAL
        )

    def keep(self, step: int, scores: Tensor | None, *, last: bool = False) -> None:
        """Take in the predictions of a step, and tell of them when it is time."""
        if self._wanted(step, last) and len(self.film.steps) + len(self._waiting) >= MAX_FRAMES:
            self._thin()
        if self._wanted(step, last):
            small = scores is not None and scores.numel() <= SMALL
            self._waiting.append((step, scores.detach().clone() if small and scores is not None else scores))
            if not small:
                self._develop()
        if self._on_frame is not None and (last or time.perf_counter() - self._told_at >= INTERVAL):
            self._tell(step, *self._picture(scores))

    def finish(self) -> None:
        """Write losses and frames into the film."""
        self._develop()
        self.film.losses = self._points(0)

    def _wanted(self, step: int, last: bool) -> bool:
        return last or step % self._stride == 0

    def _picture(self, scores: Tensor | None) -> Picture | tuple[None, None]:
        return (None, None) if scores is None or self._read is None else self._read(scores)

    def _develop(self) -> None:
        film = self.film
        for step, scores in self._waiting:
            values, guess = self._picture(scores)
            film.steps.append(step)
            if values is not None:
                film.frames.append(values)
            if guess is not None:
                film.guesses.append(guess)
        self._waiting.clear()

    def _thin(self) -> None:
        film = self.film
        self._stride *= 2
        self._waiting = [(step, scores) for step, scores in self._waiting if step % self._stride == 0]
        kept = [i for i, step in enumerate(film.steps) if step % self._stride == 0]
        for rows in (film.steps, film.frames, film.guesses):
            _keep(rows, kept)

    def _tell(self, step: int, values: np.ndarray | None, guess: np.ndarray | None) -> None:
        assert self._on_frame is not None
        self.finish()
        self._on_frame(Frame(self.film, step, values, guess, self._points(self._told), self._total))
        self._told, self._told_at = len(self.losses), time.perf_counter()

    def _points(self, start: int) -> list[tuple[int, float]]:
        """(step, loss), thinned evenly, always with the last."""
        end = len(self.losses)
        stride = -(-(end - start) // (MAX_LOSSES - 1)) or 1
        steps = list(range(start, end, stride))
        if end > start and steps[-1] != end - 1:
            steps.append(end - 1)
        return [(step, self.losses[step]) for step in steps]


def _keep(rows: list[Any], kept: list[int]) -> None:
    if rows:
        rows[:] = [rows[i] for i in kept]
