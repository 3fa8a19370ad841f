"""Units of a hidden layer start different from one another.

Units with equal weights give equal outputs and get equal gradients, so they stay equal: a layer of a hundred of them
works as one. Zeros are right in the last layer, at the end of a residual branch or in one half of a low-rank update,
because the gradient tells those units apart at the first or second step; this check takes those steps on a copy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, Seen, bad, hint, ok, skipped, spelled
from ...probes.passes.flow import line_for
from ...probes.passes.shares import draw_shares
from ...probes.passes.signal import signal
from ...probes.passes.twins import lasting_twins

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="symmetry of the init")

#: share of a layer's units that must be lasting copies: the layer then works at half its width or less
MOST = 0.5
#: layers in the picture
SHOWN = 5


@check.run
def run(model: nn.Module, batch: Any, bench: Bench) -> Finding:
    seen = bench.once(signal)
    if seen.no_gradient:
        return skipped(f"there are no gradients to compare: {seen.no_gradient}")
    # a layer that is given nothing but zeros cannot move: that is for `dead-units` to judge
    idle = {layer.weight for layer in seen.weighted if layer.moment_in == 0}
    lasting = [twins for twins in bench.once(lasting_twins) if twins.still >= 2 and twins.name not in idle]
    name = bench.name("model")
    if not lasting:
        parted = sum(twins.equal for twins in seen.twins)
        told = f"; {parted} that start equal get different gradients" if parted else ""
        return ok(f"no unit stays a copy of another{told}", lasting=0, parted=parted)
    worst = max(lasting, key=lambda twins: twins.still / twins.units)
    share = worst.still / worst.units
    path = worst.name.rpartition(".")[0] or worst.name
    layers = [layer for layer in seen.weighted if layer.weight in {twins.name for twins in lasting}]
    kinds = [units.kind for units in seen.units if not units.final and not units.gates]
    numbers: dict[str, Any] = {
        "layers": [spelled(name, twins.name.removesuffix(".weight")) for twins in lasting[:SHOWN]],
        "copies": [twins.still for twins in lasting[:SHOWN]],
        "units": [twins.units for twins in lasting[:SHOWN]],
        "lasting": len(lasting),
    }
    start = "zero" if worst.zero else "equal"
    kept = "get no gradient" if worst.stuck else "stay equal"
    more = f", as in {len(lasting) - 1} more" if len(lasting) > 1 else ""
    # a parameter that multiplies nothing, such as a table of positions, has no units: rows may be alike on purpose
    layered = any(worst.name == layer.weight or worst.name.startswith(f"{layer.path}.") for layer in seen.weighted)
    claim = bad if share >= MOST and layered else hint
    return claim(
        f"**{worst.still} of {worst.units}** units of `{spelled(name, path)}` start {start} and {kept}, step after step"
        f"{more}; random weights differ from the start",
        fix="Start the weights at random.",
        code=line_for(name, layers, kinds) if layers else f"nn.init.xavier_normal_({spelled(name, worst.name)})",
        why="equal weights get equal gradients: the layer works as a single unit",
        where=spelled(name, path),
        **numbers,
    )


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """Copies among the units of each layer."""
    if not seen["lasting"]:
        ax.barh(["copies"], [0], color="C0")
        ax.text(0, 0, " none", va="center", fontsize=7)
        return
    shares = [copies / units for copies, units in zip(seen["copies"], seen["units"], strict=True)]
    told = [f"{copies} of {units}" for copies, units in zip(seen["copies"], seen["units"], strict=True)]
    draw_shares(ax, seen["layers"], shares, told, 0.0)
    ax.set_xlabel("units that stay copies")


def _constant(net: nn.Module, value: float) -> nn.Module:
    for layer in net.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            nn.init.constant_(layer.weight, value)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return net


@check.breaks
def constant_weights() -> Bench:
    """Every weight is 0.02 and every bias 0."""
    return toys.classify(_constant(toys.mlp(), 0.02))


@check.breaks
def zero_weights() -> Bench:
    """Every weight is zero: only the last bias ever moves."""
    return toys.classify(_constant(toys.mlp(), 0.0))


@check.breaks
def equal_filters() -> Bench:
    """Every convolution filter is the same."""
    return toys.images(_constant(toys.convnet(norm=False), 0.05))


@check.holds
def head_from_zero() -> Bench:
    """The last layer starts at zero: its units get different gradients at the first step."""
    net = toys.mlp()
    _constant(net[-1], 0.0)
    return toys.classify(net)


class LowRank(nn.Module):
    """A frozen layer with a low-rank update whose second factor starts at zero."""

    def __init__(self) -> None:
        super().__init__()
        self.frozen = toys.mlp((20, 32)).requires_grad_(False)
        self.down, self.up = toys.mlp((20, 4))[0], nn.Linear(4, 32, bias=False)
        nn.init.zeros_(self.up.weight)
        self.head = toys.mlp((32, 5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(torch.relu(self.frozen(x) + self.up(self.down(x))))
        return out


@check.holds
def low_rank_update() -> Bench:
    """LoRA: one factor is random, the other zero."""
    return toys.classify(LowRank())


class Modulated(nn.Module):
    """Residual branches whose scale, shift and gate are computed by a layer that starts at zero, and a zero head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.branch, self.head = toys.mlp((20, 16)), toys.mlp((16, 16, 16)), toys.mlp((16, 5))
        self.modulation = nn.Linear(16, 48)
        self.norm = nn.LayerNorm(16, elementwise_affine=False)
        for layer in (self.modulation, self.head[0]):
            _constant(layer, 0.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        scale, shift, gate = self.modulation(x).chunk(3, dim=-1)
        x = x + gate * self.branch(self.norm(x) * (1 + scale) + shift)
        out: torch.Tensor = self.head(x)
        return out


@check.holds
def zero_modulation() -> Bench:
    """adaLN-zero: gradients open it step by step, the head first."""
    return toys.classify(Modulated())
