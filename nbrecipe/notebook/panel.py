"""The live panel: predictions meeting labels while a cell runs, with a scrubber and a stop button."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from ..render import film as drawn

if TYPE_CHECKING:
    from ..film import Film


class FilmPanel(anywidget.AnyWidget):  # type: ignore[misc]
    """Loss and predictions of one run; film.js keeps the frames and scrubs them, this side only sends."""

    _esm = drawn.SCRIPT
    _css = drawn.SCRIPT.with_name("nbr.css")
    #: idle, running, stopping, stopped, done or error
    state = traitlets.Unicode("idle").tag(sync=True)
    run = traitlets.Int(0).tag(sync=True)
    film = traitlets.Dict().tag(sync=True)
    frames = traitlets.Bytes().tag(sync=True)
    guesses = traitlets.Bytes().tag(sync=True)

    def __init__(self, stop: threading.Event, **traits: Any) -> None:
        super().__init__(**traits)
        self._stop = stop
        self.on_msg(self._hear)

    def _hear(self, _: Any, content: Mapping[str, Any], __: Any) -> None:
        # may run on another thread in the middle of a step: an Event and one trait, nothing else. A click that
        # arrives after its run belongs to no run.
        if content.get("kind") == "stop" and content.get("run") == self.run and self.state == "running":
            self._stop.set()
            self.state = "stopping"

    def fill(self, film: Film, total: int | None = None) -> None:
        """Hand over everything so far, for views that open late."""
        with self.hold_sync():
            self.film = drawn.state(film, total=total)
            for name, value in drawn.buffers(film).items():
                setattr(self, name, value)
