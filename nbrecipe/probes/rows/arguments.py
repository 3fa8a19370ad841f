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
    taken, found = _parameters(model), []
    swallowed = {*fed.kwargs} - {p.name for p in taken if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)}
    for name, value in given(model, fed):
        meant = name not in TARGET_KEYS and name not in swallowed
        if meant and isinstance(value, Tensor) and value.ndim and value.shape[0] == size:
            dense = value.layout is torch.strided and not value.is_quantized and not value.is_nested
            if dense and value.numel():
                varies = bool((value != value[:1]).any())
                found.append(Argument(name, value, varies, _unread(model, name)))
    return found


def given(model: nn.Module, fed: Feed) -> Iterator[tuple[str, Any]]:
    """What the model is given, by the names of the parameters of its `forward`."""
    names = [p.name for p in _parameters(model) if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    names += [f"input {number + 1}" for number in range(len(names), len(fed.args))]
    yield from zip(names, fed.args, strict=False)
    yield from fed.kwargs.items()


def _parameters(model: nn.Module) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(model.forward).parameters.values())
    except (TypeError, ValueError):  # what is written in C or compiled has no signature
        return []


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
