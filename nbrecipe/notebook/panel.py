"""The live panel: predictions meeting labels while a cell runs, with a scrubber and a stop button."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from ..render import film as drawn
from ..render.fragment import static

if TYPE_CHECKING:
    from ..experiments.overfit import Frame
    from ..film import Film


class FilmPanel(anywidget.AnyWidget):
    """Loss and predictions of one run; film.js keeps the frames and scrubs them, this side only sends."""

    _esm = drawn.module()
    _css = static("nbr.css")
    #: idle, running, stopping, stopped, done or error
    state = traitlets.Unicode("idle").tag(sync=True)
    run = traitlets.Int(0).tag(sync=True)
    film = traitlets.Dict().tag(sync=True)
    frames = traitlets.Bytes().tag(sync=True)
    guesses = traitlets.Bytes().tag(sync=True)

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
        """Hand over everything so far, for views that open late; another `run` than before starts them anew."""
        self._runs.add(run)
        with self.hold_sync():
            self.run = run
            self.film = drawn.state(film, total=total)
            for name, value in drawn.buffers(film).items():
                setattr(self, name, value)

    def tell(self, frame: Frame) -> None:
        """Send what is new since the last frame."""
        losses = [(step, loss if math.isfinite(loss) else None) for step, loss in frame.losses]
        buffers = [] if frame.values is None else drawn.frame_buffers(frame.film, frame.values, frame.guess)
        self.send({"kind": "frame", "step": frame.step, "losses": losses}, buffers)
