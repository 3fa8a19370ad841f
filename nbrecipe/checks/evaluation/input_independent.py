"""A network does better with its inputs than without them.

The same network, started and trained alike, is judged on held-out rows three times: as it is, with all inputs zeroed,
and with the inputs of other rows. Without inputs it can only learn how often each answer is right. One that does no
better with them reads nothing of them: they are lost on the way, they tell nothing, or the labels belong to other rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ... import toys
from ...batches import BadInput
from ...bench import Bench, Missing
from ...check import Check
from ...experiments.inputless.experiment import Independence, trained_thrice
from ...experiments.inputless.following import following
from ...experiments.simple.information import train_informed
from ...finding import Finding, Seen, bad, hint, number, ok
from ...statistics.digits import chance
from ...task import Kind

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="input-independent baseline", cost="trains")

#: chance of calling inputs a help, or a harm, that are none; two tests of it each
RATE = 0.01
#: share of what can be known of the labels that a cheap model must know, all doubt counted, for them to be knowable;
#: and the chance of it
KNOWN, BY_CHANCE = 0.25, 1e-6
FIX = "Follow the inputs through `forward` until they are lost."
CODE = "%chart_dependencies"


@dataclass(frozen=True)
class _Cheap:
    """What cheap models know of the labels."""

    told: str
    knows: bool
    nothing: bool


@check.run
def run(model: nn.Module, bench: Bench) -> Finding:
    seen = bench.once(trained_thrice)
    numbers = _numbers(seen)
    told = (
        f"held-out loss **{number(seen.real.loss, 3)}** with the inputs, **{number(seen.zeroed.loss, 3)}** with them "
        f"zeroed, **{number(seen.shuffled.loss, 3)}** with those of other rows ({chance(seen.p)}, "
        f"{seen.steps} steps each, {len(seen.real.answers)} rows)"
    )
    if not all(math.isfinite(run.loss) for run in (seen.real, seen.zeroed, seen.shuffled)):
        return hint(f"{told}: no comparison", fix="See why the loss leaves the numbers: `%%overfit_batch`.", **numbers)
    if seen.helps and seen.p < RATE:
        return ok(told, why=_prior(seen), **numbers)
    if seen.by_zeroed.difference < 0 and seen.by_zeroed.p < RATE:
        why = "it learned rows by heart, or the held-out rows are unlike those it was trained on"
        return hint(f"{told}: it does better without", fix="Look at both splits: `%inspect_data`.", why=why, **numbers)
    follows = None if _same(seen) else following(seen.real.answers)
    if follows is not None and follows < RATE:
        why = "the loss gains nothing where rows are answered too surely: take fewer steps, or keep it from overfitting"
        return ok(f"{told}: its answers go with the labels all the same ({chance(follows)})", why=why, **numbers)
    return _no_help(seen, told, numbers, bench)


def _no_help(seen: Independence, told: str, numbers: dict[str, Any], bench: Bench) -> Finding:
    """Inputs that are no help: lost on the way where a cheap model finds something in them."""
    cheap = _cheap(bench)
    if _same(seen) and cheap.knows:
        said = f"{told}: the losses are equal row by row, while {cheap.told}"
        return bad(said, fix=FIX, code=CODE, why="the answers do not depend on the inputs", **numbers)
    if cheap.knows:
        why = f"{cheap.told}; {seen.steps} steps may be too few"
        return hint(f"{told}: no gain that is more than chance", fix=FIX, code=CODE, why=why, **numbers)
    why = cheap.told if cheap.nothing else _prior(seen)
    fix = "Read some rows with their labels: do the inputs tell them? `%browse`"
    return hint(f"{told}: no gain that is more than chance", fix=fix, why=why, **numbers)


def _same(seen: Independence) -> bool:
    """Whether zeroed inputs gave every row the very same loss, after the same steps from the same start."""
    real, zeroed = seen.real.answers.loss, seen.zeroed.answers.loss
    return real is not None and zeroed is not None and len(real) > 1 and bool(np.array_equal(real, zeroed))


def _cheap(bench: Bench) -> _Cheap:
    try:
        found = bench.once(train_informed)
    except (Missing, BadInput):
        return _Cheap("", False, False)
    knows = found.least >= KNOWN and found.p < BY_CHANCE
    name = max(found.scores, key=lambda one: found.scores[one])
    what = "balanced accuracy" if found.classes else "correlation"
    against = f", {number(found.chance, 3)} by chance" if found.classes else ""
    if knows:
        return _Cheap(f"a cheap model ({name}) has {what} {number(found.score, 3)}{against}", True, False)
    nothing = found.p > RATE
    return _Cheap(f"cheap models find nothing in the inputs either (p = {number(found.p, 2)})", False, nothing)


def _prior(seen: Independence) -> str:
    """What the network learned without inputs, in words."""
    found = seen.zeroed.answers
    given = found.probabilities
    if found.kind is Kind.CLASSES and given is not None and found.target is not None and len(given):
        best = int(given.mean(0).argmax())
        share = float((found.target == best).mean())
        name = found.classes[best] if best < len(found.classes) else best
        sure = number(float(given.mean(0)[best]), 2)
        return f"without inputs it gives `{name}` {sure}; the share of such labels is {number(share, 2)}"
    if found.kind is Kind.REGRESSION and found.answer is not None and found.target is not None:
        mean, truth = float(found.answer.mean()), float(found.target.mean())
        return f"without inputs it answers {number(mean, 3)}; the mean of the targets is {number(truth, 3)}"
    return ""


def _numbers(seen: Independence) -> dict[str, Any]:
    runs = (seen.real, seen.zeroed, seen.shuffled)
    return {
        "losses": {run.what: run.loss for run in runs},
        "p": seen.p,
        "steps": seen.steps,
        "rows": len(seen.real.answers),
        "kept": list(seen.start.kept),
    }


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """The held-out loss of the three networks."""
    names = list(seen["losses"])[::-1]
    ax.barh(names, [float(seen["losses"][name]) for name in names], color=["C7", "C7", "C0"])
    ax.set_xlabel("held-out loss")


class _Lost(nn.Module):
    """A network whose inputs are lost on the way."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net(torch.zeros_like(x))
        return out


@check.breaks
def a_new_tensor_instead_of_the_input() -> Bench:
    """The forward pass makes a tensor of the input's shape, and never fills it."""
    return toys.classify(_Lost(toys.mlp()))


@check.breaks
def a_mask_of_zeros() -> Bench:
    """A numeric target, and a mask that keeps no feature."""
    return toys.regress(_Lost(toys.mlp((10, 32, 1))))


@check.holds
def classes() -> Bench:
    """Classes that the inputs tell apart."""
    return toys.classify()


@check.holds
def smooth_function() -> Bench:
    """A smooth function of the inputs."""
    return toys.regress()


@check.holds
def nothing_to_know() -> Bench:
    """Labels that were drawn at random: no network can do better with such inputs, and none is accused."""
    given = toys.classify()
    x, y = given.train_data.tensors
    order = torch.randperm(len(y), generator=toys.seeded(1))
    return toys.bench(given.get("model"), x, y[order], given.loss_fn)


@check.holds
def a_model_of_frequencies() -> Bench:
    """A model that is meant to know nothing but how often each class occurs, where inputs tell nothing more."""
    x = torch.rand(256, 20, generator=toys.seeded(3))
    y = torch.randint(0, 5, (256,), generator=toys.seeded(4))
    return toys.bench(_Lost(toys.mlp()), x, y, nn.CrossEntropyLoss())
