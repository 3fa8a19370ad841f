"""Labels and axes of a data set as bars, in one picture that needs no script."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ...finding import percent
from ...pictures.dates import DAYS, day_of
from ...pictures.inspection import Axis, Balance, Inspection
from ..pieces.figure import EXPECTED, WRONG, YOURS, encoded, few_colours, styled
from ..pieces.words import readable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: axes that the picture has room for, in rows of so many
AXES, ACROSS = 8, 4
WIDTH, LABELS_HEIGHT, AXIS_HEIGHT = 9.4, 1.9, 1.35
#: letters of a label under its bar, and bytes from which on the picture is made with few colours
LETTERS, MOST = 12, 60_000
#: labels for which there is room at least, so that two of them are no walls
FEW = 8
COLOURS = (YOURS, WRONG, EXPECTED)


def png(shown: Inspection) -> bytes | None:
    """The picture, transparent, readable on white and on black; None where there is nothing to draw."""
    drawn = figure(shown)
    if drawn is None:
        return None
    made = encoded(drawn)
    return few_colours(made) if len(made) > MOST else made


def figure(shown: Inspection) -> Figure | None:
    """The same as a figure: labels above, the axes whose furthest rows lie furthest out below."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    axes = told(shown)
    rows = math.ceil(len(axes) / ACROSS)
    heights = ([LABELS_HEIGHT] if shown.balance is not None else []) + ([AXIS_HEIGHT * rows] if rows else [])
    if not heights:
        return None
    names = [split.name for split in shown.splits]
    with styled(8.5):
        drawn = Figure(figsize=(WIDTH, sum(heights)), dpi=100, layout="constrained")
        FigureCanvasAgg(drawn)
        parts: Any = drawn.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
        if shown.balance is not None:
            _balance(parts[0].subplots(), shown.balance, names)
        if rows:
            grid = parts[-1].subplots(rows, ACROSS, squeeze=False).flatten()
            for ax, axis in zip(grid, axes, strict=False):
                _axis(ax, axis)
            for ax in grid[len(axes) :]:
                ax.axis("off")
    return drawn


def told(shown: Inspection) -> list[Axis]:
    """The axes that vary, those that lie furthest out where there are too many."""
    varying = [axis for axis in shown.axes if axis.out > 0]
    if len(varying) <= AXES:
        return varying
    chosen = sorted(varying, key=lambda axis: -axis.out)[:AXES]
    return [axis for axis in varying if any(axis is one for one in chosen)]


def _balance(ax: Axes, balance: Balance, names: list[str]) -> None:
    shares = balance.counts / np.maximum(balance.counts.sum(1, keepdims=True), 1)
    count, width = len(balance.names), 0.8 / len(names)
    for k, name in enumerate(names):
        ax.bar(np.arange(count) + (k - (len(names) - 1) / 2) * width, shares[k], width * 0.92, color=COLOURS[k % 3],
               label=name)  # fmt: skip
    ax.set_xticks(range(count), [_plain(name) for name in balance.names], rotation=35 if _long(balance) else 0,
                  ha="right" if _long(balance) else "center")  # fmt: skip
    ax.set_xlim(-0.6, max(count, FEW) - 0.4)
    ax.yaxis.set_major_formatter(lambda value, _: f"{percent(value, 0)}")
    ax.locator_params(axis="y", nbins=4)
    ax.spines[["left"]].set_visible(False)
    ax.tick_params(length=0)
    more = f"; {balance.left} more" if balance.left else ""
    ax.set_title(f"Labels, share of the rows{more}", loc="left")
    if len(names) > 1:
        ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=len(names), borderaxespad=0, handlelength=1)


def _long(balance: Balance) -> bool:
    return max(map(len, balance.names)) * len(balance.names) > 90


def _axis(ax: Axes, axis: Axis) -> None:
    middles = (axis.edges[1:] + axis.edges[:-1]) / 2
    ax.bar(middles, axis.shares[0], np.diff(axis.edges) * 0.92, color=YOURS, linewidth=0)
    for k in range(1, len(axis.shares)):
        if axis.shares[k].any():
            ax.stairs(axis.shares[k], axis.edges, color=COLOURS[k % 3], linewidth=1.1)
    ax.set_yticks([])
    ax.locator_params(axis="x", nbins=3)
    ax.spines[["left"]].set_visible(False)
    ax.tick_params(length=0)
    if axis.dated:
        ends = [float(axis.edges[0]), float(axis.edges[-1])]
        told = [day_of(end, DAYS * (ends[1] - ends[0])) for end in ends]
        ax.set_xticks(ends, [one[5:16] if ":" in one else one for one in told])  # two of them have to fit
        for word, side in zip(ax.get_xticklabels(), ("left", "right"), strict=True):
            word.set(horizontalalignment=side)
    else:
        ax.ticklabel_format(axis="x", useOffset=False)
    ax.set_title(_plain(axis.name, 26), loc="left", fontsize=8.5)


def _plain(told: str, letters: int = LETTERS) -> str:
    plain = readable(told)
    cut = plain if len(plain) <= letters else plain[: letters - 1] + "…"
    return cut.replace("$", r"\$")
