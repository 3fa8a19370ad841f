"""Every trainable layer that the model uses gets a gradient.

A `.detach()`, `.data`, `.item()`, a way through numpy or a `no_grad` cuts the graph: the layers before it compute
and never learn. It is a fault where they are to be trained and are still as they were drawn. A stop-gradient beside
another path, a frozen or pretrained part, a teacher and a codebook are cut on purpose: a hint at most.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ... import toys
from ...batches.models import plain
from ...bench import Bench
from ...check import Check
from ...finding import Finding, Seen, bad, hint, ok, skipped, spelled
from ...probes.graph.reach import Cut, Reach, is_held, joined, reach
from ...probes.init.untrained import is_as_drawn
from ...probes.passes.shares import draw_shares

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="chart dependencies")

#: names of what is cut off on purpose
ON_PURPOSE = re.compile(r"target|teacher|ema|momentum|frozen|fixed|reference|prior|codebook|random|pretrained|backbone")
NO_GRAD = "torch.no_grad()"
#: parts in the picture
SHOWN = 5


@check.run
def run(model: nn.Module, batch: Any, bench: Bench) -> Finding:
    inner = plain(model)
    parameters = {name: p for name, p in inner.named_parameters() if p.requires_grad}
    if not parameters:
        return skipped("no parameter is trainable, so no gradient is to arrive anywhere")
    seen = bench.once(reach)
    used = set(parameters) & seen.touched - seen.moved
    cut = {name for name in used - seen.reached if is_held(bench, parameters[name])}
    if not cut:
        return ok(f"a gradient reaches all of the {len(used)} trainable parameters in use", cut=0, used=len(used))
    name = bench.name("model")
    order = {path: at for at, (path, _) in enumerate(inner.named_parameters())}
    paths = sorted({n.rpartition(".")[0] or n for n in cut}, key=lambda path: order[_any(cut, path)])
    how = _cause(seen, cut)
    claim = bad if _is_fault(bench, inner, seen, cut, how) else hint
    where = f" in `{how.caller}`" if how is not None and how.caller else ""
    source = f"`{how.how}`{where} cuts the graph" if how is not None else "the graph is cut on the way"
    return claim(
        f"**{len(cut)} of {len(used)}** trainable parameters in use get no gradient, as those of "
        f"`{spelled(name, paths[-1])}`: {source}",
        fix=_fix(how),
        why="what is before the cut computes and never learns"
        if seen.learns
        else "nothing that comes out has a gradient",
        where=spelled(name, paths[-1]),
        parts=[spelled(name, path) for path in paths[:SHOWN]],
        cut=len(cut),
        used=len(used),
    )


def _any(names: set[str], path: str) -> str:
    return min(name for name in names if (name.rpartition(".")[0] or name) == path)


def _cause(seen: Reach, cut: set[str]) -> Cut | None:
    """The cut that most of these parameters are behind."""
    found = max(seen.cuts, key=lambda one: len(one.behind & cut), default=None)
    if found is not None and found.behind & cut:
        return found
    behind = frozenset(cut & seen.ungraded)
    return Cut(NO_GRAD, "", behind) if behind else None


def _is_fault(bench: Bench, model: nn.Module, seen: Reach, cut: set[str], how: Cut | None) -> bool:
    """Whether what is cut off was to learn: an optimizer holds it, it is as torch drew it, and it copies nothing.

    And whether the cut is what keeps the gradient away: without it there must be a way through.
    """
    if bench.optimizer is None or how is None or bench.pretrained is not None:
        return False
    if any(ON_PURPOSE.search(name.lower()) for name in cut):
        return False
    modules = [module for path, module in model.named_modules() if _own(path, module) & cut & how.behind]
    drawn = [answer for answer in map(is_as_drawn, modules) if answer is not None]
    if not drawn or not all(drawn) or _is_copy(model, seen, cut):
        return False
    behind, whole = cut & how.behind, bench.once(joined)
    return whole is None or behind <= whole


def _own(path: str, module: nn.Module) -> set[str]:
    return {f"{path}.{name}" if path else name for name, _ in module.named_parameters(recurse=False)}


def _is_copy(model: nn.Module, seen: Reach, cut: set[str]) -> bool:
    """Whether a weight has a twin of its shape and name that does learn, as that of a teacher has."""
    named = dict(model.named_parameters())
    tails = {(name.split(".", 1)[-1], named[name].shape) for name in seen.reached if "." in name and name in named}
    weights = [name for name in cut if named[name].ndim > 1]
    twins = [n for n in weights if n.count(".") > 1 and (n.split(".", 1)[-1], named[n].shape) in tails]
    equal = [n for n in weights if any(_same(named[n], named[m]) for m in seen.reached if m in named)]
    return bool(weights) and (len(twins) == len(weights) or bool(equal))


def _same(one: Tensor, two: Tensor) -> bool:
    return one.shape == two.shape and torch.equal(one.detach(), two.detach())


def _fix(how: Cut | None) -> str:
    if how is None:
        return "Let values stay tensors with a gradient between these layers and the loss."
    if how.how == NO_GRAD:
        return "Call these layers outside of `no_grad`, or freeze them with `requires_grad_(False)`."
    if "tensor" in how.how or how.how in (".item()", ".tolist()", ".numpy()"):
        return "Compute with tensors all the way, or freeze these layers with `requires_grad_(False)`."
    return f"Take `{how.how}` out, or freeze these layers with `requires_grad_(False)`."


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """The share of the parameters in use that no gradient reaches."""
    share = seen["cut"] / max(seen["used"], 1)
    draw_shares(ax, ["no gradient"], [share], [f"{seen['cut']} of {seen['used']}"], 0.001)


class _Net(nn.Module):
    """A body, something in between, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = toys.mlp((20, 32, 32)), toys.mlp((32, 32, 5))

    def between(self, x: Tensor) -> Tensor:
        return torch.relu(x)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.between(self.body(x)))
        return out


class _Detached(_Net):
    def between(self, x: Tensor) -> Tensor:
        return torch.relu(x).detach()


class _Numpy(_Net):
    def between(self, x: Tensor) -> Tensor:
        return torch.tensor(x.data.numpy().clip(0))


class _NoGrad(_Net):
    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            x = self.between(self.body(x))
        out: Tensor = self.head(x)
        return out


class _StraightThrough(_Net):
    def between(self, x: Tensor) -> Tensor:
        return x + (x.round() - x).detach()


class _Siamese(_Net):
    """One view's answer is the other one's target."""

    def forward(self, x: Tensor) -> Tensor:
        z = self.body(x)
        out: Tensor = self.head(torch.relu(z)) + functional.cosine_similarity(z, z.detach())[:, None]
        return out


@check.breaks
def detached() -> Bench:
    """`.detach()` between body and head."""
    return toys.classify(_Detached())


@check.breaks
def through_numpy() -> Bench:
    """Numpy in the middle of the net."""
    return toys.classify(_Numpy())


@check.breaks
def without_gradients() -> Bench:
    """The body runs under `no_grad`, and the optimizer holds it."""
    return toys.classify(_NoGrad())


@check.holds
def connected() -> Bench:
    """No cut."""
    return toys.classify(_Net())


@check.holds
def straight_through() -> Bench:
    """Rounding that lets the gradient through."""
    return toys.classify(_StraightThrough())


@check.holds
def stop_gradient() -> Bench:
    """One of two paths is cut on purpose."""
    return toys.classify(_Siamese())


@check.holds
def frozen_body() -> Bench:
    """The body is frozen, so no gradient is to reach it."""
    net = _NoGrad()
    net.body.requires_grad_(False)
    return toys.classify(net)
