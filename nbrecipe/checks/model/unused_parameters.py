"""Every trainable parameter takes part in the forward pass.

A layer that is made and never called stays as it was drawn: most often another one was called in its place, twice.
Parameters are watched where operations take them, over several batches and in both modes; a path that some condition
opens, a layer that another method uses, and what is frozen or left out of the optimizer raise no alarm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ... import toys
from ...batches.models import plain
from ...bench import Bench
from ...check import Check
from ...finding import Finding, Seen, bad, hint, ok, spelled
from ...probes.graph.mentions import is_foreign, speaks_of
from ...probes.graph.reach import is_held, never_touched, reach
from ...probes.passes.shares import draw_shares

if TYPE_CHECKING:
    from matplotlib.axes import Axes

check = Check(__name__, tip="unused parameters")

#: parts named in the message and in the picture
SHOWN = 3


@dataclass(frozen=True)
class _Part:
    """A module none of whose trainable parameters is used, or a single parameter."""

    path: str
    values: int
    #: nothing in the code could ever use it
    forgotten: bool


@check.run
def run(model: nn.Module, batch: Any, bench: Bench) -> Finding:
    inner = plain(model)
    parameters = {name: p for name, p in inner.named_parameters() if p.requires_grad}
    total = sum(p.numel() for p in parameters.values())
    touched = bench.once(reach).touched
    never = never_touched(bench) if set(parameters) - touched else frozenset()
    unused = {name for name in never if is_held(bench, parameters[name])}
    if not unused:
        return ok(f"all of the {len(parameters)} trainable parameters are used", unused=0, total=total)
    parts = sorted(_parts(bench, inner, unused, set(parameters)), key=lambda part: (not part.forgotten, -part.values))
    sure = any(part.forgotten for part in parts) and len(unused) < len(parameters)
    name = bench.name("model")
    values = sum(parameters[n].numel() for n in unused)
    told = ", ".join(f"`{spelled(name, part.path)}`" for part in parts[:SHOWN]) + (", …" if parts[SHOWN:] else "")
    claim = bad if sure else hint
    return claim(
        f"**{len(unused)} of {len(parameters)}** trainable parameters are never used by the forward pass or the loss: "
        f"{told}",
        fix="Call it in `forward`, or delete it." if sure else "See whether another part of the program uses it.",
        why=f"{values:,} of {total:,} values stay as they were drawn",
        where=spelled(name, parts[0].path),
        parts=[spelled(name, part.path) for part in parts[:SHOWN]],
        values=[part.values for part in parts[:SHOWN]],
        unused=values,
        total=total,
    )


def _parts(bench: Bench, model: nn.Module, unused: set[str], trainable: set[str]) -> list[_Part]:
    """The largest modules that are unused whole, and single parameters of others."""
    found: dict[str, set[str]] = {}
    for name in sorted(unused):
        path = name
        while "." in path and _within(path.rpartition(".")[0], trainable) <= unused:
            path = path.rpartition(".")[0]
        found.setdefault(path, set()).add(name)
    sizes = {name: p.numel() for name, p in model.named_parameters()}
    parts = []
    for path, names in found.items():
        parts.append(_Part(path, sum(sizes[n] for n in names), _is_forgotten(bench, model, path)))
    return parts


def _within(path: str, names: set[str]) -> set[str]:
    return {name for name in names if name.startswith(f"{path}.")}


def _is_forgotten(bench: Bench, model: nn.Module, path: str) -> bool:
    """Whether no code that could use this part speaks of it, and nothing says that it was made to be copied."""
    above, _, attribute = path.rpartition(".")
    owners = [model.get_submodule(above[:end]) for end in _ends(above)]
    owner = owners[-1]
    if is_foreign(owner) or any(isinstance(m, torch.jit.ScriptModule) for m in owners):
        return False
    return not speaks_of(bench, owners, attribute) and not _is_copied(model, path)


def _ends(path: str) -> list[int]:
    return [0, *(i for i, sign in enumerate(path) if sign == "."), *([len(path)] if path else [])]


def _is_copied(model: nn.Module, path: str) -> bool:
    """Whether another part holds the same values, as where a layer is the pattern of a stack of deep copies."""
    part = dict(model.named_modules()).get(path)
    own = list(part.parameters()) if part is not None else []
    for other in model.modules():
        if other is part or type(other) is not type(part):
            continue
        theirs = list(other.parameters())
        if own and len(own) == len(theirs) and all(torch.equal(a, b) for a, b in zip(own, theirs, strict=True)):
            return True
    return False


@check.draw
def draw(ax: Axes, seen: Seen) -> None:
    """How much of the model each unused part is."""
    if not seen["unused"]:
        draw_shares(ax, ["unused"], [0.0], [f"0 of {seen['total']:,}"], 1.0)
        return
    told = [f"{values:,} of {seen['total']:,}" for values in seen["values"]]
    draw_shares(ax, seen["parts"], [values / seen["total"] for values in seen["values"]], told, 0.0)
    ax.set_xlabel("values never used")


class _Net(nn.Module):
    """Three layers, each called once."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.middle, self.head = toys.mlp((20, 32)), toys.mlp((32, 32)), toys.mlp((32, 5))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(torch.relu(self.middle(torch.relu(self.stem(x)))))
        return out


class _Twice(_Net):
    """The third layer is made, and the second one called again."""

    def __init__(self) -> None:
        super().__init__()
        self.third = toys.mlp((32, 32), seed=1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.middle(torch.relu(self.stem(x))))
        out: Tensor = self.head(torch.relu(self.middle(x)))
        return out


class _Auxiliary(_Net):
    """A second head, which a method of its own uses."""

    def __init__(self) -> None:
        super().__init__()
        self.auxiliary = toys.mlp((32, 2))

    def rotation(self, x: Tensor) -> Tensor:
        out: Tensor = self.auxiliary(torch.relu(self.stem(x)))
        return out


class _Deep(_Net):
    """Layers that are skipped at random, and one that only eval mode calls."""

    def __init__(self) -> None:
        super().__init__()
        self.extra = nn.ModuleList(toys.mlp((32, 32), seed=i) for i in range(2))
        self.calibration = nn.Linear(5, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.stem(x))
        for layer in self.extra:
            if not self.training or torch.rand(()) < 0.5:
                x = x + torch.relu(layer(x))
        out: Tensor = self.head(torch.relu(self.middle(x)))
        return out if self.training else self.calibration(out)


@check.breaks
def one_layer_called_twice() -> Bench:
    """Three layers are made; the second one is called twice, the third one never."""
    return toys.classify(_Twice())


@check.holds
def every_layer_called() -> Bench:
    """Each layer is called."""
    return toys.classify(_Net())


@check.holds
def layers_skipped_at_random() -> Bench:
    """Stochastic depth, and a layer that only eval mode calls."""
    return toys.classify(_Deep())


@check.holds
def head_of_another_method() -> Bench:
    """A head that another method uses: worth a look, and no fault."""
    return toys.classify(_Auxiliary())


@check.holds
def frozen_teacher() -> Bench:
    """What is frozen is not to learn."""
    net = _Twice()
    net.third.requires_grad_(False)
    return toys.classify(net)
