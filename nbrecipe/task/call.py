"""The call that really reaches a loss function, whether by a module, a functional or a function of the user's own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

#: the losses of torch.nn.functional whose arguments are understood
KNOWN: dict[Any, str] = {
    F.cross_entropy: "cross_entropy",
    F.nll_loss: "nll_loss",
    F.binary_cross_entropy_with_logits: "binary_cross_entropy_with_logits",
    F.binary_cross_entropy: "binary_cross_entropy",
    F.mse_loss: "mse_loss",
    F.l1_loss: "l1_loss",
    F.huber_loss: "huber_loss",
    F.smooth_l1_loss: "smooth_l1_loss",
    F.kl_div: "kl_div",
}


@dataclass(frozen=True)
class LossCall:
    """One call of a loss of torch.nn.functional: its name, `input`, `target` and every other argument."""

    name: str
    input: Tensor
    target: Tensor
    options: Mapping[str, Any] = field(default_factory=dict)

    def again(self, input: Tensor, **changes: Any) -> Tensor:  # noqa: A002 - the functional's own name
        """The same loss of another input."""
        function = next(f for f, name in KNOWN.items() if name == self.name)
        options = {k: v for k, v in {**self.options, **changes}.items() if k not in ("size_average", "reduce")}
        result: Tensor = function(input, self.target, **options)
        return result


class _Catcher(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[LossCall] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in KNOWN:
            self.calls.append(_read(func, args, kwargs or {}))
        return func(*args, **(kwargs or {}))


def catch_loss(compute: Callable[[], Any]) -> tuple[Any, list[LossCall]]:
    """What `compute` returns, and the loss calls made while it ran, outermost first."""
    catcher = _Catcher()
    with catcher:
        answer = compute()
    return answer, catcher.calls


def _read(func: Any, args: Any, kwargs: Mapping[str, Any]) -> LossCall:
    bound = inspect.signature(func).bind(*args, **kwargs)
    bound.apply_defaults()
    given = dict(bound.arguments)
    return LossCall(KNOWN[func], given.pop("input"), given.pop("target"), given)


def reduction_of(call: LossCall) -> str:
    """mean, sum or none."""
    return str(call.options.get("reduction", "mean"))


