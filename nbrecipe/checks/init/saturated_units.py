"""Tanh and sigmoid units start where they have a slope.

At its ends a tanh or sigmoid is flat: a unit that sits there passes almost no gradient, and the layers before it hardly
learn. Large weights, or inputs that were not scaled, push units there before the first step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, Seen, bad, hint, number, ok, spelled
from ...probes.passes.flow import line_for
from ...probes.passes.passage import Layer, Units
from ...probes.passes.shares import draw_shares
from ...probes.passes.signal import Signal, is_fresh, signal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="init well")

#: share of values at their ends (|tanh| > 0.97, sigmoid outside 0.03 to 0.97, hardtanh at its limits) above which most
#: of the gradient is gone. For normal pre-activations a half means a standard deviation of 3.1 before a tanh and 5.2
#: before a sigmoid, where 1 is wanted; hardtanh is at a limit for 32 % at 1 and for 75 % at 3.1
MOST = {"tanh": 0.5, "sigmoid": 0.5, "hardtanh": 0.75}
#: share for normal pre-activations of standard deviation 1
HEALTHY = {"tanh": 0.036, "sigmoid": 0.0005, "hardtanh": 0.317}
#: this much of the above is worth a look; hardtanh behind Xavier's init with the gain of tanh, 5/3, is below
LOOK = 0.8
#: layers in the picture: the worst ones, in order
SHOWN = 5
#: root mean square of inputs above which the inputs, not the weights, are too large; scaled ones have 1
UNSCALED = 5.0


@check.run
def run(model: nn.Module, batch: Any, bench: Bench) -> Finding:
    seen = bench.once(signal)
    layers = [units for units in seen.units if units.kind in MOST and not units.final and not units.gates]
    if not layers:
        return ok("there are no hidden tanh or sigmoid units")
    name = bench.name("model")
    worst = max(layers, key=_over)
    share, expected = worst.share_saturated, HEALTHY[worst.kind]
    shown = [units for units in layers if units in sorted(layers, key=_over, reverse=True)[:SHOWN]]
    numbers: dict[str, Any] = {
        "layers": [spelled(name, units.path or units.after) for units in shown],
        "shares": [units.share_saturated for units in shown],
        "expected": expected,
        "limit": MOST[worst.kind],
        "kind": worst.kind,
    }
    if share < LOOK * MOST[worst.kind]:
        most = f"at most {share:.0%}" if share >= 0.005 else "less than 1%"
        return ok(f"{most} of the {worst.kind} values of a layer are at their ends", **numbers)
    claim = bad if share >= MOST[worst.kind] and is_fresh(bench) else hint
    fix, code, why = _cause(name, worst, seen)
    return claim(
        f"**{share:.0%}** of the {worst.kind} values behind `{spelled(name, worst.after)}` are at their ends, "
        f"where the slope is gone; a matching init leaves **{expected:.1%}** there",
        fix=fix,
        code=code,
        why=why,
        where=spelled(name, worst.path or worst.after),
        **numbers,
    )


def _over(units: Units) -> float:
    return units.share_saturated / MOST[units.kind]


def _cause(name: str, units: Units, seen: Signal) -> tuple[str, str, str]:
    """What to do, the line, and why: inputs too large, or weights."""
    before = next((layer for layer in seen.layers if layer.path == units.after), Layer(units.after, ""))
    size = before.moment_in**0.5
    if size > UNSCALED:
        return (
            "Scale the inputs to mean 0 and standard deviation 1.",
            "",
            f"the inputs of `{spelled(name, before.path)}` have a root mean square of {number(size, 3)}",
        )
    why = f"the weights of `{spelled(name, before.path)}` have standard deviation {number(before.weight_std, 3)}"
    if before.fan_in:
        why += f"; Xavier's init gives {number(before.xavier_std, 3)}"
    guilty = [layer for layer in seen.weighted[:-1] if layer.fan_in and layer.weight_std > 2 * layer.xavier_std]
    kinds = [units.kind]
    return "Initialise the weights by Xavier's rule.", line_for(name, guilty or [before], kinds), why


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """The share at their ends by layer, and the share of a matching init."""
    told = [f"{share:.0%}" for share in seen["shares"]]
    draw_shares(ax, seen["layers"], seen["shares"], told, LOOK * seen["limit"])
    ax.axvline(seen["expected"], color="C2", lw=1)
    ax.set_xlabel("share at the ends")


def _scaled(net: nn.Sequential, std: float) -> nn.Sequential:
    generator = toys.seeded()
    with torch.no_grad():
        for layer in net:
            if isinstance(layer, nn.Linear):
                layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator) * std)
    return net


@check.breaks
def unit_normal_weights() -> Bench:
    """Weights of standard deviation 1 before tanh, for a fan-in of 20."""
    return toys.classify(_scaled(toys.mlp(act=nn.Tanh), 1.0))


@check.breaks
def inputs_not_scaled() -> Bench:
    """Inputs in the hundreds into sigmoid units."""
    fine = toys.classify(toys.mlp(act=nn.Sigmoid))
    x, y = fine.batch
    return toys.bench(toys.mlp(act=nn.Sigmoid), x * 200, y, fine.loss_fn)


@check.holds
def default_tanh() -> Bench:
    """Tanh units as torch initialises their layers, on scaled inputs."""
    return toys.classify(toys.mlp(act=nn.Tanh))


class Gated(nn.Module):
    """A highway layer whose gates start nearly closed."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.body, self.head = nn.Linear(20, 20), nn.Linear(20, 20), nn.Linear(20, 5)
        nn.init.constant_(self.gate.bias, -6.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate = torch.sigmoid(self.gate(x))
        out: torch.Tensor = self.head(x + gate * torch.relu(self.body(x)))
        return out


@check.holds
def closed_gates() -> Bench:
    """Sigmoid gates with a bias of -6: closed at first, as highway networks start."""
    return toys.classify(Gated())


@check.holds
def sure_outputs() -> Bench:
    """The sigmoid behind the last layer makes the outputs; the loss at init judges those."""
    net = nn.Sequential(*toys.mlp((10, 32, 1)), nn.Sigmoid())
    nn.init.constant_(net.get_parameter("2.bias"), -4.0)
    return toys.binary(net, nn.BCELoss(), rate=0.02)
