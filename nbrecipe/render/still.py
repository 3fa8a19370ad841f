"""A film's last frame as a picture that needs no script, and its outcome in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..film import Film, Kind
from ..finding import number
from .figure import EXPECTED, WRONG, YOURS, encoded, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROWS = 24


def outcome(film: Film) -> str:
    """What the picture shows, in words."""
    losses = [loss for _, loss in film.losses if math.isfinite(loss)]
    told = f"Loss from {number(losses[0])} to {number(losses[-1])}" if losses else "No loss was recorded"
    if film.losses:
        told += f" in {film.losses[-1][0]} steps"
    if film.floor is not None:
        told += f"; the lowest possible is {number(film.floor)}"
    count = len(film.labels)
    if film.aligned is not None:
        told += f". Every prediction stayed on its label from step {film.aligned} on"
    elif count and film.frames:
        told += f". {count - len(film.refused)} of {count} predictions reached their label"
    return told + "."


def png(film: Film) -> bytes:
    """Loss and last predictions side by side, transparent, readable on white and on black."""
    return encoded(figure(film))


def figure(film: Film) -> Figure:
    """The same as a figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    draw = DRAWN.get(film.kind) if film.frames else None
    with styled(9.0):
        drawn = Figure(figsize=(9.4, 2.9), dpi=100, layout="constrained")
        FigureCanvasAgg(drawn)
        axes = drawn.subplots(1, 2 if draw else 1, squeeze=False)[0]
        _losses(axes[0], film)
        if draw is not None:
            draw(axes[1], film)
    return drawn


def _losses(ax: Axes, film: Film) -> None:
    known = [(step, loss) for step, loss in film.losses if math.isfinite(loss)]
    log = bool(known) and all(loss >= 0 for _, loss in known) and any(loss > 0 for _, loss in known)
    if log:
        ax.set_yscale("log", nonpositive="clip")
    ax.plot([step for step, _ in known], [loss for _, loss in known], color=YOURS)
    for value, name, x, side in (
        (film.expected, "a guess", 1.0, "right"),
        (film.floor, "lowest possible", 0.0, "left"),
    ):
        if value is None or (log and value <= 0):
            continue
        ax.axhline(value, color=EXPECTED, linewidth=0.8, linestyle=(0, (3, 3)))
        ax.annotate(
            f"{name} {number(value)}", (x, value), xycoords=("axes fraction", "data"), xytext=(0, 3),
            textcoords="offset points", ha=side, fontsize=9,
        )  # fmt: skip
    _titled(ax, "Loss per step" + (", log scale" if log else ""))


def _classes(ax: Axes, film: Film) -> None:
    frame, guess = film.frames[-1], film.guesses[-1] if film.guesses else None
    for row in range(min(len(film.labels), ROWS)):
        said = None if guess is None else film.names.get(int(guess[row]), str(int(guess[row])))
        wrong = frame[row] < 0.5 if said is None else said != film.labels[row]
        colour = WRONG if wrong else YOURS
        ax.plot([frame[row], 1], [row, row], color=colour, clip_on=False)
        ax.plot([frame[row]], [row], "o", color=colour, markerfacecolor="none" if wrong else colour, clip_on=False)
        ax.plot([1], [row], "|", color=EXPECTED, markersize=6, markeredgewidth=1.4, clip_on=False)
        if wrong and said is not None:
            ax.annotate(f"→ {said}", (1, row), xytext=(7, 0), textcoords="offset points", va="center", color=WRONG)
    shown = film.labels[:ROWS]
    ax.set_yticks(range(len(shown)), [f"label {label}" if len(label) < 4 else label[:14] for label in shown])
    ax.set_ylim(len(shown) - 0.4, -0.6)
    ax.set_xlim(0, 1)
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(length=0, labelsize=9 if len(shown) <= 16 else 7)
    _titled(ax, "Prediction meets label: probability of the label")


def _regression(ax: Axes, film: Film) -> None:
    import numpy as np

    target, frame = film.targets.ravel(), film.frames[-1].ravel()
    low, high = film.limits or (float(np.nanmin(target)), float(np.nanmax(target)))
    near = np.abs(frame - target) <= film.notes.get("tolerance", 0.05 * ((high - low) or 1))
    ax.plot([low, high], [low, high], color=EXPECTED, linewidth=0.8, linestyle=(0, (3, 3)))
    ax.vlines(target, frame, target, colors=[YOURS if is_near else WRONG for is_near in near], linewidth=1.2)
    ax.plot(target[near], frame[near], "o", color=YOURS)
    ax.plot(target[~near], frame[~near], "o", color=WRONG, markerfacecolor="none")
    ax.set_xlabel("target")
    ax.set_ylabel("predicted")
    _titled(ax, "Prediction meets target")


def _tokens(ax: Axes, film: Film) -> None:
    import numpy as np

    frame = np.where(film.targets == film.ignored, np.nan, film.frames[-1].astype("f8"))
    _grid(ax, frame, "Prediction meets text: probability of each token")
    ax.set_xlabel("position")
    ax.set_ylabel("text")


def _multilabel(ax: Axes, film: Film) -> None:
    import numpy as np

    right = np.where(film.targets >= 0.5, film.frames[-1], 1 - film.frames[-1])
    _grid(ax, right, "Prediction meets labels: probability of what is right")
    ax.set_xlabel("label")
    ax.set_ylabel("row")


def _images(ax: Axes, film: Film) -> None:
    import numpy as np

    count = min(len(film.targets), 8)
    pairs = [np.vstack([film.targets[i], film.frames[-1][i]]) for i in range(count)]
    low, high = film.limits or (float(np.nanmin(film.targets)), float(np.nanmax(film.targets)))
    ax.imshow(np.hstack(pairs), cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    ax.set_axis_off()
    _titled(ax, "Prediction meets target: target above, prediction below")


def _grid(ax: Axes, right: Any, title: str) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("right", [WRONG, "#74788433", YOURS])
    ax.imshow(right, cmap=shades, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    ax.tick_params(length=0)
    ax.spines[["left", "bottom"]].set_visible(False)
    _titled(ax, title)


def _titled(ax: Axes, title: str) -> None:
    ax.set_title(title, loc="left")


DRAWN = {
    Kind.CLASSES: _classes,
    Kind.REGRESSION: _regression,
    Kind.TOKENS: _tokens,
    Kind.MULTILABEL: _multilabel,
    Kind.IMAGES: _images,
}
