"""`%%watch`: the cell runs as it is, the panel moves meanwhile, and what the loop really did stays in its place."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.display import display

from .. import verbs
from ..bench import Bench
from ..render.runs import watching as drawn
from ..session import happened, reading_traces
from ..trace import Trace
from ..twins.runs.watch import Recording, Watched, bug, conclude, require
from . import cells, past
from .kinds import BY_FLAG
from .live import Place, bundle, can_show
from .names import Variables
from .one_batch import table_of_ids

if TYPE_CHECKING:
    from .front import Front
    from .panel import WatchPanel

#: seconds that a cell runs before the panel opens: a shorter one shows what stays alone
QUICK = 0.3
#: seconds between two looks at what the checks say already, and how many times their own cost that must be
GLANCE, RARE = 3.0, 400


class Watching:
    """One watched cell: a context to run it in; afterwards `answer` holds what was seen and found.

    Raises UsageError, in one sentence, before the cell runs, for a flag that is not right.
    """

    def __init__(self, magics: Front, args: argparse.Namespace, cell: str, local_ns: Mapping[str, Any] | None) -> None:
        self.magics, self.args, self.cell, self.local = magics, args, cell, local_ns
        self.hidden = args.quiet or magics.quiet
        shell: Any = magics.shell
        options = _options(shell, args, local_ns)
        self._history = cells.history(shell)
        self._live = can_show(shell) and not (self.hidden or args.no_panel or magics.static)
        if self._live:
            # slow the first time: not in the middle of the user's loop
            from . import panel  # noqa: F401

            reading_traces()
        self._place = Place()
        self._pace = Pace()
        self._glanced, self._wait, self._found = time.monotonic(), GLANCE, ""
        number = cells.number(shell, cell)
        self._recording = Recording(
            shell.user_ns,
            source=self._history[-1].source if number and self._history else cell,
            where=f"cell {number}" if number else "",
            on_tick=self._tick if self._live else None,
            label=lambda name: label(shell, name),
            tokenizer=self._tokenizer,
            **options,
        )
        self.answer = Watched(trace=self._recording.trace)

    def __enter__(self) -> Watching:
        self._recording.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._recording.__exit__(kind, error, trace)
        state = "done" if kind is None else "interrupted" if kind is KeyboardInterrupt else "error"
        data = {"text/plain": f"{drawn.title(self.answer.trace)}: interrupted before it was judged"}
        try:
            verbs.SESSION.silence(cells.silenced(self._history))
            self.answer.trace.notes += self._went_on()
            conclude(self.answer, self._bench, self._history, self.args.tensorboard)
            data = self._stays(kind is not None)
        finally:
            self._place.replace(state, data)
        if kind is None or not happened(self.answer.trace):
            return
        # no answer will be returned that could show itself
        if self.args.out:
            self.magics.shell.user_ns[self.args.out] = self.answer  # type: ignore[union-attr]
        if not (self.shown or self.hidden):
            display(data, raw=True)

    def _stays(self, failed: bool) -> dict[str, str]:
        """What stays in the notebook, where the answer does not show itself; words alone where drawing fails."""
        if self._place.panel is None and (self.hidden or not failed):
            return {}
        try:
            return bundle(self.answer)
        except Exception as error:
            return {"text/plain": f"{drawn.title(self.answer.trace)}: {bug(error)}"}

    def _went_on(self) -> list[str]:
        """That a model was trained once more by the same cell, which a run of the whole notebook would not do."""
        trace = self.answer.trace
        names = dict.fromkeys(model.name.partition(".")[0] for model in trace.models) if trace.trained else ()
        return [told for name in names if (told := past.repeated(self._history, name))][:1]

    @property
    def shown(self) -> bool:
        """Whether the user has seen the answer."""
        return self._place.opened

    def _bench(self) -> Bench:
        given = argparse.Namespace()
        return self.magics._bench("%%watch", given, self.local, cell=self.cell, board=True)

    def _tokenizer(self) -> Any:
        """What reads token ids, by its usual name; the watched cell may have made it just now."""
        try:
            tokenizer = self._bench().tokenizer
        except UsageError:  # two of them
            tokenizer = None
        if tokenizer is not None:
            return tokenizer
        return table_of_ids(Variables.of_shell(self.magics.shell, self.local))

    def _tick(self, trace: Trace) -> None:
        """Show the state of the run; it is called no more often than the eye asks for, from inside the user's loop."""
        if not trace.trained or trace.seconds < QUICK:
            return
        panel = self._place.panel or self._open()
        pace, found = self._pace.told(trace), self._findings(trace)
        panel.show(drawn.board(trace, found=found, pace=pace, share=self._pace.share), trace.film)

    def _open(self) -> WatchPanel:
        from .panel import WatchPanel

        panel: WatchPanel = self._place.open(WatchPanel(state="running"))
        return panel

    def _findings(self, trace: Trace) -> str:
        """The faults and hints so far, as HTML; looked for anew ever so often."""
        start = time.monotonic()
        if start - self._glanced > self._wait:
            report = verbs.SESSION.glance(trace)
            self._found = drawn.live_rows(report) if report.results else ""
            self._glanced = time.monotonic()
            self._wait = max(GLANCE, RARE * (self._glanced - start))
        return self._found


class Pace:
    """How fast the loader that is trained on is read: what is left of the pass, where its length is known."""

    def __init__(self) -> None:
        self._pass, self._since, self._from = 0, 0.0, 0
        #: how much of the pass is done, where that can be told
        self.share: float | None = None

    def told(self, trace: Trace) -> str:
        """The pass and, once that can be told, the seconds left in it; of passes to come nothing is claimed."""
        loader, self.share = drawn.loader_of(trace), None
        if loader is None or not loader.length:
            return ""
        done = loader.batches - (loader.passes - 1) * loader.length
        if not 0 <= done <= loader.length:  # an earlier pass was not read to its end
            return f"pass {loader.passes}"
        self.share = done / loader.length
        if loader.passes != self._pass:
            self._pass, self._since, self._from = loader.passes, trace.seconds, done
        told = f"pass {loader.passes}: {done} of {loader.length} batches"
        took, read = trace.seconds - self._since, done - self._from
        if took < 1 or read < 2:
            return told
        return f"{told}, {max(1, round((loader.length - done) * took / read))} s left in it"


def label(shell: Any, filename: str) -> str:
    """What the user calls a file of code: "cell 3", or its name."""
    numbers = getattr(shell.compile, "_filename_map", {})
    match = re.match(r"<ipython-input-(\d+)-", filename)
    number = numbers.get(filename) or (int(match[1]) if match else 0)
    return f"cell {number}" if number else Path(filename).name


def _options(shell: Any, args: argparse.Namespace, local_ns: Mapping[str, Any] | None) -> dict[str, Any]:
    """The recorder's options as the line gives them, refused in one sentence where they are not right."""
    if args.every is not None and args.every < 1:
        raise UsageError(f"--every takes a number of steps, 1 or more; {args.every} was given")
    if args.tensorboard is not None:
        try:
            require("tensorboard", "--tensorboard")
        except ImportError as error:
            raise UsageError(str(error)) from None
    if args.probe is None:
        return {"every": args.every}
    batch, kind = Variables.of_shell(shell, local_ns).value(args.probe), BY_FLAG["batch"]
    if not kind.could(batch):
        raise UsageError(f"`{args.probe}` is of type {type(batch).__name__}; --probe takes {kind.takes}")
    return {"every": args.every, "probe": batch}
