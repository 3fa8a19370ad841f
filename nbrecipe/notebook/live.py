"""A run shown while it goes on: the panel, what an interrupt does to it, and the snapshot that stays."""

from __future__ import annotations

import argparse
import base64
import importlib.util
import itertools
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

from IPython.display import DisplayHandle, display

from .. import verbs
from ..bench import Bench

if TYPE_CHECKING:
    from ..experiments.overfit import Frame
    from ..film import Film
    from .front import Front
    from .panel import FilmPanel

#: seconds between two whole films, from which a reloaded page goes on
BACKFILL = 2.0
RUNS = itertools.count(1)


def overfit(magics: Front, bench: Bench, args: argparse.Namespace) -> tuple[verbs.Answer, bool]:
    """Overfit one batch of the bench in front of the user's eyes; the answer, and whether it has been shown."""
    hidden = args.quiet or magics.quiet or args.static or magics.static
    limits = {"n": args.n, "steps": args.steps, "budget": args.budget, "lr": args.lr}
    with Showing(can_show(magics.shell) and not hidden) as run:
        answer = verbs.overfit_batch_of(bench, on_frame=run.frame, should_stop=run.stop.is_set, **limits)
        run.end(answer)
    return answer, run.shown


class Showing:
    """One run shown live, from its first frame to the snapshot that replaces the panel; without `live` only stoppable.

    The first interrupt asks the run to end between two steps, the second raises KeyboardInterrupt.
    """

    def __init__(self, live: bool) -> None:
        self.live = live
        self.stop = threading.Event()
        self._place = Place()
        self._film: Film | None = None
        self._filled = 0.0

    def __enter__(self) -> Showing:
        self._interrupts = _stops_gently(self.stop)
        self._interrupts.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._interrupts.__exit__(None, None, None)
        # where the panel still stands, an error came in between
        self._replace("error", {"text/plain": f"ended by {kind.__name__ if kind else 'an error'}"})

    @property
    def shown(self) -> bool:
        """Whether the user has seen the run."""
        return self._place.opened

    def frame(self, frame: Frame) -> None:
        """Show the state of the run; it comes no more often than a front end draws."""
        now = time.monotonic()
        anew, self._film = frame.film is not self._film, frame.film
        if not self.live:
            return
        panel = self._place.panel or self._open()
        if anew or now - self._filled > BACKFILL:
            self._filled = now
            panel.fill(frame.film, total=frame.total, run=next(RUNS) if anew else panel.run)
        else:
            panel.tell(frame)

    def end(self, answer: verbs.Answer) -> None:
        """Put what stays in a saved notebook in the place of the panel."""
        if self._place.panel is not None:
            self._replace("stopped" if self.stop.is_set() else "done", bundle(answer))

    def _open(self) -> FilmPanel:
        from .panel import FilmPanel

        panel: FilmPanel = self._place.open(FilmPanel(self.stop, state="running"))
        return panel

    def _replace(self, state: str, data: Mapping[str, str]) -> None:
        panel = self._place.panel
        if panel is not None and self._film is not None:
            panel.fill(self._film, run=panel.run)
        self._place.replace(state, data)


class Place:
    """Where one run is shown: a live panel and, in its place, what stays of the run in a saved notebook."""

    def __init__(self) -> None:
        self.panel: Any = None
        self._handle: DisplayHandle | None = None

    @property
    def opened(self) -> bool:
        """Whether anything has been shown."""
        return self._handle is not None

    def open(self, panel: Any) -> Any:
        """Show a panel, and return it."""
        self.panel = panel
        self._handle = display(panel, display_id=True)
        return panel

    def replace(self, state: str, data: Mapping[str, str]) -> None:
        """Put what stays in the place of the panel, where there is one."""
        panel, self.panel = self.panel, None
        if panel is None or self._handle is None:
            return
        panel.state = state
        self._handle.update(dict(data), raw=True)
        panel.close()


def bundle(answer: verbs.Answer) -> dict[str, str]:
    """An answer as text, self-contained HTML and, where there is a film, a picture."""
    data = {"text/plain": str(answer), "text/html": answer._repr_html_()}
    picture = answer.picture()
    if picture is not None:
        data["image/png"] = base64.b64encode(picture).decode()
    return data


def can_show(shell: Any) -> bool:
    """Whether this shell is a Jupyter kernel's or Colab's, and widgets are installed."""
    return (
        type(shell).__name__ in ("ZMQInteractiveShell", "Shell") and importlib.util.find_spec("anywidget") is not None
    )


@contextmanager
def _stops_gently(stop: threading.Event) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # only the main thread may handle signals
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    interrupts = itertools.count(1)

    def handle(number: int, frame: FrameType | None) -> None:
        # a click on Stop that is heard late is followed by an interrupt of its own: that one is the first, too
        if next(interrupts) > 1:
            signal.signal(signal.SIGINT, before)
            raise KeyboardInterrupt
        stop.set()

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
