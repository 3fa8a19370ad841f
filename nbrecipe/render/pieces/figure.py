"""A finding's picture, drawn from its numbers alone; readable on white and on black."""

from __future__ import annotations

import io
import warnings
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from ...finding import Result
from ...report import drawing_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: mid-tones with a contrast of at least 4 on white and on #111, because a saved image cannot follow the theme
TEXT = "#747e8a"
YOURS, WRONG, EXPECTED = "#3f7dd6", "#c75f28", "#747e8a"
PIXELS = 100
#: inches; a check may set its own
SMALL, LARGE = (2.4, 1.15), (5.0, 3.0)
#: inches that a horizontal bar and its name take for each point of type
BAR = 0.02


def styled(size: float = 8.0) -> AbstractContextManager[None]:
    """A context with the settings of every picture: no frame, small type, three colours."""
    import matplotlib as mpl
    from cycler import cycler

    settings: Any = {
        "axes.prop_cycle": cycler(color=[YOURS, WRONG, EXPECTED]),
        "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": TEXT, "axes.linewidth": 0.6,
        "axes.labelcolor": TEXT, "axes.titlecolor": TEXT, "axes.facecolor": "none", "figure.facecolor": "none",
        "text.color": TEXT, "xtick.color": TEXT, "ytick.color": TEXT, "xtick.labelsize": size, "ytick.labelsize": size,
        "font.size": size, "axes.labelsize": size, "axes.titlesize": size, "font.family": "sans-serif",
        "xtick.major.size": 2, "ytick.major.size": 2, "xtick.major.width": 0.6, "ytick.major.width": 0.6,
        "xtick.minor.size": 0, "ytick.minor.size": 0, "axes.formatter.min_exponent": 4,
        "lines.linewidth": 1.4, "lines.markersize": 3.5, "legend.frameon": False, "savefig.transparent": True,
    }  # fmt: skip
    return mpl.rc_context(settings)


def png(result: Result) -> bytes | None:
    """The small picture beside a finding, or None where its check draws nothing."""
    try:
        drawn = _drawn(result, SMALL, 8.5)
        return None if drawn is None else encoded(drawn)
    except Exception:  # a bug of ours in a picture must not take the finding with it
        return None


def figure(result: Result) -> Figure | None:
    """The same at the size of a paper's column."""
    return _drawn(result, LARGE, 9.0)


def encoded(drawn: Figure) -> bytes:
    """A figure as a transparent PNG at twice the pixels."""
    out = io.BytesIO()
    with styled(), warnings.catch_warnings():  # lines look up "C0" only when they are drawn
        warnings.filterwarnings("ignore", message="Glyph")  # a user's name may be in any script
        drawn.savefig(out, format="png", dpi=2 * PIXELS, transparent=True)
    return out.getvalue()


def few_colours(png: bytes) -> bytes:
    """The same picture from a palette of 64 colours: a quarter of the size, and no difference to see in lines."""
    from PIL import Image

    out = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        image.quantize(64, method=Image.Quantize.FASTOCTREE).save(out, format="png", optimize=True)
    return out.getvalue()


def _drawn(result: Result, size: tuple[float, float], type_size: float) -> Figure | None:
    draw = drawing_of(result)
    if draw is None:
        return None
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with styled(type_size):
        drawn = Figure(figsize=size, dpi=PIXELS, layout="constrained")
        FigureCanvasAgg(drawn)
        ax = drawn.add_subplot()
        draw(ax, result.finding.seen)
        if not ax.dataLim.width > 0:  # one layer, or no bar longer than nothing: the sentence says it already
            return None
        _fit(drawn, ax, type_size)
    return drawn


def _fit(drawn: Figure, ax: Axes, type_size: float) -> None:
    """Labels of one size that do not touch; room for every bar."""
    from matplotlib.patches import Rectangle

    for text in ax.texts:
        text.set_fontsize(type_size)
    if type(ax.xaxis.get_major_locator()).__name__ == "AutoLocator":
        places: list[Any] = [x for line in ax.lines for x in list(line.get_xdata(orig=False))]  # type: ignore[arg-type]
        counted = not ax.patches and all(x == x // 1 for x in places)  # there is no layer 1.5
        ax.locator_params(axis="x", nbins=3, integer=counted)
    bars = {patch.get_y() for patch in ax.patches if isinstance(patch, Rectangle)}
    if len(bars) > 1:
        drawn.set_figheight(max(drawn.get_figheight(), BAR * type_size * len(bars)))
