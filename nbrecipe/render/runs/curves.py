"""The curves of a watched run as a still picture, with the last predictions beside the loss."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...film import Film
from ..pieces.figure import EXPECTED, TEXT, WRONG, YOURS, encoded, styled
from .charts import Chart, Curve
from .still import DRAWN

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: mid-tones for curves of one kind, by `Curve.tone`; none of them is the colour of what is wrong
TONES = (YOURS, "#1b8680", "#9261b8", "#a17346", EXPECTED)
#: inches: the width, and the heights of the first row and the second
WIDTH, TALL, FLAT = 9.4, 2.9, 1.9
#: height of a line of text, as a share of the second row's axes
LINE = 0.12


def figure(charts: Sequence[Chart], film: Film | None = None, moving: str = "") -> Figure:
    """The loss and the predictions, or the next chart, in the first row; the others in the second."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    drawing = DRAWN.get(film.kind) if film is not None and film.frames else None
    upper = list(charts[: 1 if drawing else 2])
    lower = list(charts[len(upper) :])
    with styled(9.0):
        drawn = _kind()(figsize=(WIDTH, TALL + (FLAT if lower else 0)), dpi=100, layout="constrained")
        FigureCanvasAgg(drawn)
        grid = drawn.add_gridspec(2 if lower else 1, 1, height_ratios=[TALL, FLAT] if lower else None)
        first = grid[0].subgridspec(1, len(upper) + bool(drawing))
        for place, chart in enumerate(upper):
            _draw(drawn.add_subplot(first[place]), chart)
        if drawing is not None and film is not None:
            ax = drawn.add_subplot(first[-1])
            drawing(ax, film)
        if lower:
            second = grid[1].subgridspec(1, len(lower))
            for place, chart in enumerate(lower):
                _draw(drawn.add_subplot(second[place]), chart)
        if moving:
            drawn.supxlabel(moving.replace("**", ""), x=0.01, ha="left", color=TEXT, fontsize=9.0)
    return drawn


@functools.cache
def _kind() -> type[Figure]:
    """A figure that a notebook shows by itself, without pyplot."""
    from matplotlib.figure import Figure

    class ShownFigure(Figure):
        def _repr_png_(self) -> bytes:
            return encoded(self)

    return ShownFigure


def _draw(ax: Axes, chart: Chart) -> None:
    if chart.log:
        ax.set_yscale("log", nonpositive="mask")
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    for area in chart.areas:
        ax.fill_between(*area.points.T, color=TONES[area.tone], alpha=0.15, linewidth=0)
    for curve in chart.curves:
        _curve(ax, curve)
    low, high = ax.get_ylim()
    ax.set_ylim(0 if chart.zero and low < high else low, high)
    if chart.band is not None:
        low, high = ax.get_ylim()
        ax.axhspan(max(low, chart.band[0]), min(high, chart.band[1]), color=EXPECTED, alpha=0.09, linewidth=0)
        ax.set_ylim(low, high)
    for value, name in chart.levels:
        ax.axhline(value, color=EXPECTED, linewidth=0.8, linestyle=(0, (3, 3)))
        if name:
            ax.annotate(
                f"{name} {value:g}", (1, value), (4, 0), ("axes fraction", "data"), textcoords="offset points",
                va="center", annotation_clip=False,
            )  # fmt: skip
    ax.set_xlim(0, max(1, chart.last))
    _names(ax, chart.curves)
    ax.set_xlabel("step", loc="right")
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(length=0)
    ax.locator_params(axis="x", nbins=4, integer=True)
    ax.set_title(chart.title + chart.rest, loc="left")


def _curve(ax: Axes, curve: Curve) -> None:
    x, y = curve.points.T
    colour = WRONG if curve.style == "wrong" else TONES[curve.tone]
    thin = {"linewidth": 0.6, "alpha": 0.45} if curve.style == "thin" else {}
    ax.plot(
        x, np.where(np.isfinite(y), y, np.nan), color=colour,
        marker="." if len(x) <= 16 and curve.style != "steps" else "",
        linestyle=(0, (4, 2)) if curve.style == "dash" else "-",
        drawstyle="steps-post" if curve.style == "steps" else "default", **thin,  # type: ignore[arg-type]
    )  # fmt: skip


def _names(ax: Axes, curves: Sequence[Curve]) -> None:
    """The names at the ends of their curves, moved apart where they would lie on one another."""
    ends = []
    for curve in curves:
        known = curve.points[np.isfinite(curve.points[:, 1])]
        if curve.name and len(known):
            _, height = ax.transAxes.inverted().transform(ax.transData.transform(known[-1]))
            ends.append((float(height), float(known[-1][0]), curve))
    heights = apart([height for height, _, _ in ends])
    for height, (_, x, curve) in zip(heights, ends, strict=True):
        name = curve.name if len(curve.name) < 16 else f"…{curve.name[-14:]}"
        ax.annotate(
            name.replace("$", r"\$"), (x, height), (4, 0), ax.get_xaxis_transform(), textcoords="offset points",
            va="center", color=TONES[curve.tone], annotation_clip=False,
        )  # fmt: skip


def apart(heights: Sequence[float], gap: float = LINE) -> list[float]:
    """The same heights in the same order, moved up as little as needed to lie a gap apart, then down from above 1."""
    order = sorted(range(len(heights)), key=heights.__getitem__)
    moved = list(heights)
    for below, above in itertools.pairwise(order):
        moved[above] = max(moved[above], moved[below] + gap)
    ceiling = max(1.0, heights[order[-1]]) if order else 1.0
    for place in reversed(order):
        moved[place] = min(moved[place], ceiling)
        ceiling = moved[place] - gap
    return moved
