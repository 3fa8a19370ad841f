"""How long texts are in tokens, as a picture that needs no script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...pictures.tokens import Tokens
from ..pieces.figure import WRONG, YOURS, encoded, few_colours, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 4.6, 1.5
#: bytes from which on the picture is made with few colours
MOST = 40_000


def png(shown: Tokens) -> bytes | None:
    """The picture, transparent, readable on white and on black; None where there is nothing to draw."""
    drawn = figure(shown)
    if drawn is None:
        return None
    made = encoded(drawn)
    return few_colours(made) if len(made) > MOST else made


def figure(shown: Tokens) -> Figure | None:
    """The same as a figure: texts by length, those beyond what is allowed in another colour, and a line between."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    lengths = shown.lengths
    if lengths is None or not np.any(lengths.counts):
        return None
    with styled(8.5):
        drawn = Figure(figsize=(WIDTH, HEIGHT), dpi=100, layout="constrained")
        FigureCanvasAgg(drawn)
        ax: Any = drawn.subplots()
        over = np.zeros(len(lengths.counts), bool) if lengths.limit is None else lengths.edges[:-1] > lengths.limit
        widths = np.diff(lengths.edges)
        ax.bar(lengths.edges[:-1], lengths.counts, widths * 0.94, align="edge", linewidth=0,
               color=np.where(over, WRONG, YOURS))  # fmt: skip
        allowed = ""
        if lengths.limit is not None:
            ax.axvline(lengths.limit + 1, color=WRONG, linewidth=1)
            allowed = f"; {lengths.limit} are allowed"
        ax.set_yticks([])
        ax.locator_params(axis="x", nbins=6)
        ax.spines[["left"]].set_visible(False)
        ax.tick_params(length=0)
        ax.set_title(f"Tokens in a {shown.kind}{allowed}", loc="left")
    return drawn
