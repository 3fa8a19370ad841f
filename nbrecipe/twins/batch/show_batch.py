"""`show_batch`, the Python twin of `%show_batch`: exactly what goes into the model, decoded, and judged."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torch import nn

from ... import verbs
from ...batches import BadInput
from ...bench import Bench
from ...decoding.normalisation import scale_of
from ...pictures.batch import Batches, Page
from ...probes.batch.stream import Leafing
from ...registry import get_check
from ...render.batches import batch as drawn
from ...render.batches import still
from ...session import UNCHANGED, require
from ...verbs import Shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: the checks that judge the batch that reaches the model
CHECKS = ("unscaled-input", "double-normalization", "scrambled-image", "corrupted-input")
#: seconds after which no further batch is read
PATIENCE = 10.0


@dataclass
class ShownBatch(Shown):
    """Some batches as they go into the model, and what is wrong with the first."""

    shown: Batches = field(default_factory=lambda: Batches("model"), repr=False)
    #: by what name a page that a kernel stands behind asks for further batches, "" where it cannot
    wire: str = field(default="", repr=False)

    def __str__(self) -> str:
        return drawn.text_of(self, self.shown)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return drawn.html_of(self, self.shown, self.wire)

    def picture(self) -> bytes | None:
        """The first batch as a still picture; None where its tensors can only be counted."""
        return still.png(self.shown)

    def plot(self) -> Figure | None:
        """The same as a figure."""
        return still.figure(self.shown)


def show_batch(
    model: nn.Module | None = None,
    loader: Any = None,
    *,
    batches: int = 4,
    mean: Any = None,
    std: Any = None,
    **given: Any,
) -> ShownBatch:
    """Show exactly what goes into the model, taken at the moment of `model(x)` and decoded, and judge it.

    Takes batch=, train= (a loader, the same as `loader`), loss=, tokenizer=. Images are un-normalised with `mean` and
    `std`, or with the Normalize that is found. At most `batches` batches of a loader are shown. Raises BadInput, in one
    sentence.
    """
    if loader is not None:
        if given.get("train") is not None:
            raise BadInput("the loader was given twice: once by position, once as `train`")
        given["train"] = loader
    return show_batch_of(verbs.bench_of(model=model, **given), batches=batches, mean=mean, std=std)


def show_batch_of(
    bench: Bench,
    *,
    batches: int = 4,
    mean: Any = None,
    std: Any = None,
    wired: Callable[[Leafing], str] | None = None,
) -> ShownBatch:
    """The same for a bench; `wired` may take what reads further batches of its loader, and returns the wire's name."""
    if isinstance(batches, bool) or not isinstance(batches, int) or batches < 1:
        raise BadInput(f"`batches` is a number of batches, 1 or more; {batches!r} was given")
    start = time.perf_counter()
    require(bench, "model")
    if bench.batch is None and bench.train_loader is None:
        require(bench, "batch")
    leafing = Leafing(bench, scale_of(bench, mean, std))
    judged, pages, note = _pages(bench, batches, leafing)
    results = verbs.SESSION.run([get_check(name) for name in CHECKS], judged)
    return ShownBatch(
        f"What goes into `{bench.name('model')}`",
        {result.id: result for result in results},
        note=note,
        seconds=time.perf_counter() - start,
        shown=Batches(bench.name("model"), tuple(pages)),
        wire=wired(leafing) if wired is not None and bench.batch is None else "",
    )


def _pages(bench: Bench, count: int, leafing: Leafing) -> tuple[Bench, list[Page], str]:
    """The bench with the first batch, which remembers what went in, a page for each, and a note on the reading."""
    note, begun = UNCHANGED, time.monotonic()
    with bench.untouched():
        judged, first = leafing.first(bench)
        pages = [first]
        try:
            for number in range(1, count):
                if time.monotonic() - begun > PATIENCE:
                    note = f"batches come slowly: {_counted(number)} in {PATIENCE:.0f} s; {UNCHANGED}"
                    break
                made = leafing.page(number)
                if made is None:
                    break
                pages.append(made)
        except KeyboardInterrupt:
            note = f"interrupted after {_counted(len(pages))}; {UNCHANGED}"
    return judged, pages, note


def _counted(count: int) -> str:
    return "1 batch" if count == 1 else f"{count} batches"
