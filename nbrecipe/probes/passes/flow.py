"""How much of the input's signal is left at the last layer, and how much of the gradient at the first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...finding import spelled
from .passage import TABLES, Layer
from .signal import Signal

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Flow:
    """The signal's growth as ratios of variances, from the last normalisation, or else from the input, onwards."""

    #: layers with weights behind that point; the last one makes the outputs
    layers: tuple[Layer, ...]
    #: variance across examples at that point
    start: float
    #: variance at the last layer's input and output, over `start`
    hidden: float
    out: float
    #: energy of the gradient at the first layer over that at the last hidden one; None where either is missing
    backward: float | None
    #: whether anything is normalised on the way
    normed: bool
    #: what sampling the weights of layers this narrow does to a ratio, at 4 standard deviations
    slack: float

    @property
    def hidden_layers(self) -> tuple[Layer, ...]:
        """All but the one that makes the outputs."""
        return self.layers[:-1]

    def steepest(self, sign: int) -> Layer:
        """The hidden layer that shrinks the signal most (sign -1), or lets it grow most (+1)."""
        gains = [(sign * _log(layer.variance) - sign * _log(layer.variance_in), -i) for i, layer in self._measured()]
        return self.layers[-max(gains)[1]] if gains else self.layers[0]

    def _measured(self) -> list[tuple[int, Layer]]:
        pairs = list(enumerate(self.hidden_layers or self.layers))
        return [(i, layer) for i, layer in pairs if math.isfinite(layer.variance_in)]


def flow(seen: Signal) -> Flow | None:
    """The flow of a measured signal; None for a net of fewer than two layers in a row, or for equal inputs."""
    norms = [i for i, layer in enumerate(seen.layers) if layer.is_norm]
    tail = seen.layers[norms[-1] + 1 :] if norms else seen.layers
    while tail and tail[-1].kind in TABLES:
        tail = tail[:-1]
    if len(tail) + bool(norms) < 2:
        return None
    first, head = tail[0], tail[-1]
    # behind a normalisation the whole is of size 1, and what varies with the input is a share of it
    start = seen.layers[norms[-1]].moment if norms else first.variance_in
    start = start if math.isfinite(start) else first.variance
    if not start > 0:
        return None
    back = [layer.gradient for layer in (seen.weighted[0], seen.weighted[max(-2, -len(seen.weighted))])]
    backward = back[0] / back[1] if back[0] and back[1] else None
    # Hanin 2018: the log of the second moment of a random ReLU net has variance 5 * sum(1 / width)
    narrow = sum(5 / max(layer.fan_out, 1) for layer in tail[:-1] if layer.fan_out)
    slack = math.exp(4 * math.sqrt(narrow))
    return Flow(tail, start, head.variance_in / start, head.variance / start, backward, bool(norms), slack)


def profile(flow: Flow) -> dict[str, Any]:
    """The numbers to draw, as standard deviations layer by layer: the signal over that at the start, the gradient over
    that at the last layer, and the signal that He's and Xavier's weights would give.

    A rectified net's signal is proportional to its weights, so theirs is the measured one times the quotient of the
    weights' standard deviations; for other units that is an approximation. It ends where the measured one is rounding.
    """
    ratios = [math.sqrt(max(layer.variance_in, 0.0) / flow.start) for layer in flow.layers[1:]]
    ratios.append(math.sqrt(max(flow.layers[-1].variance, 0.0) / flow.start))
    last = flow.layers[-1].gradient
    back = [math.sqrt(layer.gradient / last) if layer.gradient and last else None for layer in flow.layers]
    return {
        "layers": [layer.path for layer in flow.layers],
        "signal": ratios,
        "gradient": back,
        "he": _instead(ratios, [_quotient(layer, layer.he_std) for layer in flow.layers]),
        "xavier": _instead(ratios, [_quotient(layer, layer.xavier_std) for layer in flow.layers]),
    }


def _instead(ratios: Sequence[float], quotients: Sequence[float]) -> list[float | None]:
    """The signal with other weights; None from the first layer on whose weights have no such measure."""
    found: list[float | None] = []
    product = 1.0
    for ratio, quotient in zip(ratios, quotients, strict=True):
        product *= quotient
        found.append(ratio * product if math.isfinite(product) else None)
    return found


def _quotient(layer: Layer, std: float) -> float:
    return std / layer.weight_std if layer.weight_std > 0 and not layer.is_rounding else math.nan


def draw_profile(ax: Axes, seen: Mapping[str, Any], color: str) -> None:
    """Signal and gradient by layer on a log axis, beside the signal of He's and Xavier's init; drawn from `profile`."""
    layers = range(1, len(seen["signal"]) + 1)
    for key, word, style, shade, end, side in (
        ("he", "He", "--", "C2", -1, "bottom"),
        ("xavier", "Xavier", ":", "C2", -1, "top"),
        ("gradient", "gradient", "-.", color, 0, "bottom"),
        ("signal", "signal", "o-", color, -1, "center"),
    ):
        sizes = zip(layers, seen.get(key) or [], strict=False)
        points = [(x, y) for x, y in sizes if isinstance(y, (int, float)) and y > 0]
        if points:
            if end == 0 and points[0][1] < points[-1][1]:
                side = "top"  # below a line that rises
            ax.plot(*zip(*points, strict=True), style, color=shade, ms=3, lw=1)
            at = points[0] if end == 0 else (layers[-1], points[-1][1])  # beside the last layer, where no line runs
            ax.annotate(word, at, (5, 0), textcoords="offset points", color=shade, fontsize=7, va=side)
    ax.set_yscale("log")
    ax.margins(y=0.15)
    ax.set_xlim(0.9, len(layers) * 1.35 + 0.3)
    ax.set_xticks([1, len(layers)])
    ax.set_xlabel("layer")
    ax.set_title("relative size", loc="left")
    ax.get_figure().set_figheight(1.6)  # type: ignore[union-attr]


def line_for(name: str, layers: Sequence[Layer], kinds: Sequence[str]) -> str:
    """The lines that initialise these layers for the units behind them: He for ReLU, Xavier for tanh and sigmoid."""
    tanh = any(kind in ("tanh", "hardtanh") for kind in kinds)
    how = (
        'nn.init.xavier_normal_({}, gain=nn.init.calculate_gain("tanh"))'
        if tanh
        else (
            "nn.init.xavier_normal_({})" if "sigmoid" in kinds else 'nn.init.kaiming_normal_({}, nonlinearity="relu")'
        )
    )
    named = [layer.weight for layer in layers if layer.weight]
    if len(named) == 1:
        return how.format(spelled(name, named[0]))
    types = sorted({_TYPES[layer.kind] for layer in layers if layer.kind in _TYPES}) or ["nn.Linear"]
    wanted = types[0] if len(types) == 1 else f"({', '.join(types)})"
    return f"for layer in {name}.modules():\n    if isinstance(layer, {wanted}):\n        {how.format('layer.weight')}"


_TYPES = {"linear": "nn.Linear", **{f"conv{d}d": f"nn.Conv{d}d" for d in (1, 2, 3)}} | {
    f"conv_transpose{d}d": f"nn.ConvTranspose{d}d" for d in (1, 2, 3)
}


def _log(value: float) -> float:
    return math.log(max(value, 1e-300)) if math.isfinite(value) else 700.0
