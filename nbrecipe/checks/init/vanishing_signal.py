"""The signal keeps its size from the input to the last layer.

If every layer shrinks what varies from example to example, the last layer sees nearly the same numbers for all of them:
the loss stays at that of a guess, and the gradients of the first layers are too small to move them. He's init keeps the
size through ReLU, Xavier's through tanh; normalisation and residual connections keep it whatever the weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, Seen, bad, hint, number, ok, skipped, spelled
from ...probes.passes.flow import Flow, draw_profile, flow, line_for, profile
from ...probes.passes.signal import Signal, is_fresh, signal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="init well")

#: share of the input's variance left at the last layer. Nets of 2 to 20 layers of ReLU, GELU, tanh and sigmoid units,
#: initialised in five ways: below 1e-8 none left its plateau within 500 steps of SGD with momentum, where a He or
#: Xavier init took 15; Adam took 3 to 20 times as long as with that init
LOST = 1e-8
#: the point from which on SGD took ten times as long
FAINT = 1e-6


@check.run
def run(model: nn.Module, batch: Any, bench: Bench) -> Finding:
    seen = bench.once(signal)
    found = flow(seen)
    if found is None:
        return ok("nothing to lose: fewer than two layers follow one another without normalisation")
    if found.hidden != found.hidden:
        return skipped("the signal is not finite; `exploding-signal` says where it overflows")
    depth, ratio = len(seen.weighted), max(found.hidden, 0.0) ** 0.5
    # inputs far larger than 1 saturate units; that is not the weights' doing
    ratio *= max(found.start, 1.0) ** 0.5
    numbers: dict[str, Any] = {**profile(found), "ratio": ratio, "expected": 1.0}
    limit = (LOST / found.slack) ** 0.5
    if ratio >= (FAINT / found.slack) ** 0.5:
        return ok(f"{number(ratio, 3)} of the signal's size is left after {depth} layers", **numbers)
    cut = _cut(bench.name("model"), seen)
    if cut is not None:
        return hint(cut[0], fix=cut[1], where=cut[2], **numbers)
    name, worst = bench.name("model"), found.steepest(-1)
    claim = bad if ratio < limit and is_fresh(bench) else hint
    fold = f"**{number(1 / ratio, 3)}**-fold" if ratio else "to **nothing**"
    return claim(
        f"the signal shrinks {fold} over {depth} layers; a matching init keeps its size",
        fix=_fix(seen),
        code=_code(name, found, seen),
        why=_why(name, worst.path, found),
        where=spelled(name, worst.path),
        **numbers,
    )


def _cut(name: str, seen: Signal) -> tuple[str, str, str] | None:
    """Message, fix and place where the signal ends at one layer, which other checks judge."""
    for layer in seen.weighted[:-1]:
        if layer.weight and layer.weight_std == 0:
            place = spelled(name, layer.path)
            fix = "Start at zero only the last layer, or the end of a residual branch."
            return f"no signal passes `{place}`: its weights start at one value", fix, place
    for units in seen.units:
        if units.share_off == 1 and not units.final:
            place = spelled(name, units.after)
            return f"no signal passes the units behind `{place}`: all are off", "Start the bias at zero.", place
    return None


def _fix(seen: Signal) -> str:
    if any(units.kind == "sigmoid" and not units.final and not units.gates for units in seen.units):
        return "Replace the sigmoids between the layers by ReLU, whose slope is 1, or put a normalisation before them."
    return "Initialise the weights for the units that follow them, or normalise between the layers."


def _code(name: str, found: Flow, seen: Signal) -> str:
    kinds = [units.kind for units in seen.units if not units.final and not units.gates]
    return "" if "sigmoid" in kinds else line_for(name, found.hidden_layers, kinds)


def _why(name: str, path: str, found: Flow) -> str:
    layer = next(layer for layer in (*found.layers, found.layers[0]) if layer.path == path)
    if not layer.fan_in:
        return f"`{spelled(name, path)}` shrinks it most"
    return (
        f"the weights of `{spelled(name, path)}` have standard deviation {number(layer.weight_std, 3)}; "
        f"He's init gives {number(layer.he_std, 3)}, Xavier's {number(layer.xavier_std, 3)}"
    )


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """Signal and gradient at each layer, beside the signal that He's and Xavier's init would give."""
    draw_profile(ax, seen, "C1" if seen["ratio"] < FAINT**0.5 else "C0")


def _deep(depth: int, act: type[nn.Module] = nn.ReLU, norm: bool = False) -> nn.Sequential:
    net = toys.mlp((20, *[32] * depth, 5), act=act)
    if not norm:
        return net
    return nn.Sequential(
        *(part for layer in net for part in ([layer, nn.LayerNorm(32)] if _hidden(layer) else [layer]))
    )


def _hidden(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Linear) and layer.out_features == 32


@check.breaks
def tiny_weights() -> Bench:
    """Five layers of weights with standard deviation 0.005."""
    net = _deep(5)
    generator = toys.seeded()
    with torch.no_grad():
        for layer in net:
            if isinstance(layer, nn.Linear):
                layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator) * 0.005)
                layer.bias.zero_()
    return toys.classify(net)


@check.breaks
def deep_sigmoids() -> Bench:
    """Eight layers of sigmoid units, whose slope is at most a quarter."""
    return toys.classify(_deep(8, nn.Sigmoid))


@check.holds
def default_init() -> Bench:
    """Three layers as torch initialises them: smaller at each layer, and trainable."""
    return toys.classify()


@check.holds
def deep_and_normalised() -> Bench:
    """Sixteen layers as torch initialises them, with layer norm behind each."""
    return toys.classify(_deep(16, norm=True))


@check.holds
def head_from_zero() -> Bench:
    """A last layer that starts at zero sends back no gradient at the first step, and does at the second."""
    net = _deep(2)
    nn.init.zeros_(net.get_parameter("4.weight"))
    return toys.classify(net)


@check.holds
def transformer() -> Bench:
    """A causal transformer with small embeddings."""
    return toys.next_token()
