"""Trained filters of the first layer show structure.

Neighbouring pixels resemble one another, and what a gradient adds to a filter of the first layer is a sum of patches of
pixels: a filter that has learned from images is smooth here and there, with edges and blobs. Filters that look like the
noise they started as have learned nothing that lies in the images: labels that say nothing about their inputs, pixels
out of order, a rate that is too high, or too little training or regularisation do that. Each filter is scored by
Moran's I against the same filter shuffled, with Holm's correction for their number; all together are held against
filters half noise and half learned from the very batch. It is a hint where nothing proves that training moved the
weights far, or that the net knows its training rows by heart and guesses on validation rows.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, Seen, bad, hint, number, ok, skipped, spelled
from ...pictures.filters import Scores
from ...probes.init.untrained import is_as_drawn
from ...probes.passes.carried_over import CarriedOver, carried_over
from ...probes.passes.signal import is_fresh
from ...probes.weights.filters import filters
from ...probes.weights.first_layer import FirstLayer

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="first-layer weights")

#: filters below which their number tells nothing of the rest
FEWEST = 16
#: the share of structure, at most (three standard errors), below which filters that training moved by more than their
#: own size are noise: where half of their energy at least is learned, half of that is missing; and what is worth a look
NOISE, LOOK = 0.25, 0.4
#: training moved the weights by their own size: half of their energy at least is new
FAR = 1.0
#: the same without a copy of the start: twice the variance of the widest usual init, which is 2 / fan-in or 2 / fan-out
#: (He et al. 2015)
WIDE = 4.0
#: one filter in so many is few
RARE = 8
#: Moran's I of the inputs from which on their neighbours are alike
ALIKE = 0.2
#: scores in the picture
SHOWN = 256
EARLY = "Train on, or at a higher rate, and look again: most of what these filters hold is the noise they started as."
FIX = "See that labels belong to their inputs and pixels lie in order; then train longer, slower or with weight decay."


@check.run
def run(model: nn.Module, batch: Any, bench: Bench) -> Finding:
    seen = bench.once(filters)
    found = [
        _judged(bench, layer, score, moved)
        for layer, score, moved in zip(seen.layers, seen.scored, seen.moved, strict=True)
        if score is not None
    ]
    if not found:
        return skipped("no first layer reads pixels, or another input with neighbours")
    order = {"bad": 0, "hint": 1, "ok": 2, "skipped": 3}
    return min(found, key=lambda finding: order[finding.verdict.value])


def _judged(bench: Bench, layer: FirstLayer, score: Scores, moved: float | None) -> Finding:
    name, count = spelled(bench.name("model"), layer.path or layer.name), len(score.moran)
    drawn = layer.module is not None and bool(is_as_drawn(layer.module))
    far = moved >= FAR if moved is not None else _variance(layer) >= WIDE
    knows = None if _passes(score, by_heart=False) and score.count > count / RARE else _known(bench, layer, drawn)
    by_heart = knows is not None and knows.by_heart
    reason, code = _reason(bench, layer, score, drawn=drawn, moved=moved, far=far or by_heart)
    if reason:
        return skipped(reason, code=code)
    numbers: dict[str, Any] = {
        "filters": count, "structured": score.count, "moran": [float(v) for v in score.moran[:SHOWN]],
        "noise": score.noise, "share": score.share, "most": score.most, "power": score.power, "moved": moved,
    }  # fmt: skip
    mean, alike = number(float(score.moran.mean()), 2), number(score.noise, 2)
    if _passes(score, by_heart):
        if score.count:
            return ok(f"**{score.count} of {count}** filters of `{name}` show structure", where=name, **numbers)
        told = f"Moran's I is **{mean}** on average, noise would have {alike}"
        return ok(f"the {count} filters of `{name}` show structure together: {told}", where=name, **numbers)
    noise = not score.count and score.most <= NOISE and far and not is_fresh(bench)
    hardly = "" if moved is None or far else f"; training moved them by {moved:.0%} of their size"
    shows = f"only **{score.count} of {count}**" if score.count else f"**none of {count}**"
    return (bad if noise or by_heart else hint)(
        f"{shows} filters of `{name}` {'show' if score.count > 1 else 'shows'} structure: Moran's I is **{mean}** on "
        f"average, the same weights shuffled have {alike}{hardly}{_told(knows) if by_heart else ''}",
        fix=FIX if far or by_heart or moved is None else EARLY,
        why=f"at most {score.most:.0%} of what they hold is structure as these inputs give it; filters half learned "
        f"from them would be seen with a power of {score.power:.0%}",
        where=name,
        **numbers,
    )


def _known(bench: Bench, layer: FirstLayer, drawn: bool) -> CarriedOver | None:
    """What carries over to validation rows, where that matters and can be told."""
    if drawn or layer.frozen:
        return None
    with contextlib.suppress(Exception):  # of the user's data or model; the filters are judged without it
        return bench.once(carried_over)
    return None


def _told(knows: CarriedOver | None) -> str:
    assert knows is not None
    train, val = knows.train, knows.val
    return (
        f"; the net knows **{train.accuracy:.0%}** of {train.rows} training rows and {val.accuracy:.0%} of {val.rows} "
        f"validation rows, where guessing knows {1 / val.classes:.0%}"
    )


def _passes(score: Scores, by_heart: bool) -> bool:
    """Whether more than a few filters show structure by themselves, or all of them together may."""
    return score.count > len(score.moran) / RARE or score.most > (NOISE if score.count and not by_heart else LOOK)


def _reason(
    bench: Bench, layer: FirstLayer, score: Scores, *, drawn: bool, moved: float | None, far: bool
) -> tuple[str, str]:
    """Why nothing can be said of a layer, and the line that helps; empty where something can."""
    name, count = spelled(bench.name("model"), layer.path or layer.name), len(score.moran)
    size = " × ".join(str(n) for n in layer.weight.shape[1:])
    if layer.frozen:
        return f"`{name}` is frozen", ""
    if drawn or (moved == 0 and not score.count):
        return f"the weights of `{name}` are as they were drawn: nothing was learned there yet", ""
    if score.count and _passes(score, by_heart=False):
        return "", ""
    if count < FEWEST:
        return f"`{name}` has {count} filters, too few to tell; {FEWEST} would do", ""
    if not score.least <= LOOK and score.inputs < ALIKE:
        return f"what `{name}` reads has no neighbours that resemble one another, so its filters need no structure", ""
    if not score.least <= LOOK:
        told = f"filters of {size} are too small to tell noise from structure on these inputs"
        return f"{told}: half learned from them, they would be seen with a power of {score.power:.0%}", ""
    if is_fresh(bench) and not far:
        told = "nothing says that the model was trained; filters kept from before training would"
        return told, f"%filters {bench.name('model')} --before START"
    return "", ""


def _variance(layer: FirstLayer) -> float:
    """The mean square of the weights, times the smaller of fan-in and fan-out."""
    units, channels, height, width = layer.weight.shape
    field = 1 if layer.columns is not None else height * width
    inputs = channels * height * width
    return float(layer.weight.square().mean()) * min(inputs, units * field)


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """How many filters have which score, and what noise has."""
    ax.hist(seen["moran"], bins=24, color="C0")
    ax.axvline(seen["noise"], color="C2", lw=1)
    ax.set_yticks([])
    ax.set_xlabel("Moran's I (line: noise)")


def _looking(*, noise: bool, units: int = 32, seed: int = 0) -> Bench:
    """A perceptron on smooth images whose first layer is noise of a trained size, or sums of the images."""
    bench = toys.images(nn.Sequential(nn.Flatten(), *toys.mlp((64, units, 5))), rows=256, seed=seed)
    assert bench.model is not None
    images = bench.get("batch")[0].flatten(1)
    generator = toys.seeded(seed)
    weights = torch.randn(units, len(images), generator=generator) @ images / len(images) ** 0.5
    with torch.no_grad():
        bench.model[1].weight.copy_(0.6 * torch.randn(units, 64, generator=generator) if noise else weights)  # type: ignore[index]
    return bench.replace(trained="`fit` in cell 3")


@check.breaks
def noise_after_training() -> Bench:
    """Weights of a trained size, and no pixel knows of its neighbour."""
    return _looking(noise=True)


@check.holds
def sums_of_images() -> Bench:
    """Filters made of the images that they read."""
    return _looking(noise=False)


@check.holds
def a_trained_net() -> Bench:
    """A perceptron trained on images of blobs."""
    return toys.trained(toys.images(nn.Sequential(nn.Flatten(), *toys.mlp((64, 32, 5)))))
