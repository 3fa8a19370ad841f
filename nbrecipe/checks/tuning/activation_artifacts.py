"""Feature maps show what is in the input, not where the layers put it.

A channel that has the same value everywhere tells nothing. A checkerboard that stands in the mean over all examples
was left by an upsampling layer: a transposed convolution whose kernel does not divide by its stride, or dilation
(Odena, Dumoulin and Olah 2016). A channel that tells little more than border from inside has learned the padding. Each
of them is a hint at most, since a net may do well all the same; what the inputs show themselves is not held against the
net, and a net that was not trained yet is not judged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, Seen, hint, ok, skipped, spelled
from ...probes.init.untrained import as_drawn
from ...probes.passes.activity import activity
from ...probes.passes.shares import draw_shares
from ...probes.passes.signal import is_fresh

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="activations")

#: share of a layer's channels, and their number, from which on it is worth a look; a few odd ones are usual
SHARE, FEWEST = 0.25, 2
#: layers in the picture
SHOWN = 5
WORDS = {
    "constant": "have one value on every example and at every place",
    "checkerboard": "show a checkerboard: odd and even rows and columns differ in the mean over all examples",
    "border": "tell little more than the border from what it surrounds",
}
FIXES = {
    "constant": "See what switches those channels off: a bias, a scale of zero, or weight decay.",
    "checkerboard": "Upsample by interpolation and then convolve, or make the kernel's size a multiple of its stride.",
    "border": "Pad by reflection, or see that padding and the inputs' background have the same value.",
}


@check.run
def run(model: nn.Module, batch: Any, bench: Bench) -> Finding:
    seen = bench.once(activity)
    maps = [layer for layer in seen.layers if layer.axes == ("row", "column")]
    if not maps:
        return skipped("there are no feature maps to look at")
    if is_fresh(bench) and as_drawn((model,)):
        return skipped("the model is as it was drawn: nothing was learned there yet")
    name = bench.name("model")
    odds = [(layer, kind, len(odd)) for layer in maps for kind, odd in layer.artifacts.items()]
    found = [(layer, kind, count) for layer, kind, count in odds if count >= max(FEWEST, SHARE * layer.units)]
    if not found:
        few = sum(count for _, _, count in odds)
        whole, verb = sum(layer.units for layer in maps), "is" if few == 1 else "are"
        return ok(f"{few or 'none'} of {whole} channels of feature maps {verb} odd", layers=len(maps))
    order = ["checkerboard", "constant", "border"]
    layer, kind, count = min(found, key=lambda one: (order.index(one[1]), -one[2] / one[0].units))
    alike = sum(one[1] == kind for one in found) - 1
    shown = [one for one in found if one[1] == kind][:SHOWN]
    return hint(
        f"**{count} of {layer.units}** channels behind `{spelled(name, layer.path)}` {WORDS[kind]}"
        + (f"; so do channels of {alike} more layers" if alike else ""),
        fix=FIXES[kind],
        where=spelled(name, layer.path),
        kind=kind,
        layers=[spelled(name, one[0].path) for one in shown],
        odd=[one[2] for one in shown],
        channels=[one[0].units for one in shown],
    )


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """The share of odd channels by layer."""
    if "odd" not in seen:
        ax.barh(["odd channels"], [0], color="C0")
        ax.text(0, 0, " few or none", va="center", fontsize=7)
        return
    shares = [odd / channels for odd, channels in zip(seen["odd"], seen["channels"], strict=True)]
    told = [f"{odd} of {channels}" for odd, channels in zip(seen["odd"], seen["channels"], strict=True)]
    draw_shares(ax, seen["layers"], shares, told, SHARE)
    ax.set_xlabel("odd channels" if seen["kind"] != "checkerboard" else "checkerboards")


def _images(*layers: nn.Module) -> Bench:
    """Images of 16 x 16 in, a net of these layers and a head; somebody trained it."""
    generator = toys.seeded()
    x = nn.functional.avg_pool2d(torch.randn(64, 1, 20, 20, generator=generator), 5, stride=1) * 5
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), *toys.mlp((8, 5))]
    net = nn.Sequential(*layers, *head)
    y = torch.randint(5, (64,), generator=generator)
    return toys.bench(net, x, y, nn.CrossEntropyLoss(), trained="`fit` in cell 3")


def _layer(kind: type[nn.Module], *shape: int, **settings: Any) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return kind(*shape, **settings)


@check.breaks
def checkerboard() -> Bench:
    """A transposed convolution of kernel 3 and stride 2: its windows overlap at every second place."""
    up = _layer(nn.ConvTranspose2d, 8, 8, 3, stride=2)
    with torch.no_grad():
        up.weight.abs_()  # type: ignore[operator]
    return _images(_layer(nn.Conv2d, 1, 8, 3, stride=2, padding=1), nn.ReLU(), up)


@check.breaks
def switched_off() -> Bench:
    """A batch norm whose scale went to zero: what is left is its bias."""
    norm = nn.BatchNorm2d(8)
    nn.init.zeros_(norm.weight)
    nn.init.constant_(norm.bias, 0.5)
    return _images(_layer(nn.Conv2d, 1, 8, 3, padding=1), norm, nn.ReLU())


@check.holds
def convolutions() -> Bench:
    """Convolutions with padding on smooth images."""
    return _images(_layer(nn.Conv2d, 1, 8, 3, padding=1), nn.ReLU(), _layer(nn.Conv2d, 8, 8, 3, padding=1), nn.ReLU())


@check.holds
def interpolated() -> Bench:
    """Upsampling by interpolation, then a convolution."""
    down, up = _layer(nn.Conv2d, 1, 8, 3, stride=2, padding=1), nn.Upsample(scale_factor=2, mode="bilinear")
    return _images(down, nn.ReLU(), up, _layer(nn.Conv2d, 8, 8, 3, padding=1), nn.ReLU())


@check.holds
def silent_channels() -> Bench:
    """A few ReLU channels that are off everywhere are for `dead-units` to judge."""
    first = _layer(nn.Conv2d, 1, 8, 3, padding=1)
    with torch.no_grad():
        first.bias[:2] = -20.0  # type: ignore[operator]
    return _images(first, nn.ReLU())
