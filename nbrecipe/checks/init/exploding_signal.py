"""Neither the signal nor its gradient grows from layer to layer.

If every layer amplifies what it is given, the outputs of a deep net start out huge: the loss begins far above that of
a guess, and the first steps throw the weights about. Xavier's and He's inits keep the size; normalisation hides any.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, Seen, bad, hint, number, ok, spelled
from ...probes.passes.flow import Flow, draw_profile, flow, line_for, profile
from ...probes.passes.signal import Signal, is_fresh, signal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="init well")

#: growth in variance from input to output, of which the hidden layers alone must make `HIDDEN`: a hundredfold output
#: under a softmax leaves every row wrong with certainty, and Adam at 1e-3 needs thousands of steps to take it back
GROWN = 1e4
HIDDEN = 1e2
#: worth a look: a thirtyfold output
LARGE = 1e3
#: growth of the gradient's energy from the last hidden layer down to the first; a thousandfold in size makes any
#: learning rate that moves the last layer throw the first one away
BACKWARD = 1e6


@check.run
def run(model: nn.Module, batch: Any, bench: Bench) -> Finding:
    seen = bench.once(signal)
    name = bench.name("model")
    burst = next((layer for layer in seen.layers if not math.isfinite(layer.moment)), None)
    if burst is not None and all(math.isfinite(layer.moment_in) or not layer.fan_in for layer in seen.layers[:1]):
        return bad(
            f"the signal overflows at `{spelled(name, burst.path)}`: its outputs are not finite",
            fix="Initialise the weights for the units that follow them.",
            code=line_for(name, seen.weighted, [units.kind for units in seen.units]),
            where=spelled(name, burst.path),
        )
    found = flow(seen)
    if found is None or len(found.layers) < 2:
        return ok("nothing can build up: fewer than two layers follow one another without normalisation")
    return _judge(name, found, seen, is_fresh(bench))


def _judge(name: str, found: Flow, seen: Signal, fresh: bool) -> Finding:
    growth, depth = found.out**0.5, len(found.layers)
    numbers: dict[str, Any] = {**profile(found), "growth": growth, "expected": 1.0, "backward": found.backward}
    grown = found.hidden >= HIDDEN * found.slack and found.out >= GROWN * found.slack
    large = found.hidden >= LARGE / 30 * found.slack and found.out >= LARGE * found.slack
    back = found.backward is not None and not found.normed and found.backward >= BACKWARD * found.slack
    if not large and not back:
        return ok(
            f"nothing builds up over {depth} layers: the output is {number(growth, 3)} times the input", **numbers
        )
    worst = found.steepest(+1)
    message = f"the signal grows **{number(growth, 3)}**-fold over {depth} layers; a matching init keeps it near **1**"
    if back and not grown:
        message = (
            f"the gradient grows **{number((found.backward or 0) ** 0.5, 3)}**-fold from the last hidden layer down to "
            "the first; a matching init keeps it near **1**"
        )
    claim = bad if (grown or back) and fresh else hint
    kinds = [units.kind for units in seen.units if not units.final and not units.gates]
    return claim(
        message,
        fix="Initialise the weights for the units that follow them, or normalise between the layers.",
        code=line_for(name, found.hidden_layers, kinds),
        why=f"the weights of `{spelled(name, worst.path)}` have standard deviation {number(worst.weight_std, 3)}; "
        f"He's init gives {number(worst.he_std, 3)}, Xavier's {number(worst.xavier_std, 3)}",
        where=spelled(name, worst.path),
        **numbers,
    )


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """Signal and gradient at each layer, beside the signal that He's and Xavier's init would give."""
    draw_profile(ax, seen, "C1" if seen["growth"] >= LARGE**0.5 else "C0")


def _unit_normal(net: nn.Sequential, std: float = 1.0) -> nn.Sequential:
    generator = toys.seeded()
    with torch.no_grad():
        for layer in net:
            if isinstance(layer, (nn.Linear, nn.Conv2d)):
                layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator) * std)
    return net


@check.breaks
def unit_normal_weights() -> Bench:
    """Weights from a normal distribution with standard deviation 1, whatever the fan-in."""
    return toys.classify(_unit_normal(toys.mlp((20, 64, 64, 64, 5))))


@check.breaks
def gradient_of_deep_tanh() -> Bench:
    """Sixteen tanh layers with large weights: outputs are bounded, the gradient on its way down is not."""
    return toys.classify(_unit_normal(toys.mlp((20, *[64] * 16, 5), act=nn.Tanh)))


@check.holds
def he_init() -> Bench:
    """Twelve layers with He's init."""
    net = toys.mlp((20, *[64] * 12, 5))
    generator = toys.seeded()
    with torch.no_grad():
        for layer in net:
            if isinstance(layer, nn.Linear):
                std = (2 / layer.in_features) ** 0.5
                layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator) * std)
    return toys.classify(net)


@check.holds
def large_weights_before_batch_norm() -> Bench:
    """Convolutions with unit normal weights, each with a batch norm behind that takes the size out."""
    net = toys.convnet()
    _unit_normal(nn.Sequential(*list(net)[:-1]))
    return toys.images(net)


@check.holds
def targets_in_the_thousands() -> Bench:
    """Only the last layer is large: it brings the outputs to the size of the targets."""
    net = toys.mlp((10, 32, 16, 1))
    with torch.no_grad():
        net.get_parameter("4.weight").mul_(2000)
    return toys.regress(net, scale=1000.0)
