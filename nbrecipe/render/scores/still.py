"""An evaluation in one picture for papers: what its page draws, from the same numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ...pictures.evaluation import Aims, Confusions, Evaluation, Parts, Places, Trust
from ..pieces.figure import EXPECTED, WRONG, YOURS, encoded, few_colours, styled
from ..pieces.words import readable, sentence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: inches of the picture and of one of its rows, panels beside each other, parts of one panel, letters of a name
WIDTH, HEIGHT, ACROSS, PARTS, LETTERS = 9.4, 3.4, 2, 14, 18
#: bytes from which on it is made with few colours
MOST = 60_000


def png(shown: Evaluation) -> bytes | None:
    """The picture, transparent, readable on white and on black; None where there is nothing to draw."""
    drawn = figure(shown)
    if drawn is None:
        return None
    made = encoded(drawn)
    return few_colours(made) if len(made) > MOST else made


def figure(shown: Evaluation) -> Figure | None:
    """The same as a figure, two panels beside each other."""
    panels = _panels(shown)
    if not panels:
        return None
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    across = min(ACROSS, len(panels))
    rows = math.ceil(len(panels) / across)
    with styled(8.5):
        drawn = Figure(figsize=(WIDTH * across / ACROSS, HEIGHT * rows), dpi=100, layout="constrained")
        FigureCanvasAgg(drawn)
        grid: Any = drawn.subplots(rows, across, squeeze=False)
        for ax, draw in zip(grid.flatten(), panels, strict=False):
            draw(ax)
        for ax in grid.flatten()[len(panels) :]:
            ax.axis("off")
    return drawn


def _panels(shown: Evaluation) -> list[Callable[[Axes], None]]:
    """What is drawn, in the order of the page."""
    found: list[Callable[[Axes], None]] = []
    shares = [one for one in shown.scores if one.share and math.isfinite(one.low + one.high)]
    if shares:
        found.append(lambda ax: _bars(ax, [(s.name, s.value, s.low, s.high, False) for s in shares], "metrics", True))
    if shown.classes is not None:
        found.append(partial(_parts, parts=shown.classes))
    if shown.confusions is not None and shown.confusions.core is not None and len(shown.confusions.drawn) > 1:
        found.append(partial(_heat, confusions=shown.confusions))
    found += [partial(_trust, trust=shown.trust)] if shown.trust is not None else []
    found += [partial(_scatter, aims=shown.aims), partial(_errors, aims=shown.aims)] if shown.aims is not None else []
    found += [partial(_places, places=shown.places)] if shown.places is not None else []
    return found + [partial(_parts, parts=each) for each in shown.slices]


def _parts(ax: Axes, parts: Parts) -> None:
    rows = [(one.name, one.value, one.low, one.high, one.beside.startswith("worse")) for one in parts.rows]
    known = [row for row in rows if math.isfinite(row[2] + row[3])]
    more = f", the worst {PARTS} of {len(rows) + parts.left}" if len(rows) + parts.left > PARTS else ""
    _bars(ax, known[:PARTS], f"{parts.metric} by {_plain(parts.by)}{more}", parts.is_share)


def _bars(ax: Axes, rows: list[tuple[str, float, float, float, bool]], title: str, share: bool) -> None:
    """A dot with its interval for each, the first above; what stands out has another shape."""
    for place, (_, value, low, high, off) in enumerate(rows):
        colour = WRONG if off else YOURS
        ax.plot([low, high], [place, place], color=colour)
        ax.plot([value], [place], "D" if off else "o", color=colour)
    ax.set_yticks(range(len(rows)), [f"{'▼ ' if off else ''}{_plain(name)}" for name, *_, off in rows])
    ax.set_ylim(max(len(rows), 4) - 0.5, -0.5)
    if share:
        ax.set_xlim(right=1.02)
    ax.tick_params(axis="y", length=0)
    ax.set_title(sentence(title), loc="left")


def _heat(ax: Axes, confusions: Confusions) -> None:
    core = np.asarray(confusions.core, float)
    others = bool(core[:, -1].any())
    core = core if others else core[:, :-1]
    shares = core / np.maximum(core.sum(1, keepdims=True), 1)
    right = np.eye(*core.shape) > 0
    for cells, colour in ((right, YOURS), (~right, WRONG)):
        for i, j in np.argwhere(cells & (core > 0)).tolist():
            alpha = 0.06 + 0.3 * math.sqrt(shares[i, j])  # numbers are to be read on it
            ax.fill([j - 0.46, j + 0.46, j + 0.46, j - 0.46], [i - 0.46, i - 0.46, i + 0.46, i + 0.46], color=colour,
                    alpha=alpha, linewidth=0)  # fmt: skip
            ax.text(j, i, f"{int(core[i, j])}", ha="center", va="center")
    names = [_plain(name) for name in confusions.drawn]
    heads = [*names, *(["others"] if others else [])]
    turned = 90 if max(map(len, heads)) > 3 else 0
    ax.set_xticks(range(len(heads)), heads, rotation=turned)
    ax.set_yticks(range(len(names)), names)
    ax.set(xlim=(-0.5, len(heads) - 0.5), ylim=(len(names) - 0.5, -0.5), xlabel="answer", ylabel="what is right")
    ax.tick_params(length=0)
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.set_title("Confusions", loc="left")


def _trust(ax: Axes, trust: Trust) -> None:
    ax.plot([0, 1], [0, 1], "--", color=EXPECTED, linewidth=1)
    for one in trust.bins:
        colour = WRONG if one.off else YOURS
        ax.plot([one.confidence] * 2, [one.share_low, one.share_high], color=colour)
        ax.plot([one.confidence], [one.share], "D" if one.off else "o", color=colour)
    ax.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="probability", ylabel="share that came true")
    ax.set_title("Probabilities", loc="left")


def _scatter(ax: Axes, aims: Aims) -> None:
    ends = [min(aims.target.min(), aims.answer.min()), max(aims.target.max(), aims.answer.max())]
    ax.plot(ends, ends, "--", color=EXPECTED, linewidth=1)
    ax.plot(aims.target, aims.answer, "o", color=YOURS, alpha=0.45, markeredgewidth=0)
    ax.set(xlabel="what is right", ylabel="answer")
    ax.set_title(f"Answers, {aims.extent}", loc="left")


def _errors(ax: Axes, aims: Aims) -> None:
    middles = (aims.edges[1:] + aims.edges[:-1]) / 2
    ax.bar(middles, aims.counts, np.diff(aims.edges) * 0.92, color=YOURS, linewidth=0)
    ax.axvline(0, linestyle="--", color=EXPECTED, linewidth=1)
    ax.set(xlabel="answer less what is right", ylabel="rows")
    ax.set_title("Errors", loc="left")


def _places(ax: Axes, places: Places) -> None:
    ax.fill_between(places.first, places.low, places.high, color=YOURS, alpha=0.2, linewidth=0)
    ax.plot(places.first, places.mean, color=YOURS)
    ax.set(xlabel="position in the text", ylabel="loss")
    ax.set_title("Loss by position", loc="left")


def _plain(told: str) -> str:
    plain = readable(told)
    cut = plain if len(plain) <= LETTERS else plain[: LETTERS - 1] + "…"
    return cut.replace("$", r"\$")
