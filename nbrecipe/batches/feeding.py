"""How a batch is fed: which part is input, which is target, and where a model's answer stands in what it returns."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .models import plain
from .structure import OUTPUT_KEYS, TARGET_KEYS, BadInput, batch_size, fields_of, leaves, move

MODEL_NAMES = ("model", "net", "module", "network")


@dataclass(frozen=True)
class Feed:
    """A batch as `model(*args, **kwargs)` takes it, and its target."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    target: Any
    #: the batch as the user's loader gives it
    batch: Any

    @property
    def size(self) -> int:
        """Number of examples."""
        return batch_size(self.batch)


@dataclass(frozen=True)
class Step:
    """One forward pass: everything the model returned, its main tensor, and the loss if there is one."""

    raw: Any
    output: Tensor | None
    loss: Tensor | None


def feed(model: nn.Module, batch: Any, loss_fn: Callable[..., Any] | None) -> Feed:
    """Split a batch into inputs and target, the way this model and loss take it.

    Takes a tensor (its own target), a tuple or list (the last entry is the target), a mapping, a dataclass or a named
    tuple (the target under a usual key). A model without a loss_fn is given everything and returns its own loss. The
    batch is moved to the model's device. Raises BadInput for a batch of any other type, and for one without examples.
    """
    arrays = [item for item in leaves(batch) if isinstance(item, Tensor) and item.ndim]
    if arrays and not any(len(array) for array in arrays):
        raise BadInput("the batch is empty: no tensor in it holds an example")
    place = _device(model)
    if place is not None and any(isinstance(item, Tensor) and item.device != place for item in leaves(batch)):
        batch = move(batch, place)
    if isinstance(batch, Tensor):
        return Feed((batch,), {}, batch if loss_fn is not None else None, batch)
    fields = fields_of(batch)
    if fields is not None:
        return _feed_mapping(model, fields, loss_fn, batch)
    if isinstance(batch, (tuple, list)) and batch:
        return _feed_sequence(model, list(batch), loss_fn, batch)
    raise BadInput(
        f"a batch of type {type(batch).__name__} cannot be fed; give a tensor, a tuple (inputs, target) or a dict"
    )


def forward(model: nn.Module, fed: Feed, loss_fn: Callable[..., Any] | None) -> Step:
    """Run model and loss as the user's loop would; the loss is the model's own where there is no loss_fn."""
    if loss_fn is not None and takes_model(loss_fn):
        return Step(None, None, first_tensor(ask(loss_fn, model, fed)))
    raw = model(*fed.args, **fed.kwargs)
    if loss_fn is None:
        return Step(raw, output_of(raw), own_loss(raw))
    output = raw if isinstance(raw, Tensor) else output_of(raw)
    *first, last = offered(loss_fn, raw)
    for given in first:
        with contextlib.suppress(Exception):
            return Step(raw, output, first_tensor(loss_fn(given, fed.target)))
    return Step(raw, output, first_tensor(loss_fn(last, fed.target)))


def offered(loss_fn: Callable[..., Any], raw: Any) -> list[Any]:
    """What a loss function may take of the model's answer, to be tried in this order.

    A loss of torch takes the main tensor. A function of the user's may take the whole answer apart itself.
    """
    output = output_of(raw)
    if isinstance(raw, Tensor) or output is None:
        return [raw]
    of_torch = str(getattr(loss_fn, "__module__", "")).startswith("torch.")
    return [output] if of_torch else [raw, output]


def ask(loss_fn: Callable[..., Any], model: nn.Module, fed: Feed) -> Any:
    """The answer of a loss function that runs the model itself: loss_fn(model, batch) or loss_fn(model, x, y)."""
    return loss_fn(model, fed.batch) if len(_positional(loss_fn)) == 2 else loss_fn(model, *fed.args, fed.target)


def output_of(raw: Any) -> Tensor | None:
    """The main tensor of what a model returned: itself, the logits, or the first tensor that is no scalar."""
    if isinstance(raw, Tensor):
        return raw if raw.ndim else None
    fields = fields_of(raw)
    if fields is not None:
        for key in OUTPUT_KEYS:
            if isinstance(fields.get(key), Tensor):
                return fields[key]  # type: ignore[no-any-return]
        raw = [value for key, value in fields.items() if key != "loss"]
    if isinstance(raw, (tuple, list)):
        return next((item for item in raw if isinstance(item, Tensor) and item.ndim), None)
    return None


def own_loss(raw: Any) -> Tensor | None:
    """The loss a model returned itself, if it did."""
    if isinstance(raw, Tensor):
        return raw if raw.ndim == 0 else None
    fields = fields_of(raw)
    if fields is not None:
        found = fields.get("loss")
        parts = [value for key, value in fields.items() if "loss" in str(key) and isinstance(value, Tensor)]
        if found is None and parts and all(part.ndim == 0 for part in parts):
            return torch.stack(parts).sum()  # as torchvision's detectors return their losses
        return found if isinstance(found, Tensor) else None
    if isinstance(raw, (tuple, list)):
        return next((item for item in raw if isinstance(item, Tensor) and item.ndim == 0), None)
    return None


def takes_model(loss_fn: Callable[..., Any]) -> bool:
    """Whether the first argument of a user's loss function is the model rather than its output."""
    names = _positional(loss_fn)
    return bool(names) and names[0] in MODEL_NAMES and not isinstance(loss_fn, nn.Module)


def _feed_mapping(model: nn.Module, fields: dict[str, Any], loss_fn: Callable[..., Any] | None, batch: Any) -> Feed:
    accepted = _accepted(model)
    target = next((fields[key] for key in TARGET_KEYS if key in fields), None)
    inputs = fields if loss_fn is None else {k: v for k, v in fields.items() if k not in TARGET_KEYS}
    if target is None and loss_fn is not None:
        target = next(iter(inputs.values()), None)
    if accepted is None or set(inputs) & accepted:
        return Feed((), {k: v for k, v in inputs.items() if accepted is None or k in accepted}, target, batch)
    if _takes(model, len(inputs)):
        return Feed(tuple(inputs.values()), {}, target, batch)
    return Feed((batch,), {}, target, batch)


def _feed_sequence(model: nn.Module, parts: list[Any], loss_fn: Callable[..., Any] | None, batch: Any) -> Feed:
    if len(parts) == 1:
        return Feed((parts[0],), {}, parts[0] if loss_fn is not None else None, batch)
    if loss_fn is None and _takes(model, len(parts)):
        return Feed(tuple(parts), {}, parts[-1], batch)
    inputs = parts[:-1]
    if len(inputs) == 1:
        args, kwargs = _unpacked(model, inputs[0])
        return Feed(args, kwargs, parts[-1], batch)
    if not _takes(model, len(inputs)) and _takes(model, 1):
        return Feed((tuple(inputs),), {}, parts[-1], batch)
    return Feed(tuple(inputs), {}, parts[-1], batch)


def _unpacked(model: nn.Module, value: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The one input of a model, or several that stand in a tuple or under the names of the model's arguments."""
    if isinstance(value, (tuple, list)) and not _takes(model, 1) and _takes(model, len(value)):
        return tuple(value), {}
    fields, accepted = fields_of(value), _accepted(model)
    if fields is not None and accepted is not None and set(fields) <= accepted:
        return (), fields
    return (value,), {}


def _device(model: nn.Module) -> torch.device | None:
    """The one device that all weights are on; None for several and for none."""
    places = {p.device for p in model.parameters()}
    return places.pop() if len(places) == 1 and "meta" not in {p.type for p in places} else None


def _forward_signature(model: nn.Module) -> inspect.Signature | None:
    """What the model takes, or the model inside a compiled one or DataParallel."""
    try:
        return inspect.signature(plain(model).forward)
    except (TypeError, ValueError):
        return None


def _accepted(model: nn.Module) -> set[str] | None:
    signature = _forward_signature(model)
    if signature is None or any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values()):
        return None
    return set(signature.parameters)


def _takes(model: nn.Module, count: int) -> bool:
    signature = _forward_signature(model)
    try:
        return signature is None or signature.bind(*range(count)) is not None
    except TypeError:
        return False


def _positional(function: Callable[..., Any]) -> list[str]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [
        p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty
    ]


def first_tensor(loss: Any) -> Tensor | None:
    """The loss itself, or the first tensor of a tuple or dict of losses."""
    return next((item for item in leaves(loss) if isinstance(item, Tensor)), None)
