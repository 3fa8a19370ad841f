"""`watch`, the Python twin of `%%watch`: a block runs as it is, and what its loop really did is judged and kept."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

from ... import render, verbs
from ...bench import Bench, Cell
from ...session import happened
from ...task.users import PACKAGE
from ...trace import Trace, Watcher
from ...verbs import Shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: where our own code lies
OURS = f"{PACKAGE}{os.sep}"
#: what a method needs beside what nbrecipe installs, and the line that installs it
NEEDS = "{what} needs {package}: `pip install {package}`"


@dataclass
class Watched(Shown):
    """What a watched cell did: its trace, the curves of its loop, and the findings; grows while the cell runs."""

    trace: Trace = field(default_factory=Trace, repr=False)
    _picture: bytes | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return render.watching.text_of(self, self.trace)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return render.watching.html_of(self, self.trace, self.picture())

    def picture(self) -> bytes | None:
        """The curves as a still picture, where there are any; drawn once when the cell has ended."""
        if self._picture is not None:
            return self._picture
        drawn = render.watching.png(self.trace) if render.loop.charts(self.trace) else None
        self._picture = drawn if self.trace.ended else None
        return drawn

    def plot(self) -> Figure:
        """The curves, and the last predictions on the fixed batch, as a figure."""
        return render.curves.figure(render.loop.charts(self.trace), self.trace.film)

    def to_frame(self) -> Any:
        """Every curve as a column of a DataFrame, by step; a value that was not taken at a step is NaN.

        Raises ImportError, in one sentence, without pandas.
        """
        require("pandas", "to_frame()")
        import pandas  # type: ignore[import-untyped]

        columns = {name: pandas.Series(dict(points)) for name, points in scalars(self.trace).items()}
        frame = pandas.DataFrame(columns).sort_index()
        frame.index.name = "step"
        return frame

    def to_tensorboard(self, folder: str | Path) -> Path:
        """Write every curve as scalars, and update/weight by layer and predictions as histograms; returns the folder.

        Raises ImportError, in one sentence, without tensorboard.
        """
        require("tensorboard", "to_tensorboard()")
        from torch.utils.tensorboard import SummaryWriter

        with SummaryWriter(str(folder)) as writer:
            for name, points in scalars(self.trace).items():
                for step, value in points:
                    writer.add_scalar(name, value, step)
            for name, step, values in histograms(self.trace):
                writer.add_histogram(name, values, step)
        return Path(folder)


def watch(
    *, probe: Any = None, every: int | None = None, tensorboard: str | Path | None = None
) -> AbstractContextManager[Watched]:
    """Watch the block: it computes what it always does, and the checks judge what its loop really did.

    `probe` is a batch whose predictions are followed, else the first trained on; given a batch of text, a language
    model also writes on from the middle of it, read by the tokenizer bound; `every` looks closely at every so many
    steps too; `tensorboard` is a folder to write scalars and histograms to. Yields the answer, whose `trace`
    grows meanwhile. Raises ValueError for an `every` below 1 and ImportError without tensorboard, each in one sentence.
    """
    if every is not None and every < 1:
        raise ValueError(f"`every` is a number of steps, 1 or more; {every} was given")
    if tensorboard is not None:
        require("tensorboard", "watch(tensorboard=...)")
    frame = sys._getframe(1)
    scope = Scope(frame)
    where = Path(frame.f_code.co_filename).name
    return _watching(scope, where, probe, every, tensorboard)


@contextmanager
def _watching(
    scope: Mapping[str, Any], where: str, probe: Any, every: int | None, tensorboard: str | Path | None
) -> Iterator[Watched]:
    bound = lambda: verbs.SESSION.bench({}).tokenizer  # noqa: E731
    recording = Recording(scope, where=where, probe=probe, every=every, tokenizer=bound)
    answer = Watched(trace=recording.trace)
    try:
        with recording:
            yield answer
    finally:
        conclude(answer, lambda: verbs.SESSION.bench({}), tensorboard=tensorboard)


class Recording:
    """The recorder, held at arm's length: a bug of its own becomes a note, and the user's block runs all the same.

    An error of the block leaves with the traceback that it has without the recorder.
    """

    def __init__(self, namespace: Mapping[str, Any], **options: Any) -> None:
        given = {name: value for name, value in options.items() if value is not None}
        self._recorder: Watcher | None = None
        self.trace = Trace(where=given.get("where", ""))
        with self._noting():
            self._recorder = Watcher(namespace, **given)
            self.trace = self._recorder.trace

    def __enter__(self) -> Recording:
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            with self._noting():
                recorder.__enter__()
                self._recorder = recorder
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._recorder is not None:
            with self._noting():
                self._recorder.__exit__(kind, error, trace)
        if error is not None:
            unwatched(error)

    @contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.trace.notes.append(bug(error))


def bug(error: Exception) -> str:
    """What is said of a bug of our own."""
    return f"a bug of nbrecipe: {type(error).__name__}: {error}"


def conclude(
    answer: Watched,
    bench: Callable[[], Bench],
    cells: tuple[Cell, ...] = (),
    tensorboard: str | Path | None = None,
) -> Watched:
    """Judge the trace by every check that reads one; results of a cell that did something are kept in the report.

    What goes wrong on the way becomes a note: the user's cell has ended well, or with an error of its own.
    """
    trace = answer.trace
    answer.title, answer.note, answer.seconds = (
        render.watching.title(trace),
        render.watching.summary(trace),
        trace.seconds,
    )
    try:
        results = verbs.SESSION.judge_trace(trace, bench, cells)
        answer.results = {result.key: result for result in results}
        if tensorboard is not None and happened(trace):
            answer.to_tensorboard(tensorboard)
    except OSError as error:
        trace.notes.append(f"nothing was written to {tensorboard}: {error}")
    except Exception as error:
        trace.notes.append(bug(error))
    return answer


def unwatched(error: BaseException) -> None:
    """Take our own frames out of an error's traceback, in place: it then reads as it would without the watching."""
    chain: list[BaseException] = [error]
    for each in chain:  # grows on the way
        chain += [other for other in (each.__cause__, each.__context__) if other is not None and other not in chain]
        entry = each.__traceback__
        while entry is not None:
            after = entry.tb_next
            while after is not None and after.tb_frame.f_code.co_filename.startswith(OURS):
                after = after.tb_next
            entry.tb_next = after
            entry = after


def scalars(trace: Trace) -> dict[str, list[tuple[int, float]]]:
    """Every curve by name, in order of steps, each step once."""
    found: dict[str, dict[int, float]] = {}
    for place in trace.backward:
        found.setdefault(place.name, {}).update(place.values)
    found["validation"] = dict(trace.validation)
    single = len(trace.optimizers) == 1
    for seen in trace.optimizers:
        end = "" if single else f" {seen.name}"
        found[f"rate{end}"] = dict(seen.rate)
        found[f"gradient{end}"] = {update.step: update.gradient for update in seen.updates}
        found[f"update/weight{end}"] = {u.step: u.ratio for u in seen.updates if u.ratio is not None}
        for layer, points in by_layer(trace, seen.name).items():
            found[f"update/weight {layer}"] = points
    for clip in trace.clips:
        found[f"gradient before clipping to {clip.limit:g}"] = dict(clip.norms)
    return {name: sorted(points.items()) for name, points in found.items() if points}


def by_layer(trace: Trace, optimizer: str) -> dict[str, dict[int, float]]:
    """Change over weight of each layer of an optimizer, by step; nothing where a weight is zero."""
    found: dict[str, dict[int, float]] = {}
    for seen in (seen for seen in trace.optimizers if seen.name == optimizer):
        for update in seen.updates:
            for layer, change, weight in zip(update.layers, update.changes, update.weights, strict=True):
                if weight > 0:
                    found.setdefault(layer, {})[update.step] = change / weight
    return found


def histograms(trace: Trace) -> Iterator[tuple[str, int, Any]]:
    """(name, step, values): update/weight over the layers, and predictions on the fixed batch."""
    import numpy as np

    for seen in trace.optimizers:
        for update in seen.updates:
            pairs = zip(update.changes, update.weights, strict=True)
            values = np.array([change / weight for change, weight in pairs if weight > 0])
            if values.size:
                yield f"update/weight by layer of {seen.name}", update.step, values
    film = trace.film
    for step, frame in zip(film.steps, film.frames, strict=True) if film is not None else ():
        values = frame[np.isfinite(frame)]
        if values.size:
            yield "predictions", step, values


def require(package: str, what: str) -> None:
    """Raise ImportError, saying what to install, where a package is missing."""
    if importlib.util.find_spec(package) is None:
        raise ImportError(NEEDS.format(what=what, package=package))


class Scope(Mapping[str, Any]):
    """The variables of a running function or module, as they are when asked."""

    def __init__(self, frame: FrameType) -> None:
        self._frame = frame

    def _now(self) -> dict[str, Any]:
        here, whole = self._frame.f_locals, self._frame.f_globals
        return whole if here is whole else {**whole, **here}

    def __getitem__(self, name: str) -> Any:
        return self._now()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())
