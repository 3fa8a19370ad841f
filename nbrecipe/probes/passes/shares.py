"""How a share of every layer's units is drawn, whatever it is a share of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_shares(ax: Axes, layers: Sequence[str], shares: Sequence[float], told: Sequence[str], limit: float) -> None:
    """A bar for each layer, the first on top, with its number beside it; from `limit` on in the colour of a fault."""
    places = range(len(shares))
    ax.barh(list(places), list(shares), color=["C1" if share >= limit else "C0" for share in shares])
    for place, (share, number) in enumerate(zip(shares, told, strict=True)):
        ax.text(share, place, f" {number}", va="center", fontsize=7)
    ax.set_yticks(list(places), layers)
    ax.set_xlim(0, 1.6)
    ax.set_xticks([])
    ax.invert_yaxis()
