"""The tensors that a model's `forward` is given, by the names of its parameters."""

from __future__ import annotations

import dis
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Any

import torch
from torch import Tensor, nn

from ...batches import TARGET_KEYS, Feed


@dataclass(frozen=True)
class Argument:
    """One tensor with a row for each example."""

    name: str
    item: Tensor
    #: whether rows differ
    varies: bool
    #: whether the code of `forward` never reads the parameter
    unread: bool


def arguments(model: nn.Module, fed: Feed, size: int) -> list[Argument]:
    """Every tensor that is given under the name of a parameter, targets left out."""
    signature = _signature(model)
    found = []
    for name, value in _named(signature, fed):
        if isinstance(value, Tensor) and value.ndim and value.shape[0] == size and name not in TARGET_KEYS:
            dense = value.layout is torch.strided and not value.is_quantized and not value.is_nested
            if dense and value.numel():
                varies = bool((value != value[:1]).any())
                found.append(Argument(name, value, varies, _unread(model, name)))
    return found


def _signature(model: nn.Module) -> inspect.Signature | None:
    try:
        return inspect.signature(model.forward)
    except (TypeError, ValueError):  # what is written in C or compiled has no signature
        return None


def _named(signature: inspect.Signature | None, fed: Feed) -> Iterator[tuple[str, Any]]:
    """What stands under the name of a parameter; what `**kwargs` swallows is nobody's."""
    parameters = list(signature.parameters.values()) if signature is not None else []
    single = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    names = single + [f"input {number + 1}" for number in range(len(single), len(fed.args))]
    yield from zip(names, fed.args, strict=False)
    named = {p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)}
    yield from ((key, value) for key, value in fed.kwargs.items() if key in named)


def _unread(model: nn.Module, name: str) -> bool:
    """Whether no instruction of `forward` loads this parameter; False where the code cannot be read."""
    function = inspect.unwrap(model.forward)
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if not isinstance(code, CodeType) or name not in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
        return False
    if name in code.co_cellvars or {"locals", "vars", "eval", "exec"} & set(code.co_names):
        return False
    for step in dis.get_instructions(code):
        loaded = step.argval if isinstance(step.argval, tuple) else (step.argval,)
        if step.opname.startswith(("LOAD", "STORE_FAST_LOAD")) and name in loaded:
            return False
    return True
