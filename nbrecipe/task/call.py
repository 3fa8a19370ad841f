"""The call that really reaches a loss function, whether by a module, a functional or a function of the user's own."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from .refusal import refuse_targets

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
_FUNCTIONS = {name: function for function, name in KNOWN.items()}
_OLD_REDUCTION = ("size_average", "reduce")


@dataclass(frozen=True)
class LossCall:
    """One call of a loss of torch.nn.functional: its name, `input`, `target` and every other argument."""

    name: str
    input: Tensor
    target: Tensor
    options: Mapping[str, Any] = field(default_factory=dict)

    def again(self, input: Tensor, **changes: Any) -> Tensor:
        """The same loss of another input; `target` and every option can be changed too."""
        given = {"target": self.target, **self.options, **changes}
        with warnings.catch_warnings():  # the user has been told once, by their own call
            warnings.simplefilter("ignore")
            result: Tensor = _FUNCTIONS[self.name](input, **given)
        return result

    def each(self) -> Tensor:
        """The single terms of this call, before any reduction."""
        result: Tensor = _FUNCTIONS[self.name](self.input, target=self.target, **{**self.options, "reduction": "none"})
        return result

    @property
    def reduction(self) -> str:
        """mean, sum or none (kl_div's batchmean too)."""
        return str(self.options.get("reduction", "mean"))


class _Catcher(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[LossCall] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in KNOWN:
            call = call_of(func, args, kwargs or {})
            refuse_targets(call.name, call.input, call.target, call.options)
            self.calls.append(call)
        return func(*args, **(kwargs or {}))


def catch_loss(compute: Callable[[], Any]) -> tuple[Any, list[LossCall]]:
    """What `compute` returns, and the loss calls made while it ran, in order; a call made inside another is left out.

    Raises BadInput for targets that the loss cannot take, before the loss runs: on a GPU a class index outside the
    outputs would end the process.
    """
    catcher = _Catcher()
    with catcher:
        answer = compute()
    return answer, catcher.calls


def call_of(func: Any, args: Any, kwargs: Mapping[str, Any]) -> LossCall:
    """What a call of one of these losses was given."""
    bound = _signature(func).bind(*args, **kwargs)
    bound.apply_defaults()
    given = dict(bound.arguments)
    old = [given.pop(key, None) for key in _OLD_REDUCTION]
    if old[0] is False and old[1] is not False:
        given["reduction"] = "sum"
    elif old[1] is False:
        given["reduction"] = "none"
    return LossCall(KNOWN[func], given.pop("input"), given.pop("target"), given)


@functools.lru_cache(len(KNOWN))
def _signature(func: Any) -> inspect.Signature:
    return inspect.signature(func)
