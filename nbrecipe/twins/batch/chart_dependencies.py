"""`chart_dependencies`, the Python twin of `%chart_dependencies`: which outputs depend on which inputs."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, get_args

from torch import nn

from ... import verbs
from ...batches import BadInput
from ...bench import Bench
from ...finding import Verdict
from ...pictures.dependencies import Chart, Over
from ...probes.rows.charting import charts
from ...registry import all_checks
from ...render.nets import dependencies as drawn
from ...session import UNCHANGED, require
from ...verbs import Shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: the checks that judge what each chart shows
JUDGES: dict[Over, tuple[str, ...]] = {
    "batch": ("batch-leak", "wrong-softmax-dim", "position-in-batch", "squeezed-batch"),
    "time": ("future-leak", "padding-not-masked"),
    "features": ("ignored-input",),
    "space": (),
}
AXES: tuple[Over, ...] = get_args(Over)


@dataclass
class DependencyChart(Shown):
    """What each output depends on, as charts and as findings."""

    charts: tuple[Chart, ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        return drawn.text_of(self, self.charts)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return drawn.html_of(self, self.charts, self.picture())

    def picture(self) -> bytes | None:
        """The charts as a still picture, where there are any."""
        return drawn.png(self.charts) if self.charts else None

    def plot(self) -> Figure:
        """The charts as a figure."""
        return drawn.figure(self.charts)


def chart_dependencies(
    model: nn.Module | None = None,
    *,
    over: str | None = None,
    causal: bool = False,
    expect_mixing: bool = False,
    **given: Any,
) -> DependencyChart:
    """Chart which outputs depend on which inputs, and judge it: over the batch, time, features and space.

    Takes loss=, batch=, train= (a loader). `over` is one of these axes, else all that the model has. With `causal` no
    output may hear of later inputs; with `expect_mixing` rows of a batch may meet. Raises BadInput, in one sentence.
    """
    bench = verbs.bench_of(model=model, **given)
    return chart_dependencies_of(bench, over=over, causal=causal, expect_mixing=expect_mixing)


def chart_dependencies_of(
    bench: Bench, *, over: str | None = None, causal: bool = False, expect_mixing: bool = False
) -> DependencyChart:
    """The same for a bench."""
    start = time.perf_counter()
    require(bench, "model", "batch")
    axes = _axes(over)
    declared = {"whole"} | ({"causal"} if causal else set()) | ({"mixing"} if expect_mixing else set())
    bench = bench.replace(declared=frozenset(declared))
    results = verbs.SESSION.run([all_checks()[id] for axis in axes or AXES for id in JUDGES[axis]], bench)
    ordered = any(r.id == "future-leak" and r.verdict is not Verdict.SKIPPED for r in results)
    with bench.untouched():
        made = charts(bench, axes, causal=ordered)
    idle = {id for axis in AXES if axis not in {chart.over for chart in made} for id in JUDGES[axis]}
    found = {r.key: r for r in results if not (r.id in idle and r.verdict is Verdict.SKIPPED)}
    title = f"What each output of `{bench.name('model')}` depends on"
    return DependencyChart(title, found, note=UNCHANGED, seconds=time.perf_counter() - start, charts=made)


def _axes(over: str | None) -> tuple[Over, ...]:
    if over is None:
        return ()
    if over not in AXES:
        raise BadInput(f"a chart is drawn over {', '.join(AXES)}; {over!r} is none of them")
    return (over,)
