"""A finding's picture, drawn from its numbers alone; readable on white and on black."""

from __future__ import annotations

import io
import math
import textwrap
import warnings
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from ...finding import Result, number
from ...report import drawing_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

#: mid-tones with a contrast of nearly 4 on white and on #111418, because a saved image cannot follow the theme
TEXT = "#747e8a"
YOURS, WRONG, EXPECTED = "#287cf0", "#c55a0a", "#747e8a"
PIXELS = 100
#: inches; a check may set its own
SMALL, LARGE = (2.4, 1.15), (5.0, 3.0)
#: inches that a horizontal bar and its name take for each point of type
BAR = 0.02
#: from which on an axis counts in thousands: its numbers would touch
THOUSANDS = 1e5
#: inches for the numbers and the name of the axis beneath, and for another line of it
BENEATH, LINE = 0.42, 0.13
#: share of the width that the names of bars may take
NAMES = 0.6
#: pixels between an axis and what stands beside it
AIR = 10


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
    """Labels of one size that neither touch nor leave the picture; room for every bar and name."""
    from matplotlib.patches import Rectangle

    for text in ax.texts:
        text.set_fontsize(type_size)
    if type(ax.xaxis.get_major_locator()).__name__ == "AutoLocator":
        places: list[Any] = [x for line in ax.lines for x in list(line.get_xdata(orig=False))]  # type: ignore[arg-type]
        places += [patch.get_width() for patch in ax.patches if isinstance(patch, Rectangle)]
        counted = all(x == x // 1 for x in places)  # there is no layer 1.5, and no half of a row
        ax.locator_params(axis="x", nbins=3, integer=counted)
        if THOUSANDS <= ax.get_xlim()[1] < 1000 * THOUSANDS:
            ax.xaxis.set_major_formatter(lambda value, _: f"{value / 1000:g}k" if value else "0")
    bars = {patch.get_y() for patch in ax.patches if isinstance(patch, Rectangle)}
    names = [name for name in ax.get_yticklabels() if any(map(str.isalpha, name.get_text()))]
    if names:
        room = NAMES * drawn.bbox.width
        ax.set_yticks(ax.get_yticks(), [_cut(name, room) for name in ax.get_yticklabels()])
    rows = max(len(bars), len(names))
    if rows > 1:
        drawn.set_figheight(max(drawn.get_figheight(), BAR * type_size * rows + BENEATH))
    up = ax.yaxis.label
    beside = max((tick.get_window_extent().width for tick in ax.get_yticklabels()), default=0.0)
    _name_axes(drawn, ax, beside + AIR + up.get_window_extent().width)
    if not ax.lines and not ax.texts:
        _tell_bars(drawn.bbox.width - beside - AIR, ax)


def _name_axes(drawn: Figure, ax: Axes, beside: float) -> None:
    """The names of the axes in as many lines as there is room for, and beneath long names of bars to the right."""
    across, up = ax.xaxis.label, ax.yaxis.label
    below = 2 * AIR + 2 * across.get_window_extent().height
    _break(across, across.get_window_extent().width, drawn.bbox.width)
    _break(up, up.get_window_extent().height, drawn.bbox.height - below)
    drawn.set_figheight(drawn.get_figheight() + LINE * across.get_text().count("\n"))
    if across.get_window_extent().width > drawn.bbox.width - beside:
        ax.set_xlabel(across.get_text(), loc="right")


def _cut(name: Text, room: float) -> str:
    """A name with its middle left out where it has more letters than there is room for."""
    told, long = name.get_text(), name.get_window_extent().width
    if long <= room:
        return told
    half = int(len(told) * room / long - 1) // 2
    return f"{told[:half]}…{told[-half:]}"


def _break(name: Text, long: float, room: float) -> None:
    """Break a name into lines of one length."""
    told = name.get_text()
    if long > room:
        even = math.ceil(len(told) / math.ceil(long / room)) + 2
        name.set_text(textwrap.fill(told, min(even, int(len(told) * room / long))))


def _tell_bars(room: float, ax: Axes) -> None:
    """The number of each lying bar at its end: a short one beside a long one is not seen."""
    from matplotlib.container import BarContainer

    for bars in ax.containers:
        if not isinstance(bars, BarContainer) or bars.orientation != "horizontal":
            continue
        values: list[float] = [float(patch.get_width()) for patch in bars.patches]
        if min(values) < 0 or not math.isfinite(max(values)):
            continue
        told = ax.bar_label(bars, [_brief(value) for value in values], padding=3)
        wide = max(text.get_window_extent().width for text in told) + AIR
        ax.set_xlim(right=max(values) * (1 + wide / max(room - wide, wide)))


def _brief(value: float) -> str:
    return str(int(value)) if value.is_integer() and value < 1e6 else number(value, 3)
