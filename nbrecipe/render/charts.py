"""The curves of a watched run, ready to draw: thinned, smoothed, named; a panel, a picture and words read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..finding import number

if TYPE_CHECKING:
    from ..trace.data import ClipSeen, OptimizerSeen, Trace
    from ..trace.series import Series

#: points that a drawing of a curve takes, at most
POINTS = 240
#: share of a curve that its smoothed twin takes the mean over, and points below which a curve needs none
WINDOW, FEW = 1 / 20, 40
#: a ratio of the largest to the smallest value from which an axis is logarithmic
WIDE = 20.0
#: change over weight that is healthy by a rule of thumb (Karpathy), and a decade to either side of it
RATIO, BAND = 1e-3, (1e-4, 1e-2)
#: layers that are drawn one by one; where there are more, a band and two of them by name
LAYERS = 4
Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Curve:
    """One line; `points` are rows of (step, value), or of (step, low, high) for an area."""

    points: Array
    name: str = ""
    #: which colour: 0 to 3, or 4 for grey
    tone: int = 0
    #: "" for a bold line, "thin", "dash", "steps"
    style: str = ""
    #: what its value is called where the cursor stands; empty where nothing is said of it
    says: str = ""


@dataclass(frozen=True)
class Chart:
    """Curves over the same steps, on one axis."""

    id: str
    title: str
    rest: str
    curves: tuple[Curve, ...]
    areas: tuple[Curve, ...] = ()
    #: values drawn across, with their names
    levels: tuple[tuple[float, str], ...] = ()
    band: tuple[float, float] | None = None
    log: bool = False
    #: the axis begins at 0
    zero: bool = False
    #: the same in a few words, for text
    told: str = ""

    @property
    def last(self) -> int:
        """The last step of any curve."""
        return int(max((curve.points[-1, 0] for curve in self.curves if len(curve.points)), default=0))


def charts(trace: Trace) -> list[Chart]:
    """What there is to draw of a run, the loss first."""
    made = (losses(trace), ratios(trace), gradients(trace), rates(trace))
    return [chart for chart in made if any(len(curve.points) for curve in chart.curves)]


def losses(trace: Trace) -> Chart:
    """A curve for each place that calls backward, and one for validation."""
    validation = points(trace.validation)
    seen = [(place.name, points(place.values)) for place in trace.backward if len(place.values)]
    log = _positive([*(each for _, each in seen), validation])
    curves: list[Curve] = []
    for tone, (name, each) in enumerate(seen[:4]):
        told = name if len(seen) > 1 else "training" if len(validation) else ""
        curves += _raw_and_smooth(each, told, tone, log=log, says=name if len(seen) > 1 else "loss")
    if len(validation):
        tone = min(len(seen), 3)
        curves.append(Curve(thinned(validation), "validation", tone, "dash" if seen else "", "validation"))
    named = [(name if len(seen) > 1 else "loss", each) for name, each in seen] + [("validation loss", validation)]
    told = ", ".join(f"{name} {_ends(each)}" for name, each in named if len(each))
    return Chart("loss", "Loss", f" per step{_scale(log)}", tuple(curves), log=log, told=told)


def rates(trace: Trace) -> Chart:
    """The learning rate of every optimizer."""
    seen = [(each.name, points(each.rate)) for each in trace.optimizers if len(each.rate)]
    log = _wide([each for _, each in seen])
    curves = [
        Curve(thinned(each), name if len(seen) > 1 else "", min(tone, 3), "steps", f"rate {name}" if tone else "rate")
        for tone, (name, each) in enumerate(seen)
    ]
    told = ", ".join(f"rate of `{name}` {_ends(each)}" for name, each in seen)
    return Chart("rate", "Learning rate", _scale(log), tuple(curves), log=log, zero=not log, told=told)


def gradients(trace: Trace) -> Chart:
    """The norm of all gradients together, before and after clipping, and the limit."""
    clips = [clip for clip in trace.clips if clip.kind == "norm" and len(clip.norms)]
    seen: list[tuple[str, Array]] = [("unclipped", points(clip.norms)) for clip in clips[:1]]
    for each in trace.optimizers:
        norms = [(update.step, update.gradient) for update in each.updates]
        name = "clipped" if clips else each.name if len(trace.optimizers) > 1 else ""
        if norms and not (clips and len(trace.optimizers) > 1):
            seen.append((name, np.array(norms, "f8")))
    log = _wide([rows for _, rows in seen])
    curves: list[Curve] = []
    for tone, (name, rows) in enumerate(seen[:4]):
        curves += _raw_and_smooth(rows, name, tone, log=log, says="" if tone else "gradient")
    told = ", ".join(f"gradient norm {name} {_ends(rows)}".replace("  ", " ") for name, rows in seen[:1])
    limits = tuple((limit, "limit") for limit in _limits(clips, seen))
    return Chart(
        "gradient", "Gradient norm", _scale(log), tuple(curves), levels=limits, log=log, zero=not log, told=told
    )


def ratios(trace: Trace) -> Chart:
    """How far each step moves each layer's weights, relative to their size."""
    moved = [(each.name, Moves.of(each)) for each in trace.optimizers if each.updates]
    moved = [(name, moves) for name, moves in moved if moves.layers]
    chart: tuple[list[Curve], list[Curve], str] = ([], [], "")
    if len(moved) == 1:
        [(_, moves)] = moved
        chart = _few(moves) if len(moves.layers) <= LAYERS else _many(moves)
    elif moved:
        middles = [(name, moves.quantile(0.5)) for name, moves in moved]
        curves = [
            Curve(rows, name, min(tone, 3), "", f"update/weight {name}") for tone, (name, rows) in enumerate(middles)
        ]
        chart = curves, [], ", ".join(f"update/weight of `{name}` {_ends(each)}" for name, each in middles)
    curves, areas, told = chart
    return Chart(
        "ratio", "Update / weight", " by layer, log scale", tuple(curves), tuple(areas), ((RATIO, ""),), BAND,
        log=True, told=told,
    )  # fmt: skip


@dataclass(frozen=True)
class Moves:
    """Change over weight by step (rows) and layer (columns): nan where a layer has no weights or stayed as it was."""

    layers: list[str]
    steps: Array
    ratios: Array

    @classmethod
    def of(cls, seen: OptimizerSeen) -> Moves:
        """Of an optimizer, at the steps looked at closely; layers that never moved are left out."""
        layers = list(dict.fromkeys(name for update in seen.updates for name in update.layers))
        if all(update.layers == layers for update in seen.updates):
            changes = np.array([update.changes for update in seen.updates], "f8")
            weights = np.array([update.weights for update in seen.updates], "f8")
        else:  # a layer came or went on the way
            changes, weights = (np.full((len(seen.updates), len(layers)), np.nan) for _ in range(2))
            column = {name: i for i, name in enumerate(layers)}
            for row, update in enumerate(seen.updates):
                where = [column[name] for name in update.layers]
                changes[row, where], weights[row, where] = update.changes, update.weights
        with np.errstate(all="ignore"):
            ratios = np.where((weights > 0) & (changes > 0), changes / weights, np.nan)
        moved: Any = np.isfinite(ratios).any(axis=0)
        steps = np.array([update.step for update in seen.updates], "f8")
        return cls([name for name, moves in zip(layers, moved, strict=True) if moves], steps, ratios[:, moved])

    def quantile(self, share: float) -> Array:
        """(step, the quantile over the layers)."""
        return np.column_stack([self.steps, _quantile(self.ratios, share)])

    def layer(self, at: int) -> Array:
        """(step, ratio) of one layer, where it moved."""
        rows = np.column_stack([self.steps, self.ratios[:, at]])
        return rows[np.isfinite(rows[:, 1])]

    def late(self) -> Array:
        """The median of each layer over the second half; over all of it where it did not move later."""
        late = _quantile(self.ratios[len(self.ratios) // 2 :].T, 0.5)
        whole: Array = np.where(np.isfinite(late), late, _quantile(self.ratios.T, 0.5))
        return whole


def points(series: Series) -> Array:
    """The rows (step, value) of a series, in order."""
    kept = series.points()
    return np.array(kept, "f8") if kept else np.zeros((0, 2))


def thinned(rows: Array, most: int = POINTS) -> Array:
    """At most so many rows: the lowest and the highest of each stretch, so that no spike is lost."""
    if len(rows) <= most:
        return rows
    stretch = -(-len(rows) // (most // 2 - 1))
    whole = np.arange(-(-len(rows) // stretch) * stretch).clip(max=len(rows) - 1).reshape(-1, stretch)
    values = rows[whole, 1]
    finite = np.isfinite(values)
    low = np.where(finite, values, np.inf).argmin(axis=1)
    # a value that is not finite stands for its stretch: it leaves a gap
    high = np.where(finite, values, np.where(finite.all(axis=1, keepdims=True), -np.inf, np.inf)).argmax(axis=1)
    every = np.arange(len(whole))
    kept: Array = rows[np.unique(np.concatenate([[0, len(rows) - 1], whole[every, low], whole[every, high]]))]
    return kept


def smoothed(rows: Array, *, log: bool) -> Array:
    """The mean over `WINDOW` of the curve around each point, of the logarithms on a logarithmic axis."""
    gone = rows[-1:] if len(rows) and not np.isfinite(rows[-1, 1]) else rows[:0]
    rows = rows[np.isfinite(rows[:, 1]) & ((rows[:, 1] > 0) | (not log))]
    values = np.log(rows[:, 1]) if log else rows[:, 1]
    reach = max(1, int(len(rows) * WINDOW / 2))
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), POINTS)).astype(int))
    room = np.minimum(chosen, len(rows) - 1 - chosen)
    half = np.minimum(reach, np.maximum(room, reach // 2))  # towards the ends the window shrinks
    sums = np.concatenate([[0.0], np.cumsum(values)])
    first, after = np.maximum(chosen - half, 0), np.minimum(chosen + half + 1, len(rows))
    means = (sums[after] - sums[first]) / (after - first)
    made: Array = np.column_stack([rows[chosen, 0], np.exp(means) if log else means])
    return np.concatenate([made, gone])


def _raw_and_smooth(rows: Array, name: str, tone: int, *, log: bool, says: str) -> list[Curve]:
    if len(rows) < FEW or np.isfinite(rows[:, 1]).sum() < FEW:
        return [Curve(rows, name, tone, "", says)]
    return [Curve(thinned(rows), "", tone, "thin"), Curve(smoothed(rows, log=log), name, tone, "", says)]


def _few(moves: Moves) -> tuple[list[Curve], list[Curve], str]:
    curves = [
        Curve(thinned(moves.layer(i)), name, i, "", "" if i else f"update/weight {name}")
        for i, name in enumerate(moves.layers)
    ]
    told = ", ".join(f"`{name}` {_brief(value)}" for name, value in zip(moves.layers, moves.late(), strict=True))
    return curves, [], f"update/weight late: {told}"


def _many(moves: Moves) -> tuple[list[Curve], list[Curve], str]:
    """A band from the tenth to the ninetieth hundredth of the layers, their median, and the two ends by name."""
    lowest, middle, highest = (moves.quantile(share) for share in (0.1, 0.5, 0.9))
    late = moves.late()
    ends = [int(np.nanargmin(late)), int(np.nanargmax(late))]
    curves = [Curve(thinned(middle), "median", 0, "", "update/weight")]
    for at in ends:
        style = "thin" if BAND[0] <= late[at] <= BAND[1] else "wrong"
        curves.append(Curve(thinned(moves.layer(at)), moves.layers[at], 4, style))
    told = f"update/weight late: {_brief(_quantile(late[None], 0.5)[0])} in the median of {len(late)} layers"
    told += "".join(f", {_brief(late[at])} in `{moves.layers[at]}`" for at in ends)
    return curves, [Curve(np.column_stack([lowest, highest[:, 1]]))], told


def _quantile(table: Array, share: float) -> Array:
    """By row, the value below which this share of the finite ones lies; nan where there are none."""
    order = np.sort(table, axis=1)  # nan comes last
    count = np.isfinite(table).sum(axis=1)
    at = np.rint(share * np.maximum(count - 1, 0)).astype(int)
    found: Array = order[np.arange(len(table)), at]
    return found


def _limits(clips: Sequence[ClipSeen], seen: Sequence[tuple[str, Array]]) -> list[float]:
    """The limits of clipping that stand within reach of the norms: one far above them would squash the curve."""
    top = max((float(np.nanmax(rows[:, 1])) for _, rows in seen if np.isfinite(rows[:, 1]).any()), default=0.0)
    return sorted({clip.limit for clip in clips if 0 < clip.limit <= 3 * top})


def _positive(seen: Sequence[Array]) -> bool:
    values = np.concatenate([rows[:, 1] for rows in seen]) if seen else np.zeros(0)
    values = values[np.isfinite(values)]
    return bool(values.size) and bool((values >= 0).all()) and bool((values > 0).any())


def _wide(seen: Sequence[Array]) -> bool:
    if not _positive(seen):
        return False
    values = np.concatenate([rows[:, 1] for rows in seen])
    values = values[np.isfinite(values) & (values > 0)]
    return bool(values.max() / values.min() > WIDE)


def _scale(log: bool) -> str:
    return ", log scale" if log else ""


def _ends(rows: Array) -> str:
    first, last = _brief(rows[0, 1]), _brief(rows[-1, 1])
    return first if first == last else f"{first} → {last}"


def _brief(value: float) -> str:
    told = number(float(value), 3)
    return told.rstrip("0").rstrip(".") if "." in told and "e" not in told else told
