"""The curves of a watched loop: loss, rate, gradient, and how far each step moves the weights."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .charts import Array, Chart, Curve, brief, ends, points, positive, raw_and_smooth, scale, thinned, wide

if TYPE_CHECKING:
    from ...trace.record.data import ClipSeen, OptimizerSeen, Trace

#: change over weight that is healthy by a rule of thumb (Karpathy), and a decade to either side of it
RATIO, BAND = 1e-3, (1e-4, 1e-2)
#: layers that are drawn one by one; where there are more, a band and two of them by name
LAYERS = 4


def charts(trace: Trace) -> list[Chart]:
    """What there is to draw of a run, the loss first."""
    made = (losses(trace), ratios(trace), gradients(trace), rates(trace))
    return [chart for chart in made if any(len(curve.points) for curve in chart.curves)]


def losses(trace: Trace) -> Chart:
    """A curve for each place that calls backward, and one for validation.

    Without steps there is no curve: one point, the mean of the batches seen closely, would say less than it seems to.
    """
    validation = points(trace.validation)[: None if trace.trained else 0]
    seen = [(place.name, points(place.values)) for place in trace.backward if len(place.values)]
    log = positive([*(each for _, each in seen), validation])
    curves: list[Curve] = []
    for tone, (name, each) in enumerate(seen[:4]):
        told = name if len(seen) > 1 else "training" if len(validation) else ""
        curves += raw_and_smooth(each, told, tone, log=log, says=name if len(seen) > 1 else "loss")
    if len(validation):
        tone = min(len(seen), 3)
        curves.append(Curve(thinned(validation), "validation", tone, "dash" if seen else "", "validation"))
    named = [(f"loss `{name}`" if len(seen) > 1 else "loss", each) for name, each in seen]
    named.append(("validation loss", validation))
    told = ", ".join(f"{name} {ends(each)}" for name, each in named if len(each))
    return Chart("loss", "Loss", f" per step{scale(log)}", tuple(curves), log=log, told=told)


def rates(trace: Trace) -> Chart:
    """The learning rate of every optimizer."""
    seen = [(each.name, points(each.rate)) for each in trace.optimizers if len(each.rate)]
    log = wide([each for _, each in seen])
    curves = [
        Curve(thinned(each), name if len(seen) > 1 else "", min(tone, 3), "steps", f"rate {name}" if tone else "rate")
        for tone, (name, each) in enumerate(seen)
    ]
    told = ", ".join(f"rate of `{name}` {ends(each)}" for name, each in seen)
    return Chart("rate", "Learning rate", scale(log), tuple(curves), log=log, zero=not log, told=told)


def gradients(trace: Trace) -> Chart:
    """The norm of all gradients together: before clipping at every step, else where it was looked at."""
    clips = [clip for clip in trace.clips if clip.kind == "norm" and len(clip.norms)]
    seen: list[tuple[str, Array]] = [("", points(clip.norms)) for clip in clips[:1]]
    for each in () if clips else trace.optimizers:
        norms = [(update.step, update.gradient) for update in each.updates]
        seen += [(each.name if len(trace.optimizers) > 1 else "", np.array(norms, "f8"))] if norms else []
    log = wide([rows for _, rows in seen])
    curves: list[Curve] = []
    for tone, (name, rows) in enumerate(seen[:4]):
        curves += raw_and_smooth(rows, name, tone, log=log, says="" if tone else "gradient")
    rest = (" before clipping" if clips else "") + scale(log)
    told = ", ".join(f"gradient norm {name} {ends(rows)}".replace("  ", " ") for name, rows in seen[:1])
    limits = tuple((limit, "limit") for limit in _limits(clips, seen))
    return Chart("gradient", "Gradient norm", rest, tuple(curves), levels=limits, log=log, zero=not log, told=told)


def ratios(trace: Trace) -> Chart:
    """How far each step moves each layer's weights, relative to their size."""
    small = _vectors(trace)
    moved = [(each.name, Moves.of(each, small)) for each in trace.optimizers if each.updates]
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
        chart = curves, [], ", ".join(f"update/weight of `{name}` {ends(each)}" for name, each in middles)
    curves, areas, told = chart
    return Chart(
        "ratio", "Update / weight", " by layer, log scale", tuple(curves), tuple(areas),
        ((RATIO, ""),), BAND, log=True, told=told,
    )  # fmt: skip


@dataclass(frozen=True)
class Moves:
    """Change over weight by step (rows) and layer (columns): nan where a layer has no weights or stayed as it was."""

    layers: list[str]
    steps: Array
    ratios: Array

    @classmethod
    def of(cls, seen: OptimizerSeen, small: Container[str] = ()) -> Moves:
        """Of an optimizer, at the steps looked at closely; what is `small`, and what never moved, is left out."""
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
        moved: Any = np.logical_and(np.isfinite(ratios).any(axis=0), [name not in small for name in layers])
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


def _vectors(trace: Trace) -> Container[str]:
    """Biases and the like, which start at or near zero and so move far for their size; no rule is about them."""
    shapes = {f"{model.name}.{seen.name}": seen.shape for model in trace.models for seen in model.parameters}
    layers = {name for each in trace.optimizers for update in each.updates[:1] for name in update.layers}
    small = {name for name in layers if len(shapes.get(name, (0, 0))) < 2 or name.endswith("bias")}
    return small if small < layers else ()


def _few(moves: Moves) -> tuple[list[Curve], list[Curve], str]:
    curves = [
        Curve(thinned(moves.layer(i)), name.removesuffix(".weight"), i, "", "" if i else f"update/weight {name}")
        for i, name in enumerate(moves.layers)
    ]
    told = ", ".join(f"`{name}` {brief(value)}" for name, value in zip(moves.layers, moves.late(), strict=True))
    return curves, [], f"update/weight late, biases left out: {told}"


def _many(moves: Moves) -> tuple[list[Curve], list[Curve], str]:
    """A band from the tenth to the ninetieth hundredth of the layers, their median, and the two ends by name."""
    lowest, middle, highest = (moves.quantile(share) for share in (0.1, 0.5, 0.9))
    late = moves.late()
    outer = [int(np.nanargmin(late)), int(np.nanargmax(late))]
    curves = [Curve(thinned(middle), "median", 0, "", "update/weight")]
    for at in outer:
        style = "thin" if BAND[0] <= late[at] <= BAND[1] else "wrong"
        curves.append(Curve(thinned(moves.layer(at)), moves.layers[at], 4, style))
    told = "update/weight late, biases left out: "
    told += f"{brief(_quantile(late[None], 0.5)[0])} in the median of {len(late)} layers"
    told += "".join(f", {brief(late[at])} in `{moves.layers[at]}`" for at in outer)
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
