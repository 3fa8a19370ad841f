"""Which optimizers are tried: the user's own, then Adam at a few rates."""

from __future__ import annotations

import copy
import inspect
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

#: Adam's default rate, then faster and slower by ten
LADDER = (1e-3, 1e-2, 1e-4)


@dataclass(frozen=True)
class Choice:
    """An optimizer to be built on the model as it is before the run."""

    told: str
    make: Callable[[], torch.optim.Optimizer]
    own: bool = False

    @property
    def slower(self) -> Choice:
        """The same at a tenth of the rate, for a loss that left the numbers."""

        def make() -> torch.optim.Optimizer:
            optimizer = self.make()
            for group in optimizer.param_groups:
                group["lr"] = group["lr"] / 10
            return optimizer

        return Choice(f"{self.told} / 10", make)


def choices(model: nn.Module, optimizer: Any, lr: float | None) -> tuple[list[Choice], list[str], list[str]]:
    """What to try in order, what was switched off in the user's optimizer, and what to know about it."""
    ladder = [Choice(f"Adam at {rate:g}", _adam(model, rate)) for rate in LADDER]
    if optimizer is None:
        return ([Choice(f"Adam at {lr:g}", _adam(model, lr), own=True)] if lr is not None else []) + ladder, [], []
    mine = {id(p) for p in model.parameters() if p.requires_grad}
    if not isinstance(optimizer, torch.optim.Optimizer) or _needs_closure(optimizer):
        return ladder, [], [f"{type(optimizer).__name__} is not tried: it takes a closure"]
    held = [p for group in optimizer.param_groups for p in group["params"] if id(p) in mine]
    if not held:
        return ladder, [], ["the optimizer holds no trainable parameter of the model, so Adam is used"]
    rate = lr if lr is not None else _rate(optimizer)
    told = type(optimizer).__name__ + (f" at {rate:g}" if rate is not None else "")
    same = next((c for c in ladder if c.told == told), None)
    own = Choice(told, lambda: _twin(optimizer, mine, lr), own=True)
    rest = ladder if same is None or type(optimizer) is not torch.optim.Adam else [c for c in ladder if c is not same]
    return [own, *rest], _decay(optimizer), []


def _adam(model: nn.Module, rate: float) -> Callable[[], torch.optim.Optimizer]:
    def make() -> torch.optim.Optimizer:
        for module in model.modules():
            if getattr(module, "sparse", False):
                module.sparse = False  # type: ignore[assignment]  # Adam takes dense gradients; undone with the rest
        return torch.optim.Adam([p for p in model.parameters() if p.requires_grad], rate)

    return make


def _twin(optimizer: torch.optim.Optimizer, mine: set[int], lr: float | None) -> torch.optim.Optimizer:
    """The same optimizer with nothing remembered, no weight decay and, under a schedule, its first rate."""
    twin = copy.copy(optimizer)
    own = {key: value for key, value in vars(optimizer).items() if key not in vars(twin) and key != "step"}
    vars(twin).update(own)
    twin.state = defaultdict(dict)
    twin.param_groups = []
    for group in optimizer.param_groups:
        params = [p for p in group["params"] if id(p) in mine]
        if not params:
            continue
        fresh = {**group, "params": params}
        if "weight_decay" in fresh:
            fresh["weight_decay"] = 0.0 if not isinstance(fresh["weight_decay"], tuple) else fresh["weight_decay"]
        if lr is not None or "initial_lr" in fresh:
            fresh["lr"] = lr if lr is not None else fresh["initial_lr"]
        twin.param_groups.append(fresh)
    return twin


def _rate(optimizer: torch.optim.Optimizer) -> float | None:
    group = optimizer.param_groups[0]
    rate = group.get("initial_lr", group.get("lr"))
    return None if rate is None else float(rate)


def _decay(optimizer: torch.optim.Optimizer) -> list[str]:
    amounts = {group.get("weight_decay", 0) for group in optimizer.param_groups}
    told = [f"weight decay {float(a):g}" for a in sorted(amounts) if isinstance(a, (int, float)) and a > 0]
    scheduled = any(g.get("initial_lr", g.get("lr")) != g.get("lr") for g in optimizer.param_groups)
    return told + (["the schedule of the learning rate"] if scheduled else [])


def _needs_closure(optimizer: torch.optim.Optimizer) -> bool:
    if isinstance(optimizer, torch.optim.LBFGS):
        return True
    given = inspect.signature(type(optimizer).step).parameters.get("closure")
    return given is not None and given.default is inspect.Parameter.empty
