"""Every ReLU unit is on for some example.

A ReLU unit that is off on every example passes no gradient, so nothing ever turns it on again. That a unit is off for
half of the examples is what ReLU is for; being off for all of them is a loss of width, or of the whole net.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, Seen, bad, hint, ok, spelled
from ...probes.passes.passage import Layer
from ...probes.passes.shares import draw_shares
from ...probes.passes.signal import is_fresh, quiet_units, signal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="init well")

#: chance of calling a layer dead that is not. Even where inputs hardly vary, so that each unit is either always on or
#: always off, random weights put it on either side with probability 1/2: more units off than that explains are dead
ERROR = 1e-4
#: share of a layer's units from which on it is worth a look
LOOK = 0.25
#: layers in the picture: the worst ones, in order
SHOWN = 5


@check.run
def run(model: nn.Module, batch: Any, bench: Bench) -> Finding:
    if not any(units.off is not None for units in bench.once(signal).units):
        return ok("there are no ReLU units")
    seen, examples = bench.once(quiet_units)
    layers = [units for units in seen.units if units.off is not None]
    counts = [int(units.off.sum()) for units in layers if units.off is not None]
    widths = [len(units.off) for units in layers if units.off is not None]
    shares = [count / width for count, width in zip(counts, widths, strict=True)]
    worst = max(range(len(layers)), key=lambda i: (shares[i], -i))
    shown = sorted(sorted(range(len(layers)), key=lambda i: -shares[i])[:SHOWN])
    numbers: dict[str, Any] = {
        "layers": [spelled(bench.name("model"), layers[i].path or layers[i].after) for i in shown],
        "off": [counts[i] for i in shown],
        "units": [widths[i] for i in shown],
        "examples": examples,
    }
    everywhere = f"on all **{examples}** examples" if examples > 1 else "on the one example"
    if shares[worst] < LOOK or counts[worst] < 2:
        are = "is" if sum(counts) == 1 else "are"
        return ok(f"{sum(counts)} of {sum(widths)} ReLU units {are} off {everywhere}", **numbers)
    dead = shares[worst] > 0.5 and _chance(counts[worst], widths[worst]) < ERROR
    name, units = bench.name("model"), layers[worst]
    before = next((layer for layer in seen.layers if layer.path == units.after), Layer(units.after, ""))
    constant = bool(before.weight) and before.weight_std == 0  # for `symmetric-init` to judge
    claim = bad if dead and not constant and is_fresh(bench) else hint
    fix, code = _way_out(model, name, before)
    return claim(
        f"**{counts[worst]} of {widths[worst]}** ReLU units behind `{spelled(name, before.path)}` are off "
        f"{everywhere}; a unit should be off on about half of its inputs",
        fix=fix,
        code=code,
        why="no gradient passes a unit that is off, so it stays off",
        where=spelled(name, units.path or units.after),
        **numbers,
    )


def _way_out(model: nn.Module, name: str, before: Layer) -> tuple[str, str]:
    """What to do, and the line for it: a bias below what any default draws is the cause, else the inputs are alike."""
    path = before.weight.removesuffix("weight") + "bias"
    bias = dict(model.named_parameters()).get(path) if before.weight.endswith("weight") else None
    if bias is not None and float(bias.detach().float().mean()) < -1 / math.sqrt(max(before.fan_in, 1)):
        return "Start the bias at zero.", f"nn.init.zeros_({spelled(name, path)})"
    return f"Normalise what reaches `{spelled(name, before.path)}`, so that examples do not arrive all alike.", ""


def _chance(off: int, units: int) -> float:
    """Chance that at least so many of so many units are off, each with probability 1/2."""
    ways = sum(math.comb(units, k) for k in range(off, units + 1))
    return float(ways / 2**units)


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """The share of dead units by layer."""
    shares = [off / units for off, units in zip(seen["off"], seen["units"], strict=True)]
    told = [f"{off} of {units}" for off, units in zip(seen["off"], seen["units"], strict=True)]
    draw_shares(ax, seen["layers"], shares, told, LOOK)
    ax.set_xlabel("off on every example")


@check.breaks
def bias_far_below_zero() -> Bench:
    """A bias of -20 switches a whole layer off."""
    net = toys.mlp()
    nn.init.constant_(net.get_parameter("0.bias"), -20.0)
    return toys.classify(net)


@check.breaks
def negative_filters() -> Bench:
    """Convolutions with weights below zero on pixels above zero."""
    net = toys.convnet(norm=False)
    with torch.no_grad():
        net.get_parameter("3.weight").abs_().neg_()
        net.get_parameter("3.bias").zero_()
    return toys.images(net)


@check.holds
def default_relu() -> Bench:
    """Off for about half of the examples, as ReLU units are."""
    return toys.classify()


@check.holds
def sparse_units() -> Bench:
    """A bias that leaves each unit on for few examples: sparse, not dead."""
    net = toys.mlp((20, 64, 5))
    nn.init.constant_(net.get_parameter("0.bias"), -0.8)
    return toys.classify(net)


@check.holds
def leaky_units() -> Bench:
    """Leaky ReLU has a slope below zero too and cannot die."""
    net = toys.mlp(act=nn.LeakyReLU)
    nn.init.constant_(net.get_parameter("0.bias"), -20.0)
    return toys.classify(net)
