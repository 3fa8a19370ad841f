"""The first batch as a picture that needs no script: for papers, and for places that show no HTML."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from ...pictures.batch import Batches, Images, Series, Table, Texts, View
from ..pieces.figure import EXPECTED, PIXELS, TEXT, WRONG, YOURS, few_colours, styled
from ..pieces.raster import TONES, blended
from .samples import spoken

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: inches of the whole width and of each kind of row; views, and letters of a line, that have room
WIDTH, VIEWS, LETTERS = 9.4, 2, 110
HEIGHTS = {Images: 1.7, Series: 1.5}
#: images and sequences in a row, lines of text and rows of a table
EIGHT, SIX = 8, 6
LINE = 0.2
#: bytes from which on the picture is made with few colours
MOST = 60_000


def png(shown: Batches) -> bytes | None:
    """The picture, readable on white and on black; None where there is nothing to draw."""
    drawn = figure(shown)
    if drawn is None:
        return None
    out = io.BytesIO()
    with styled(8.0):
        drawn.savefig(out, format="png", dpi=1.5 * PIXELS, transparent=True)
    made = out.getvalue()
    return made if len(made) <= MOST else few_colours(made)


def figure(shown: Batches) -> Figure | None:
    """The same as a figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    views = shown.pages[0].views[:VIEWS]
    if not views:
        return None
    heights = [_height(view) for view in views]
    with styled(8.0):
        drawn = Figure(figsize=(WIDTH, sum(heights)), dpi=PIXELS, layout="constrained")
        FigureCanvasAgg(drawn)
        rows: Any = drawn.subfigures(len(views), 1, height_ratios=heights, squeeze=False)
        for place, view in zip(rows[:, 0], views, strict=True):
            told = f"{view.name}: {view.told}" if view.told else view.name
            place.suptitle(_plain(told)[:LETTERS], x=0.005, ha="left")
            _draw(place, view)
    return drawn


def _height(view: View) -> float:
    if isinstance(view, (Images, Series)):
        return HEIGHTS[type(view)]
    lines = min(SIX, len(view.rows)) * (2 if isinstance(view, Texts) and view.targets else 1)
    return 0.4 + LINE * (lines + 1)


def _draw(place: Any, view: View) -> None:
    if isinstance(view, Images):
        _images(place, view)
    elif isinstance(view, Series):
        _series(place, view)
    else:
        _lines(place, _rows(view))


def _images(place: Any, view: Images) -> None:
    axes = place.subplots(1, EIGHT, squeeze=False)[0]
    for i, ax in enumerate(axes):
        ax.axis("off")
        if i >= len(view.pixels):
            continue
        pixels = blended(view.pixels[i], view.masks[i] if i < len(view.masks) else None)
        ax.imshow(pixels, interpolation="nearest")
        height, width = pixels.shape[:2]
        for k, box in enumerate(view.boxes[i] if i < len(view.boxes) else ()):
            x = [box.left, box.right, box.right, box.left, box.left]
            y = [box.top, box.top, box.bottom, box.bottom, box.top]
            ax.plot(np.multiply(x, width) - 0.5, np.multiply(y, height) - 0.5, color=TONES[k % len(TONES)], linewidth=1)
        if i < len(view.captions):
            ax.set_title(_plain(view.captions[i][:16]), fontsize=7, y=-0.24, color=YOURS)


def _series(place: Any, view: Series) -> None:
    axes = place.subplots(1, SIX, squeeze=False, sharey=True)[0]
    for i, ax in enumerate(axes):
        if i >= len(view.values):
            ax.axis("off")
            continue
        for k, ends in enumerate(view.values[i]):
            colour = (YOURS, WRONG, EXPECTED)[k] if k < 3 else TONES[k % len(TONES)]
            x = np.arange(len(ends)) * view.steps / len(ends)
            ends = np.where(np.isfinite(ends), ends, np.nan)
            ax.fill_between(x, ends[:, 0], ends[:, 1], color=colour, alpha=0.4, linewidth=0)
            ax.plot(x, ends.mean(1), color=colour, linewidth=0.8)
        ax.spines[["left", "bottom"]].set_visible(False)
        ax.tick_params(length=0)
        if i < len(view.captions):
            ax.set_title(_plain(view.captions[i][:18]), fontsize=7, color=YOURS)


def _lines(place: Any, lines: list[tuple[str, str]]) -> None:
    ax = place.subplots()
    ax.axis("off")
    ax.set_ylim(max(1, len(lines)) - 0.5, -0.5)
    for i, (line, colour) in enumerate(lines):
        ax.text(0, i, _plain(line[:LETTERS]), family="monospace", fontsize=7.5, va="center", color=colour)


def _rows(view: Texts | Table) -> list[tuple[str, str]]:
    """Lines of letters, each with its colour."""
    found: list[tuple[str, str]] = []
    if isinstance(view, Table):
        names = [*(["target"] if view.captions else []), *view.columns[:8]]
        found.append((" ".join(f"{name[:10]:>10}" for name in names), EXPECTED))
    for i, row in enumerate(view.rows[:SIX]):
        label = view.captions[i] if i < len(view.captions) else ""
        if isinstance(view, Table):
            cells = [*([label] if view.captions else []), *(str(cell) for cell in row[:8])]
            found.append((" ".join(f"{cell[:10]:>10}" for cell in cells), TEXT))
        else:
            found.append((spoken(view.rows[i]) + (f"  → {label}" if label else ""), TEXT))
            found += [(f"target: {spoken(view.targets[i])}", EXPECTED)] if i < len(view.targets) else []
    return found


def _plain(told: str) -> str:
    return told.replace("`", "").replace("$", r"\$")
