"""What cannot be used, told in one sentence each: inputs, targets, a loss, a forward pass that fails."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..batches import BadInput, Feed, leaves

#: longest part of somebody else's message that still reads as one sentence
_LONGEST = 160
_SHORT_NAMES = {"cross_entropy": "cross-entropy", "nll_loss": "NLL loss"}


def refuse_nonfinite(model: nn.Module, fed: Feed) -> None:
    """Raises BadInput when an input or target of floats holds NaN or infinity; asked where the loss is not finite."""
    for name, value in (*_named_inputs(model, fed), ("target", fed.target)):
        for tensor in leaves(value):
            if isinstance(tensor, Tensor) and tensor.is_floating_point():
                _refuse_nonfinite(name, tensor)


def refuse_lazy(model: nn.Module) -> None:
    """Raises BadInput for layers without weights: a first pass would make them, and that cannot be undone."""
    for path, module in model.named_modules():
        if any(isinstance(p, nn.parameter.UninitializedParameter) for p in module.parameters(recurse=False)):
            raise BadInput(f"the lazy layer `{path}` of the model has no weights yet; pass one batch through it first")


def refuse_loss_fn(loss_fn: Any) -> None:
    """Raises BadInput when this cannot be a loss function."""
    if isinstance(loss_fn, type) and issubclass(loss_fn, nn.Module):
        name = loss_fn.__name__
        raise BadInput(f"the loss is the class {name}, not an instance of it; write `{name}()`")
    if not callable(loss_fn):
        raise BadInput(
            f"the loss is a {type(loss_fn).__name__} ({_short(repr(loss_fn), 40)}), which cannot be called; "
            "give a function or a module such as nn.CrossEntropyLoss()"
        )


def refuse_targets(name: str, output: Tensor, target: Tensor, options: Mapping[str, Any]) -> None:
    """Raises BadInput when a loss of torch.nn.functional cannot take these targets."""
    if not isinstance(output, Tensor) or not isinstance(target, Tensor):
        return
    if name in ("cross_entropy", "nll_loss"):
        _refuse_class_targets(_SHORT_NAMES[name], output, target, options)
    elif name.startswith("binary") and not target.is_floating_point():
        raise BadInput(
            f"binary cross-entropy takes targets of floats, but they are {dtype(target)}; convert them with `.float()`"
        )


def failed_forward(model: nn.Module, fed: Feed, error: Exception) -> BadInput:
    """The sentence for a forward pass that raised."""
    given = ", ".join(shape(value) for _, value in _named_inputs(model, fed))
    return BadInput(
        f"the forward pass of {type(model).__name__} fails on this batch, whose input is {given}: "
        f"{told(error)}{_inside(model, error)}"
    )


def _inside(model: nn.Module, error: Exception) -> str:
    """The innermost module that was running, and what it was given; empty where it was the model itself."""
    paths = {id(module): path for path, module in model.named_modules() if path}
    found, trace = "", error.__traceback__
    while trace is not None:
        code, held = trace.tb_frame.f_code, trace.tb_frame.f_locals
        module = held.get("self")
        if id(module) in paths and code.co_name == "forward":
            given = [shape(held[name]) for name in code.co_varnames[1 : code.co_argcount] if _holds(held.get(name))]
            taken = f", given {' and '.join(given[:3])}" if given else ""
            found = f"; this happens in `{paths[id(module)]}` ({type(module).__name__}){taken}"
        trace = trace.tb_next
    return found


def _holds(value: Any) -> bool:
    return any(isinstance(item, Tensor) for item in leaves(value))


def failed_loss(output: Any, target: Any, error: Exception) -> BadInput:
    """The sentence for a loss function that raised."""
    return BadInput(f"the loss fails for output {shape(output)} and target {shape(target)}: {told(error)}")


def no_loss(loss_fn: Callable[..., Any] | None, answer: Any) -> BadInput:
    """The sentence for a loss that is no tensor."""
    if loss_fn is None:
        return BadInput("no loss was given and the model returns none of its own; give one with --loss", "loss_fn")
    return BadInput(
        f"the loss function gives a {type(answer).__name__}, not a tensor; return the tensor itself, without `.item()`"
    )


def shape(value: Any) -> str:
    """Shape and dtype of what was given, for a sentence: "(64, 20) float32"."""
    if isinstance(value, Tensor):
        return f"{tuple(value.shape)} {dtype(value)}"
    tensors = [item for item in leaves(value) if isinstance(item, Tensor)]
    if tensors:
        return f"{type(value).__name__} of " + " and ".join(shape(item) for item in tensors[:3])
    return f"a {type(value).__name__}"


def dtype(tensor: Tensor) -> str:
    """float32, int64, ..."""
    return str(tensor.dtype).removeprefix("torch.")


def told(error: Exception) -> str:
    """The first sentence of an exception, on one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    text = re.split(r"(?<=[a-z)\]])\. (?=[A-Z])", text)[0].rstrip(".")
    if isinstance(error, KeyError):
        text = f"no key {text}"
    return _short(text, _LONGEST)


def _refuse_class_targets(name: str, output: Tensor, target: Tensor, options: Mapping[str, Any]) -> None:
    if target.is_floating_point():
        if name == "cross-entropy" and target.shape == output.shape:
            return  # probabilities of the classes
        raise BadInput(
            f"{name} takes class indices of int64, but the targets are {shape(target)}; convert them with `.long()`"
        )
    if target.dtype not in (torch.int64, torch.uint8):
        raise BadInput(f"{name} takes class indices of int64, but the targets are {dtype(target)}; use `.long()`")
    classes = output.shape[1] if output.ndim > 1 else output.shape[0]
    counted = target[target != int(options.get("ignore_index", -100))]
    if counted.numel() == 0:
        return
    low, high = int(counted.min()), int(counted.max())
    last = output.ndim > 2 and target.shape == output.shape[:-1] != output.shape[:1] + output.shape[2:]
    if last and low >= 0 and high < output.shape[-1]:
        raise BadInput(
            f"{name} takes the classes in axis 1, but the outputs are {shape(output)}, with the classes last; move "
            "them, `output.movedim(-1, 1)`, or give the loss that flattens them with --loss"
        )
    if low < 0 or high >= classes:
        wrong = low if low < 0 else high
        raise BadInput(
            f"the targets hold class index {wrong}, but the model has {classes} outputs (classes 0 to {classes - 1}); "
            "number the classes from 0, or give the last layer an output for each"
        )


def _refuse_nonfinite(name: str, tensor: Tensor) -> None:
    wrong = ~tensor.isfinite()
    if "mask" in name.lower():
        wrong &= tensor != -torch.inf  # an additive attention mask says "not this one" so
    count = int(wrong.sum())
    if not count:
        return
    kinds = [word for word, some in (("NaN", tensor.isnan()), ("infinite", tensor.isinf())) if (some & wrong).any()]
    raise BadInput(
        f"`{name}` holds {count} values that are {' or '.join(kinds)}, of {tensor.numel()}; "
        "find where they come from before training"
    )


def _named_inputs(model: nn.Module, fed: Feed) -> list[tuple[str, Any]]:
    try:
        known = [p.name for p in inspect.signature(model.forward).parameters.values() if p.kind is not p.VAR_POSITIONAL]
    except (TypeError, ValueError):  # what is written in C or compiled has no signature
        known = []
    names = known + [f"input {i + 1}" for i in range(len(known), len(fed.args))]
    return [*zip(names, fed.args, strict=False), *fed.kwargs.items()]


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
