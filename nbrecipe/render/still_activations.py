"""What a batch does inside a net as a picture that needs no script: histograms, and maps of the first example."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..pictures.activations import Activations, Layer
from .figure import EXPECTED, YOURS, encoded, styled
from .tiles import mosaic

#: layers that the picture has room for, and inches of each
ROWS, TALL = 10, 0.72
#: pictures of a layer
PICTURES = 10


def png(seen: Activations) -> bytes:
    """Some layers from first to last, transparent, readable on white and on black."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    chosen = np.unique(np.linspace(0, len(seen.layers) - 1, min(ROWS, len(seen.layers))).round().astype(int))
    layers = [seen.layers[i] for i in chosen]
    with styled(8.0):
        drawn = Figure(figsize=(9.4, TALL * len(layers) + 0.4), dpi=100, layout="constrained")
        FigureCanvasAgg(drawn)
        axes = drawn.subplots(len(layers), 2, squeeze=False, width_ratios=[1, 2.6])
        for (left, right), layer in zip(axes, layers, strict=True):
            _histogram(left, layer, seen.name)
            _maps(right, layer)
        row = seen.examples[0] if seen.examples else 0
        axes[0][1].set_title(f"outputs for example {row}; black is low, white high", loc="left")
    return encoded(drawn)


def _histogram(ax: Any, layer: Layer, name: str) -> None:
    from .filters import spelled

    low, high = layer.edges
    places = np.linspace(low, high, len(layer.counts) + 1)
    ax.stairs(np.sqrt(layer.counts), places, fill=True, color=YOURS)
    ax.axvline(0, color=EXPECTED, linewidth=0.6)
    ax.set_yticks([])
    ax.locator_params(axis="x", nbins=3)
    ax.spines["left"].set_visible(False)
    ax.set_title(spelled(name, layer.path).replace("$", r"\$")[-40:], loc="left", fontsize=7.5)


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
