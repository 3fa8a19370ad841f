"""Charts of what depends on what: as sentences, as a still picture, and as heatmaps that answer to the pointer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...pictures.dependencies import Chart, Over
from ...report import Report
from ..findings import html, text
from ..pieces.figure import EXPECTED, WRONG, YOURS, encoded, few_colours, styled
from ..pieces.fragment import fragment, image, replayed, script, static
from ..pieces.packing import deflated

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLES: dict[Over, str] = {
    "batch": "Over the batch", "time": "Over time", "features": "Over features", "space": "Over space",
}  # fmt: skip
AXES: dict[Over, tuple[str, str]] = {
    "batch": ("input row", "output row"), "time": ("input position", "output position"),
    "features": ("input", "output"), "space": ("", ""),
}  # fmt: skip
#: gradients weaker than this share of the strongest look as weak as they can, and still not like none
FAINT, DECADES = 0.25, 3
#: levels of a packed strength, over this many powers of ten; 0 is no dependency
LEVELS, SPAN = 65535, 14


def text_of(report: Report, charts: Sequence[Chart]) -> str:
    """The whole as plain text: what was found, then each chart in a sentence."""
    lines = "\n".join(text.wrap(f"  {TITLES[chart.over]}: {told(chart)}", "    ") for chart in charts)
    return "\n\n".join(filter(None, (text.header(report), *text.rows(report, fold=True), lines)))


def html_of(report: Report, charts: Sequence[Chart], drawn: bytes | None) -> str:
    """Findings, then the charts: a still picture or, where scripts run, heatmaps; `drawn` is what `png` makes."""
    found = html.header(report) + html.rows(report, fold=True)
    if drawn is None:
        return fragment(found)
    words = "; ".join(f"{TITLES[chart.over]}: {told(chart)}" for chart in charts)
    shown = replayed(script("dependencies.js"), image(drawn, words), packed(charts))
    return fragment(f"<style>{static('dependencies.css')}</style>{found}{shown}")


def told(chart: Chart) -> str:
    """What a chart shows, in one sentence."""
    said = {"batch": _batch, "time": _time, "features": _features, "space": _space}[chart.over](chart)
    mode = "in train mode" if chart.training else ""
    return "; ".join(filter(None, (said, chart.note if chart.over != "space" else "", mode)))


def _batch(chart: Chart) -> str:
    others = ((chart.values > 0) & (np.eye(len(chart.values)) == 0)).any(1).sum()
    if not others:
        return f"each of {len(chart.values)} rows depends on itself alone"
    depend = "depends" if others == 1 else "depend"
    declared = "" if chart.wrong.any() else ", as declared"
    return f"{others} of {len(chart.values)} rows {depend} on other rows{declared}"


def _time(chart: Chart) -> str:
    later = (chart.values > 0) & (np.tri(*chart.values.shape) == 0)
    if not later.any():
        return "no position depends on a later one"
    count = int(later.any(1).sum())
    return f"{count} of {len(later)} positions depend{'s' if count == 1 else ''} on later ones" + (
        ", which they must not" if chart.wrong.any() else ""
    )


def _features(chart: Chart) -> str:
    silent = [chart.inputs[i] for i in chart.silent]
    if not silent:
        return f"every one of {len(chart.inputs)} inputs has an influence"
    named = ", ".join(silent[:6]) + (", …" if len(silent) > 6 else "")
    return f"{len(silent)} of {len(chart.inputs)} inputs {'have' if len(silent) > 1 else 'has'} no influence: {named}"


def _space(chart: Chart) -> str:
    middle = len(chart.values) // 2
    high, wide = chart.fields[middle]
    return f"{chart.outputs[middle]} depends on {high} × {wide} of {chart.note}"


def packed(charts: Sequence[Chart]) -> bytes:
    """The charts as `dependencies.js` reads them, deflated: a line of JSON, then strengths as logarithms in 16 bits."""
    levels = [_levels(chart.values) for chart in charts]
    return deflated([_state(chart) for chart in charts], [level.astype("<u2").tobytes() for level in levels])


def _state(chart: Chart) -> dict[str, Any]:
    return {
        "over": chart.over,
        "title": TITLES[chart.over],
        "told": told(chart),
        "axes": AXES[chart.over],
        "outputs": chart.outputs,
        "inputs": chart.inputs,
        "meant": chart.meant,
        "shape": chart.shape,
        "size": list(chart.values.shape),
        "largest": float(f"{chart.values.max(initial=0):.6g}"),
        "levels": LEVELS,
        "span": SPAN,
        "fields": list(chart.fields),
    }


def _levels(values: np.ndarray) -> np.ndarray:
    """0 where there is nothing, else 1 … LEVELS on a logarithmic scale below the largest."""
    largest = values.max(initial=0) or 1
    with np.errstate(divide="ignore"):
        logs = np.log10(values.astype("f8") / largest)
    scaled = 1 + np.clip(1 + logs / SPAN, 0, 1) * (LEVELS - 1)
    return np.where(values > 0, np.rint(scaled), 0)


def png(charts: Sequence[Chart]) -> bytes:
    """The charts side by side, transparent, readable on white and on black."""
    return few_colours(encoded(figure(charts)))


def figure(charts: Sequence[Chart]) -> Figure:
    """The same as a figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with styled(9.0):
        drawn = Figure(figsize=(max(4.7, 3.2 * len(charts)), 3.0), dpi=100, layout="constrained")
        FigureCanvasAgg(drawn)
        for ax, chart in zip(drawn.subplots(1, len(charts), squeeze=False)[0], charts, strict=True):
            _heat(ax, chart)
    return drawn


def _heat(ax: Axes, chart: Chart) -> None:
    values, wrong = chart.values, chart.wrong
    if chart.shape is not None:
        middle = len(values) // 2
        values, wrong = values[middle].reshape(chart.shape), np.zeros(chart.shape, bool)
    ax.imshow(_coloured(values, wrong), aspect="auto" if chart.over == "features" else "equal", interpolation="nearest")
    ax.set_title(TITLES[chart.over], loc="left")
    ax.spines[["left", "bottom"]].set_visible(False)
    if chart.shape is not None:
        ax.set_xticks([])
        ax.set_yticks([])
        ax.set_xlabel(_space(chart), loc="left")
        return
    ax.set_xlabel(f"{AXES[chart.over][0]} →", loc="left")
    ax.set_ylabel(f"← {AXES[chart.over][1]}", loc="top")
    ax.locator_params(nbins=5, integer=True)
    if len(values) == 1:
        ax.set_yticks([0])


def _coloured(values: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """(rows, columns, 4): faint where weak, another colour where it should not be, a veil where there is nothing."""
    from matplotlib.colors import to_rgb

    largest = values.max(initial=0) or 1
    with np.errstate(divide="ignore"):
        strength = np.clip(1 + np.log10(values / largest) / DECADES, 0, 1)
    shades = np.empty((*values.shape, 4))
    shades[..., :3] = np.where(wrong[..., None], to_rgb(WRONG), to_rgb(YOURS))
    shades[..., 3] = FAINT + (1 - FAINT) * strength
    shades[values == 0] = (*to_rgb(EXPECTED), 0.12)
    return shades
