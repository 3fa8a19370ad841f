"""What a batch does inside a net as a picture that needs no script: histograms, and maps of the first example."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...finding import number, spelled
from ...pictures.activations import Activations, Layer
from ..pieces.figure import EXPECTED, TEXT, YOURS, encoded, styled
from ..pieces.tiles import mosaic

#: layers that the picture has room for, inches of each, and of all across
ROWS, TALL, WIDE = 8, 0.74, 9.4
#: pictures of a layer
PICTURES = 10


def png(seen: Activations) -> bytes:
    """Some layers from first to last, transparent, readable on white and on black."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    chosen = np.unique(np.linspace(0, len(seen.layers) - 1, min(ROWS, len(seen.layers))).round().astype(int))
    tall, row = TALL * len(chosen) + 0.3, seen.examples[0] if seen.examples else 0
    with styled(8.0):
        drawn = Figure(figsize=(WIDE, tall), dpi=100)  # axes are placed by hand: a layout of twenty takes seconds
        FigureCanvasAgg(drawn)
        for place, i in enumerate(chosen):
            bottom, height = (tall - 0.3 - TALL * (place + 1) + 0.17) / tall, (TALL - 0.34) / tall
            _histogram(drawn.add_axes((0.01, bottom, 0.26, height)), seen.layers[i], seen.name)
            _maps(drawn.add_axes((0.3, bottom, 0.69, height * 1.3)), seen.layers[i])
        told = f"outputs for example {row}; black is low, white high"
        drawn.text(0.3, 1 - 0.04 / tall, told, va="top", color=TEXT)
    return encoded(drawn)


def _histogram(ax: Any, layer: Layer, name: str) -> None:
    low, high = layer.edges
    ax.set_axis_off()
    ax.stairs(np.sqrt(layer.counts), np.linspace(low, high, len(layer.counts) + 1), fill=True, color=YOURS)
    ax.axhline(0, color=EXPECTED, linewidth=0.6)
    if low < 0 < high:
        ax.axvline(0, color=EXPECTED, linewidth=0.6)
    ax.set_xlim(low, high)
    path = spelled(name, layer.path).replace("$", r"\$")
    ax.text(0, 1.06, path[-40:], transform=ax.transAxes, fontsize=7.5)
    ax.text(0, -0.06, number(low, 3), transform=ax.transAxes, va="top", fontsize=7)
    ax.text(1, -0.06, number(high, 3), transform=ax.transAxes, va="top", ha="right", fontsize=7)


def _maps(ax: Any, layer: Layer) -> None:
    ax.set_axis_off()
    ax.set_anchor("W")
    if layer.maps is None or not layer.maps.size:
        return
    maps = np.nan_to_num(layer.maps[0, :PICTURES].astype("f4"))
    low, high = np.percentile(maps, (0.5, 99.5))
    scaled = (np.clip((maps - low) / ((high - low) or 1.0), 0, 1) * 255).astype("u1")[..., None]
    zoom = max(1, 64 // max(scaled.shape[1:3]))
    ax.imshow(mosaic(scaled, len(scaled), zoom), interpolation="nearest")
