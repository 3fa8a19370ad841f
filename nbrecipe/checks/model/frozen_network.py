"""What the loss depends on can be trained.

Freezing everything after the new head was put in, a filter by name that matches more than it should, or a new head
under a name that `forward` never calls: the program runs, and nothing that matters moves. A head alone, adapters,
low-rank updates and prompts are trained on purpose. So are norms and biases now and then, which gives a hint.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ... import toys
from ...batches.models import plain
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, ok, spelled
from ...probes.graph.hidden import held_by
from ...probes.graph.reached import reached
from ...task.refusal import refuse_lazy

check = Check(__name__, tip="unused parameters")


@check.run
def run(model: nn.Module, bench: Bench, optimizer: Any = None) -> Finding:
    inner, name = plain(model), bench.name("model")
    refuse_lazy(inner)
    every = list(inner.parameters())
    trainable = [p for p in every if p.requires_grad]
    seen: dict[str, Any] = {"trainable": len(trainable), "parameters": len(every)}
    if not every:
        return ok("the model has no parameters", **seen)
    if not trainable:
        return _all_frozen(bench, every, optimizer, seen)
    told = f"**{len(trainable)}** of {len(every)} parameters of `{name}` are trainable"
    owners = _owners(inner)
    if len(trainable) < len(every) and _missed(bench, inner, trainable):
        paths = ", ".join(f"`{spelled(name, path)}`" for path in [*owners][:3])
        return hint(
            f"{told}, and the loss depends on none of these, only on frozen ones",
            fix=f"Look whether `forward` calls {paths}.",
            why="a layer under a name that `forward` does not use replaces nothing",
            where=spelled(name, next(iter(owners))),
            **seen,
        )
    matrices = any(p.ndim > 1 and not p.requires_grad for p in every)
    if matrices and all(_is_norm(kind) or _bias_alone(kind) for kind in owners.values()):
        return hint(
            f"{told}, all of them scales of norms or biases; some weights of a layer are trainable as a rule",
            fix="Look at the rule that freezes: it may match more than it should.",
            code=_thaw(bench),
            **seen,
        )
    return ok(told.replace("**", ""), **seen)


def _all_frozen(bench: Bench, every: list[nn.Parameter], optimizer: Any, seen: dict[str, Any]) -> Finding:
    """No parameter is trainable; certain where an optimizer has these alone, and never had a gradient for any.

    A discriminator is frozen for a while, and a net that has been trained may be frozen at the end. Where the optimizer
    holds something else, as an image, the model is a means to that.
    """
    name, holder = bench.name("model"), bench.name("optimizer")
    held = held_by(optimizer)
    groups = getattr(optimizer, "param_groups", ())
    if any(p.requires_grad for group in groups for p in group["params"]) or (held and not held & set(map(id, every))):
        return ok(f"`{name}` is frozen whole, and `{holder}` trains something else", **seen)
    state = getattr(optimizer, "state", None) or {}
    moved = any(p.grad is not None or p in state for p in every)
    told = f"**none** of the {len(every)} parameters of `{name}` is trainable"
    claim = bad if held and not moved else hint
    return claim(
        f"{told}, and `{holder}` holds nothing else: its steps change nothing" if held else told,
        fix="Unfreeze what is to be trained; freeze first, and put the new head in after that.",
        code=_thaw(bench),
        why="a parameter whose `requires_grad` is False gets no gradient, and the optimizer passes it by",
        **seen,
    )


def _missed(bench: Bench, model: nn.Module, trainable: list[nn.Parameter]) -> bool:
    """Whether the loss depends on frozen parameters and on none of the trainable ones."""
    if bench.find("batch") is None or any(g is not None for g in reached(bench, trainable)):
        return False
    frozen = [p for p in model.parameters() if not p.requires_grad and (p.is_floating_point() or p.is_complex())]
    try:
        for p in frozen:
            p.requires_grad_(True)
        return any(g is not None for g in reached(bench, frozen))
    finally:
        for p in frozen:
            p.requires_grad_(False)


def _owners(model: nn.Module) -> dict[str, nn.Module]:
    """The modules that have trainable parameters of their own, by path."""
    return {path: m for path, m in model.named_modules() if any(p.requires_grad for p in m.parameters(recurse=False))}


def _is_norm(module: nn.Module) -> bool:
    return "norm" in type(module).__name__.lower()  # libraries write their own


def _bias_alone(module: nn.Module) -> bool:
    return all("bias" in key for key, p in module.named_parameters(recurse=False) if p.requires_grad)


def _thaw(bench: Bench) -> str:
    """The line that unfreezes the last layer with weights."""
    layers = (nn.Linear, nn.modules.conv._ConvNd)
    paths = [path for path, module in plain(bench.get("model")).named_modules() if isinstance(module, layers)]
    return f"{spelled(bench.name('model'), paths[-1] if paths else '')}.requires_grad_(True)"


def _frozen(*but: str) -> nn.Sequential:
    net = toys.convnet()
    for path, p in net.named_parameters():
        p.requires_grad_(path.startswith(but) if but else False)
    return net


@check.breaks
def frozen_whole() -> Bench:
    """Everything was frozen after the head was put in."""
    return toys.images(_frozen())


@check.breaks
def norms_alone() -> Bench:
    """A filter by name left the norms alone trainable."""
    return toys.images(_frozen("1.", "5."))


@check.breaks
def head_that_nobody_calls() -> Bench:
    """The new head has a name that the forward pass does not use."""
    net = toys.mlp()
    net.requires_grad_(False)

    class _Renamed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.fc, self.classifier = net[:-1], net[-1], nn.Linear(32, 5)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.fc(self.body(x))
            return out

    return toys.classify(_Renamed())


@check.holds
def head_alone() -> Bench:
    """A frozen backbone under a head that is trained."""
    return toys.images(_frozen("10."))


class _LowRank(nn.Module):
    """A frozen layer and its low-rank update, whose second factor starts at zero."""

    def __init__(self) -> None:
        super().__init__()
        self.frozen = toys.mlp((20, 5)).requires_grad_(False)
        self.down, self.up = nn.Linear(20, 2, bias=False), nn.Linear(2, 5, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.frozen(x) + self.up(self.down(x))
        return out


@check.holds
def low_rank_update() -> Bench:
    """LoRA: the weights are frozen, their update is trained."""
    return toys.classify(_LowRank())


@check.holds
def image_that_is_trained() -> Bench:
    """Style transfer: the net is frozen, and the optimizer moves an image."""
    image = torch.zeros(1, 1, 8, 8, requires_grad=True)
    return toys.images(_frozen(), optimizer=torch.optim.Adam([image]))
