"""The live panels: predictions meeting labels, and the curves of a watched cell, while the cell runs."""

from __future__ import annotations

import math
import threading
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from ..render.pieces.fragment import static
from ..render.runs import film as drawn
from ..render.runs import watching

if TYPE_CHECKING:
    from ..experiments.overfit import Frame
    from ..film import Film


class RunPanel(anywidget.AnyWidget):
    """What every panel of a run has; the script keeps the frames and scrubs them, this side only sends."""

    #: idle, running, stopping, stopped, done, interrupted or error
    state = traitlets.Unicode("idle").tag(sync=True)
    run = traitlets.Int(0).tag(sync=True)
    film = traitlets.Dict().tag(sync=True)
    frames = traitlets.Bytes().tag(sync=True)
    guesses = traitlets.Bytes().tag(sync=True)

    def _put(self, film: Film, *, run: int, total: int | None = None) -> None:
        """Hand over everything so far, for views that open late; another `run` than before starts them anew."""
        with self.hold_sync():
            self.run = run
            self.film = drawn.state(film, total=total)
            for name, value in drawn.buffers(film).items():
                setattr(self, name, value)


class FilmPanel(RunPanel):
    """Loss and predictions of one run on one batch."""

    _esm = drawn.module()
    _css = static("nbr.css")

    def __init__(self, stop: threading.Event, **traits: Any) -> None:
        super().__init__(**traits)
        self._stop = stop
        self._runs: set[int] = set()
        self.on_msg(self._hear)

    def _hear(self, _: Any, content: Mapping[str, Any], __: Any) -> None:
        # may run on another thread in the middle of a step: an Event and one trait, nothing else. A click that
        # arrives after its run belongs to no run.
        if content.get("kind") == "stop" and content.get("run") in self._runs and self.state == "running":
            self._stop.set()
            self.state = "stopping"

    def fill(self, film: Film, *, run: int, total: int | None = None) -> None:
        """Hand over everything so far."""
        self._runs.add(run)
        self._put(film, run=run, total=total)

    def tell(self, frame: Frame) -> None:
        """Send what is new since the last frame."""
        losses = [(step, loss if math.isfinite(loss) else None) for step, loss in frame.losses]
        buffers = [] if frame.values is None else drawn.frame_buffers(frame.film, frame.values, frame.guess)
        self.send({"kind": "frame", "step": frame.step, "losses": losses}, buffers)


class WatchPanel(RunPanel):
    """The curves of a watched cell and its predictions on a fixed batch; nothing here reaches into the user's loop."""

    _esm = watching.module()
    _css = watching.style()
    board = traitlets.Dict().tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self._shown: Film | None = None
        self._last, self._sent, self._filled = -1, 0, 0
        #: ids whose text was sent
        self._named: set[int] = set()

    def show(self, board: Mapping[str, Any], film: Film | None) -> None:
        """Send the curves as they stand, and the frames that are new."""
        self.board = dict(board)
        if film is None or not film.frames:
            return
        # the whole film again when as many frames came as there were: the longer it is, the more rarely
        if film is not self._shown or self._sent >= max(8, self._filled):
            self._put(replace(film, losses=[]), run=self.run if film is self._shown else self.run + 1)
            self._shown, self._sent, self._filled = film, 0, len(film.frames)
        else:
            for at in range(bisect_right(film.steps, self._last), len(film.frames)):
                guess = film.guesses[at] if film.guesses else None
                buffers = drawn.frame_buffers(film, film.frames[at], guess)
                names = {str(i): name for i, name in film.names.items() if i not in self._named}
                self.send({"kind": "frame", "step": film.steps[at], "losses": [], "names": names}, buffers)
                self._sent, self._named = self._sent + 1, set(film.names)
        self._last, self._named = film.steps[-1], set(film.names)
