"""The filters of the first layers as a picture that needs no script."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ...finding import spelled
from ...pictures.filters import Filters, Layer
from ..pieces.figure import EXPECTED, TEXT, YOURS, encoded, few_colours, styled
from ..pieces.tiles import mosaic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: layers and filters that the picture has room for; fewer of both until it fits into so many bytes
LAYERS, TILES, BYTES = 3, 128, 75_000
FEWER = ((1, 64), (1, 32), (1, 12), (1, 4))
#: inches, and picture elements of a mosaic's width
WIDTH, ELEMENTS = 9.4, 900


def png(shown: Filters) -> bytes:
    """The largest filters of the first layers, transparent, readable on white and on black."""
    for layers, tiles in ((LAYERS, TILES), *FEWER):
        made = encoded(figure(shown, layers, tiles))
        made = few_colours(made) if len(made) > BYTES else made
        if len(made) <= BYTES:
            break
    return made


def figure(shown: Filters, most: int = LAYERS, tiles: int = TILES) -> Figure:
    """The same as a figure, of so many layers and filters."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    layers = shown.layers[:most]
    drawings = [_drawing(shown, layer, tiles) for layer in layers]
    with styled(9.0):
        drawn = Figure(figsize=(WIDTH, sum(height for height, _ in drawings)), dpi=100, layout="constrained")
        FigureCanvasAgg(drawn)
        rows = drawn.subfigures(len(layers), 1, squeeze=False, height_ratios=[height for height, _ in drawings])[:, 0]
        for row, (_, draw) in zip(rows, drawings, strict=True):
            draw(row)
    return drawn


def _drawing(shown: Filters, layer: Layer, most: int) -> tuple[float, Any]:
    """Height in inches, and what fills a part of the figure."""
    from .filters import faces

    name = spelled(shown.name, layer.path)
    if layer.form == "map":
        return 3.4, lambda part: _map(part.subplots(), layer, name)
    if layer.form == "curve":
        return 2.6, lambda part: _curves(part, layer, name, shown.before)
    tiles = [("", faces(layer)[0][0][:most])]
    if layer.before is not None:
        tiles = [(shown.before, faces(layer, before=True)[0][0][:most]), ("now", tiles[0][1])]
    wide, (height, width) = WIDTH / len(tiles), tiles[0][1].shape[1:3]
    columns = min(len(tiles[0][1]), max(4, math.ceil(math.sqrt(len(tiles[0][1]) * wide / 2.6 * height / width))))
    rows = math.ceil(len(tiles[0][1]) / columns)
    tall = min(4.0, wide / columns * rows * height / width) + 0.35
    return tall, lambda part: _images(part, tiles, columns, name, layer)


def _images(part: Any, tiles: list[tuple[str, np.ndarray]], columns: int, name: str, layer: Layer) -> None:
    axes = part.subplots(1, len(tiles), squeeze=False)[0]
    for ax, (when, some) in zip(axes, tiles, strict=True):
        zoom = max(1, round(ELEMENTS / len(tiles) / columns / some.shape[2]))
        ax.imshow(mosaic(some, columns, zoom), interpolation="nearest")
        ax.set_anchor("NW")
        ax.set_axis_off()
        what = f"{name}, {when}" if when else f"{name}: {layer.shape}, by norm; grey is zero, white positive"
        ax.set_title(_plain(what), loc="left")


def _curves(part: Any, layer: Layer, name: str, before: str) -> None:
    count = min(len(layer.weights), 24)
    columns = max(1, min(count, 8))
    axes = part.subplots(math.ceil(count / columns), columns, squeeze=False, sharex=True, sharey=True).flatten()
    for i, ax in enumerate(axes):
        ax.set_axis_off()
        if i >= count:
            continue
        ax.axhline(0, color=EXPECTED, linewidth=0.5)
        if layer.before is not None:
            ax.plot(layer.before[i, :, 0].T, color=EXPECTED, linewidth=0.8)
        for channel in layer.weights[i, :4, 0]:
            if layer.scores is None:
                ax.bar(range(len(channel)), channel, color=YOURS)
            else:
                ax.plot(channel, color=YOURS, linewidth=1.0)
        ax.set_ylim(-layer.scale, layer.scale)
    more = f"; thin and grey: {before}" if layer.before is not None else ""
    told = _plain(f"{name}: {layer.shape}, by norm, on one scale{more}")
    part.suptitle(told, x=0.01, ha="left", color=TEXT, fontsize=9)


def _map(ax: Axes, layer: Layer, name: str) -> None:
    points = layer.weights
    often = np.zeros(len(points)) if layer.seen is None else layer.seen
    there = often > 0
    ax.plot(*points[~there].T, "o", color=EXPECTED, markersize=2, alpha=0.6)
    ax.plot(*points[there].T, "o", color=YOURS, markersize=3.5)
    for i in np.argsort(-often if there.any() else -layer.norms)[:16]:
        ax.annotate(_plain(layer.names[i]), points[i], (3, 3), textcoords="offset points", fontsize=7)
    shares = " and ".join(f"{share:.0%}" for share in layer.shares)
    ax.set_title(_plain(f"{name}: {layer.shape}, principal components ({shares}); blue: in this batch"), loc="left")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[["left", "bottom"]].set_visible(False)


def _plain(words: str) -> str:
    """Text that matplotlib does not take for mathematics."""
    return words.replace("`", "").replace("$", r"\$")
