"""A film's last frame as a picture that needs no script, and its outcome in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ...film import Film, Kind
from ...finding import number
from ..pieces.figure import EXPECTED, WRONG, YOURS, encoded, few_colours, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: what the picture has room for: rows, texts, letters of a text, pairs of images
ROWS, TEXTS, LETTERS, PAIRS = 24, 6, 64, 8


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
    made = encoded(figure(film))
    return made if film.kind is Kind.IMAGES else few_colours(made)


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
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.plot([step for step, _ in known], [loss for _, loss in known], color=YOURS)
    levels = (film.expected, "a guess", 1.0, "right"), (film.floor, "lowest possible", 0.0, "left")
    for value, name, x, side in levels:
        if value is None or (log and value <= 0):
            continue
        ax.axhline(value, color=EXPECTED, linewidth=0.8, linestyle=(0, (3, 3)))
        at, above = (x, value), (4 if side == "left" else 0, 3)
        ax.annotate(
            f"{name} {number(value)}", at, above, ("axes fraction", "data"), textcoords="offset points", ha=side
        )
    ax.set_xlabel("step", loc="right")
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(length=0)
    ax.set_title("Loss per step" + (", log scale" if log else ""), loc="left")


def _classes(ax: Axes, film: Film) -> None:
    frame, guess = film.frames[-1], film.guesses[-1] if film.guesses else None
    rows = range(min(len(film.labels), ROWS))
    for row in rows:
        named = None if guess is None else _names(film, int(guess[row]))
        wrong = frame[row] < 0.5 if named is None else film.labels[row] not in named
        colour = WRONG if wrong else YOURS
        ax.plot([frame[row], 1], [row, row], color=colour, clip_on=False)
        ax.plot([frame[row]], [row], "o", color=colour, markerfacecolor="none" if wrong else colour, clip_on=False)
        ax.plot([1], [row], "|", color=EXPECTED, markersize=6, markeredgewidth=1.4, clip_on=False)
        if wrong and named:
            told = f"→ {_plain(named[-1])}"
            ax.annotate(told, (1, row), (7, 0), textcoords="offset points", va="center", color=WRONG)
    brief = all(len(label) < 5 for label in film.labels)
    ax.set_yticks(rows, [_plain(f"label {film.labels[i]}" if brief else film.labels[i][:14]) for i in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xlim(0, 1)
    ax.set_xticks([0, 1])
    _framed(ax, "Prediction meets label: every dot should reach its tick", xlabel="probability of the label")
    ax.tick_params("y", labelsize=9 if len(rows) <= 14 else 7.5)


def _regression(ax: Axes, film: Film) -> None:
    import numpy as np

    target, frame = film.targets.reshape(len(film.targets), -1), film.frames[-1].reshape(len(film.targets), -1)
    spread = np.nanstd(target, axis=0)
    near = (np.abs(frame - target) <= 0.05 * np.where(spread > 0, spread, np.abs(target).mean(axis=0))).ravel()
    x, y = target.ravel(), frame.ravel()
    low, high = float(np.nanmin(x)), float(np.nanmax(x))
    ax.plot([low, high], [low, high], color=EXPECTED, linewidth=0.8, linestyle=(0, (3, 3)))
    ax.vlines(x, y, x, colors=[YOURS if is_near else WRONG for is_near in near], linewidth=1.2)
    ax.plot(x[near], y[near], "o", color=YOURS)
    ax.plot(x[~near], y[~near], "o", color=WRONG, markerfacecolor="none")
    _framed(ax, "Prediction meets target: every dot should reach the diagonal", xlabel="target", ylabel="predicted")


def _tokens(ax: Axes, film: Film) -> None:
    """The first tokens of the first texts, each shaded by its probability; a wrong guess stands beneath, in orange."""
    frame, guess = film.frames[-1], film.guesses[-1] if film.guesses else None
    for row in range(min(len(film.targets), TEXTS)):
        at = 0.0
        for place, target in enumerate(film.targets[row]):
            if target == film.ignored:
                continue
            said = _spelled(film, int(target))
            wrong = guess is not None and int(guess[row][place]) != int(target)
            beneath = _spelled(film, int(guess[row][place])) if wrong and guess is not None else ""
            width = max(len(said), len(beneath)) + 1
            if at + width > LETTERS:
                ax.text(at, row, "…", va="center", color=EXPECTED)
                break
            shade = {"facecolor": WRONG if wrong else YOURS, "alpha": 0.08 + 0.35 * float(frame[row][place])}
            ax.axvspan(at, at + width - 0.25, 1 - (row + 0.66) / TEXTS, 1 - (row + 0.14) / TEXTS, linewidth=0, **shade)
            ax.text(at + 0.4, row - 0.1, said, va="center", family="monospace", fontsize=8)
            if beneath:
                ax.text(at + 0.4, row + 0.32, beneath, va="center", family="monospace", fontsize=7, color=WRONG)
            at += width
    ax.set_xlim(0, LETTERS)
    ax.set_ylim(TEXTS - 0.5, -0.5)
    _framed(ax, "Prediction meets text: shaded by probability, wrong guesses beneath", bare=True)


def _multilabel(ax: Axes, film: Film) -> None:
    from matplotlib.patches import Rectangle

    rows, labels = min(len(film.targets), ROWS), min(film.targets.shape[1], ROWS)
    for row in range(rows):
        for k in range(labels):
            p, is_true = float(film.frames[-1][row][k]), film.targets[row][k] >= 0.5
            side = 0.76 * math.sqrt(min(max(p, 0.0), 1.0))
            colour = YOURS if (p >= 0.5) == is_true else WRONG
            ax.add_patch(Rectangle((k - side / 2, row - side / 2), side, side, facecolor=colour, linewidth=0))
            frame = Rectangle((k - 0.44, row - 0.44), 0.88, 0.88, facecolor="none", edgecolor=EXPECTED)
            frame.set_linewidth(1.2 if is_true else 0.3)
            ax.add_patch(frame)
    ax.set_aspect("equal", anchor="W")
    ax.set_xlim(-0.5, labels - 0.5)
    ax.set_ylim(rows - 0.5, -0.5)
    ax.set_xticks(range(labels), [_plain(_names(film, k)[-1][:10]) for k in range(labels)], rotation=90)
    ax.xaxis.tick_top()
    ax.set_yticks(range(rows), [f"row {row}" for row in range(rows)])
    _framed(ax, "Prediction meets labels: framed squares should fill")
    ax.tick_params(labelsize=7.5)


def _images(ax: Axes, film: Film) -> None:
    import numpy as np

    targets, frames = film.targets[:PAIRS].astype("f8"), film.frames[-1][:PAIRS].astype("f8")
    low, high = film.limits or (float(np.nanmin(targets)), float(np.nanmax(targets)))
    gap = max(1, targets.shape[-1] // 16)
    space = ((0, 0), (0, gap), (0, gap))
    pairs = np.concatenate([np.pad(images, space, constant_values=np.nan) for images in (targets, frames)], axis=1)
    ax.imshow(np.hstack(list(pairs)), cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    ax.set_anchor("NW")
    _framed(ax, "Prediction meets target: target above, prediction below", bare=True)


def _framed(ax: Axes, title: str, *, xlabel: str = "", ylabel: str = "", bare: bool = False) -> None:
    """The title, and no frame."""
    ax.set_title(title, loc="left")
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(length=0)
    if bare:
        ax.set_xticks([])
        ax.set_yticks([])


def _names(film: Film, number: int) -> list[str]:
    """How a class or a token may be called: by its number, and by its name."""
    return [str(number), *filter(None, [film.names.get(number)])]


def _spelled(film: Film, token: int) -> str:
    said = _names(film, token)[-1]
    return _plain((said.replace("Ġ", "·").replace("▁", "·").replace("\n", "⏎") or "∅")[:14])


def _plain(text: str) -> str:
    """Text that matplotlib does not take for mathematics."""
    return text.replace("$", r"\$")


DRAWN = {
    Kind.CLASSES: _classes,
    Kind.REGRESSION: _regression,
    Kind.TOKENS: _tokens,
    Kind.MULTILABEL: _multilabel,
    Kind.IMAGES: _images,
}
