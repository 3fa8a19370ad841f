"""Every weight that the model trains with is in `parameters()`.

A module finds the layers in its attributes, not those in a list, a dict or a plain object: the optimizer never gets
them, `state_dict`, `.to` and `.eval` pass them by, and the rest trains on top of random features without a complaint.
A frozen or detached teacher may be kept out on purpose, so what counts is the gradient of a training step.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ... import toys
from ...batches.models import plain
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, ok, spelled
from ...probes.graph.hidden import Hidden, held_by, hidden, optimizers
from ...probes.graph.reached import reached
from ...probes.init.untrained import as_drawn

check = Check(__name__, tip="unused parameters")

#: words in the name of what is kept out of `parameters()` on purpose
_KEPT_OUT = {"teacher", "target", "ema", "frozen", "fixed", "random", "ref", "reference", "pretrained", "prior"}
_IDLE = "the loss has a gradient there, and no optimizer moves it"


@check.run
def run(model: nn.Module, bench: Bench) -> Finding:
    found = bench.once(hidden)
    if not found:
        return ok("`parameters()` gives every weight that was found", hidden=0)
    if bench.find("batch") is None:
        return _told(bench, found[0], "without a batch nobody can tell whether a step needs it")
    tensors = [weight for place in found for weight in place.weights]
    reachable = {id(t) for t, g in zip(tensors, reached(bench, tensors), strict=True) if g is not None}
    used = [place for place in found if any(id(weight) in reachable for weight in place.weights)]
    if not used:
        names = ", ".join(f"`{spelled(bench.name('model'), place.path)}`" for place in found[:3])
        return ok(f"{names} is kept out of `parameters()`, and no gradient reaches it", hidden=len(found))
    return _judged(bench, used)


def _judged(bench: Bench, used: list[Hidden]) -> Finding:
    """The certain ones first: nothing trains them, and all speaks for weights that were meant to be trained."""
    registered = {id(p) for p in plain(bench.get("model")).parameters() if p.requires_grad}
    held = [held_by(optimizer) for optimizer in optimizers(bench)]
    elsewhere = [place for place in used if any(id(w) in ids for ids in held for w in place.weights)]
    if elsewhere:
        return _told(bench, elsewhere[0], "an optimizer holds what is there, but `state_dict()` passes it by")
    if not any(ids & registered for ids in held):
        return _told(bench, used[0], "no optimizer was found that could hold it")
    weights = [weight for place in used for weight in place.weights]
    shaping = {id(t) for t, g in zip(weights, reached(bench, weights, output=True), strict=True) if g is not None}
    for place in used:
        if _meant_to_train(place) and any(id(weight) in shaping for weight in place.weights):
            return _told(bench, place, _IDLE, certain=True)
    return _told(bench, used[0], _IDLE)


def _meant_to_train(place: Hidden) -> bool:
    """Whether these can be nothing but weights that were meant to be trained.

    Layers as torch has drawn them are of no use untrained. A single module in a list or set past `__setattr__` is how
    people keep a module out on purpose, and so a hint at most.
    """
    if _KEPT_OUT & set(re.split(r"[^a-z]+", place.path.lower())):
        return False
    tensors = [member for member in place.members if isinstance(member, Tensor)]
    if isinstance(place.value, Tensor):
        return not place.value.is_leaf  # computed from a parameter that nothing else holds
    if isinstance(place.value, nn.Module) or (place.boxed and len(place.members) < 2):
        return False
    if len(tensors) == len(place.members):
        return len(tensors) > 1 and all(isinstance(weight, nn.Parameter) for weight in place.weights)
    return as_drawn(place.members)


def _told(bench: Bench, place: Hidden, because: str, *, certain: bool = False) -> Finding:
    name = bench.name("model")
    spelt = spelled(name, place.path)
    count, values = len(place.weights), sum(weight.numel() for weight in place.weights)
    total = count + sum(1 for p in plain(bench.get("model")).parameters() if p.requires_grad)
    fix, code = _way_out(place, spelt)
    what = "a tensor" if isinstance(place.value, Tensor) else f"a {type(place.value).__name__}"
    return (bad if certain else hint)(
        f"**{count}** of {total} trainable parameters {'is' if count == 1 else 'are'} in `{spelt}`, {what}, "
        f"and not in `{name}.parameters()`; {because}",
        fix=fix,
        code=code,
        why="a module registers the modules and parameters in its own attributes, not those inside other objects",
        where=spelt,
        weights=count,
        values=values,
        trainable=total,
    )


def _way_out(place: Hidden, spelt: str) -> tuple[str, str]:
    """What to do, and the line for it, to be run before the optimizer is made."""
    value: Any = place.value
    if isinstance(value, Tensor):
        return "Make it a parameter as the last step.", f"{spelt} = nn.Parameter({spelt}.detach())"
    if not place.boxed:
        return f"Derive {type(value).__name__} from nn.Module, before the optimizer is made.", ""
    bare = all(isinstance(member, Tensor) for member in place.members)
    if isinstance(value, Mapping):
        kind, items = ("nn.ParameterDict" if bare else "nn.ModuleDict"), list(value.values())
        fits = all(isinstance(key, str) for key in value)
    else:
        kind, items, fits = ("nn.ParameterList" if bare else "nn.ModuleList"), list(value), True
    plain_items = fits and all(isinstance(item, nn.Parameter if bare else nn.Module) for item in items)
    code = f"{spelt} = {kind}({spelt})" if plain_items else ""
    return f"Keep them in an {kind}, before the optimizer is made.", code


class _Listed(nn.Module):
    """Layers in a container of python's own."""

    def __init__(self, box: Any) -> None:
        super().__init__()
        self.layers = box
        self.head = nn.Linear(32, 5)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers.values() if isinstance(self.layers, dict) else self.layers:
            x = layer(x).relu()
        out: Tensor = self.head(x)
        return out


def _layers() -> list[nn.Module]:
    net = toys.mlp((20, 32, 32, 5))
    return [net[0], net[2]]


@check.breaks
def layers_in_a_list() -> Bench:
    """Two of three layers are in a list."""
    return toys.classify(_Listed(_layers()))


@check.breaks
def layers_in_a_dict() -> Bench:
    """Two of three layers are in a dict."""
    return toys.classify(_Listed(dict(zip(["first", "second"], _layers(), strict=True))))


class _Scaled(nn.Module):
    """A parameter is scaled after it was made: what is kept is the product, which is none."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(20, 32, generator=toys.seeded())) * 0.1
        self.head = nn.Linear(32, 5)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head((x @ self.weight).relu())
        return out


@check.breaks
def product_of_a_parameter() -> Bench:
    """`nn.Parameter(...) * 0.1` is a plain tensor."""
    return toys.classify(_Scaled())


@check.holds
def module_list() -> Bench:
    """The same layers in a ModuleList."""
    return toys.classify(_Listed(nn.ModuleList(_layers())))


class _Taught(nn.Module):
    """A teacher kept in a list, out of `parameters()`, and asked without gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.teachers = toys.mlp(), [toys.mlp(seed=1), toys.mlp(seed=2)]

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            told = torch.stack([teacher(x) for teacher in self.teachers]).mean(0)
        logits = self.body(x)
        return {"logits": logits, "told": told}


@check.holds
def teachers_kept_out() -> Bench:
    """Teachers in a list are asked without gradients."""
    return toys.classify(_Taught())


class _Listing(nn.Module):
    """Registered layers that stand in a list too, for a loop over them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(20, 32), nn.Linear(32, 32), nn.Linear(32, 5)
        self.body = [self.first, self.second]

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.body:
            x = layer(x).relu()
        out: Tensor = self.head(x)
        return out


@check.holds
def list_of_registered_layers() -> Bench:
    """A list of layers that are attributes as well."""
    return toys.classify(_Listing())
