"""How a batch is fed: which part is input, which is target, and where a model's answer stands in what it returns."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

TARGET_KEYS = ("labels", "label", "targets", "target", "y", "y_true")
OUTPUT_KEYS = ("logits", "output", "outputs", "prediction", "predictions", "pred", "y_hat", "sample", "reconstruction")
MODEL_NAMES = ("model", "net", "module", "network")


class BadInput(ValueError):
    """What was handed over cannot be used; the message is one sentence that says what to do."""


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
    tuple (the target under a usual key). A model without a loss_fn is given everything and returns its own loss.
    """
    if isinstance(batch, Tensor):
        return Feed((batch,), {}, batch if loss_fn is not None else None, batch)
    fields = _fields(batch)
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
    fields = _fields(raw)
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
    fields = _fields(raw)
    if fields is not None:
        found = fields.get("loss")
        return found if isinstance(found, Tensor) else None
    if isinstance(raw, (tuple, list)):
        return next((item for item in raw if isinstance(item, Tensor) and item.ndim == 0), None)
    return None


def takes_model(loss_fn: Callable[..., Any]) -> bool:
    """Whether the first argument of a user's loss function is the model rather than its output."""
    names = _positional(loss_fn)
    return bool(names) and names[0] in MODEL_NAMES and not isinstance(loss_fn, nn.Module)


def batch_size(batch: Any) -> int:
    """The number of examples in a batch: the first length of its target, or of its first tensor."""
    tensors = [item for item in leaves(batch) if isinstance(item, Tensor) and item.ndim]
    if not tensors:
        raise BadInput(f"a batch of type {type(batch).__name__} holds no tensor with a batch axis")
    fields = _fields(batch)
    if fields is not None:
        named = next((fields[k] for k in TARGET_KEYS if isinstance(fields.get(k), Tensor) and fields[k].ndim), None)
        return int((tensors[0] if named is None else named).shape[0])
    return int(tensors[-1].shape[0])


def take(batch: Any, count: int) -> Any:
    """The first `count` examples of a batch; what has another first length is shared and stays whole."""
    size = batch_size(batch)

    def cut(item: Any) -> Any:
        if isinstance(item, Tensor) and item.ndim and item.shape[0] == size:
            return item[:count]
        if isinstance(item, (list, tuple)) and len(item) == size and not any(isinstance(i, Tensor) for i in item):
            return type(item)(item[:count]) if not hasattr(item, "_fields") else item
        return item

    return apply(batch, cut)


def move(batch: Any, device: torch.device) -> Any:
    """The batch on another device, with the structure it had."""
    return apply(batch, lambda item: item.to(device) if isinstance(item, Tensor) else item)


def apply(batch: Any, change: Callable[[Any], Any]) -> Any:
    """The same structure with every leaf changed; `change` may also replace a whole list of plain values."""
    changed = change(batch)
    if changed is not batch or isinstance(batch, Tensor):
        return changed
    if isinstance(batch, Mapping):
        items = {key: apply(value, change) for key, value in batch.items()}
        return items if type(batch) is dict else _like_mapping(batch, items)
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(apply(item, change) for item in batch))
    if isinstance(batch, (tuple, list)):
        return type(batch)(apply(item, change) for item in batch)
    if dataclasses.is_dataclass(batch) and not isinstance(batch, type):
        return dataclasses.replace(
            batch, **{f.name: apply(getattr(batch, f.name), change) for f in dataclasses.fields(batch) if f.init}
        )
    return batch


def leaves(batch: Any) -> Iterator[Any]:
    """Every value that is no container, in order."""
    fields = _fields(batch)
    if fields is not None:
        batch = list(fields.values())
    if isinstance(batch, (tuple, list)):
        for item in batch:
            yield from leaves(item)
    else:
        yield batch


def first_batch(loader: Iterable[Any], name: str = "the loader") -> Any:
    """The first batch of a loader, read without workers and without consuming anything.

    Raises BadInput for an empty loader and for an iterator, whose batches can be read only once.
    """
    return next(read(loader, name))


def read(loader: Iterable[Any], name: str = "the loader") -> Iterator[Any]:
    """The batches of a loader, one by one, in this process.

    A DataLoader is read through its sampler and collate function, so that no worker starts.
    """
    if hasattr(loader, "__next__"):
        raise BadInput(f"`{name}` is an iterator: reading it would use up its batches; give one with --batch")
    batches = _without_workers(loader) if isinstance(loader, DataLoader) else iter(loader)
    empty = True
    for batch in batches:
        empty = False
        yield batch
    if empty:
        raise BadInput(f"`{name}` is empty: it gives no batch")


def _feed_mapping(model: nn.Module, fields: dict[str, Any], loss_fn: Callable[..., Any] | None, batch: Any) -> Feed:
    accepted = _accepted(model)
    target = next((fields[key] for key in TARGET_KEYS if key in fields), None)
    if loss_fn is None:
        kwargs = {k: v for k, v in fields.items() if accepted is None or k in accepted}
        return Feed((), kwargs, target, batch)
    inputs = {k: v for k, v in fields.items() if k not in TARGET_KEYS}
    if target is None:
        target = next(iter(inputs.values()), None)
    if accepted is not None and not set(inputs) & accepted:
        return Feed(tuple(inputs.values()), {}, target, batch)
    kwargs = {k: v for k, v in inputs.items() if accepted is None or k in accepted}
    return Feed((), kwargs, target, batch)


def _feed_sequence(model: nn.Module, parts: list[Any], loss_fn: Callable[..., Any] | None, batch: Any) -> Feed:
    if len(parts) == 1:
        return Feed((parts[0],), {}, parts[0] if loss_fn is not None else None, batch)
    if loss_fn is None:
        count = len(parts) if _takes(model, len(parts)) else len(parts) - 1
        return Feed(tuple(parts[:count]), {}, parts[-1], batch)
    inputs = parts[:-1]
    if len(inputs) > 1 and not _takes(model, len(inputs)):
        return Feed((tuple(inputs),) if _takes(model, 1) else tuple(inputs), {}, parts[-1], batch)
    return Feed(tuple(inputs), {}, parts[-1], batch)


def _fields(value: Any) -> dict[str, Any] | None:
    if isinstance(value, Mapping):
        return dict(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        named: dict[str, Any] = value._asdict()
        return named if set(named) & {*TARGET_KEYS, *OUTPUT_KEYS, "loss"} else None
    return None


def _like_mapping(batch: Any, items: dict[str, Any]) -> Any:
    try:
        return type(batch)(items)  # BatchEncoding, UserDict, OrderedDict
    except TypeError:
        return items


def _accepted(model: nn.Module) -> set[str] | None:
    parameters = inspect.signature(model.forward).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return None
    return set(parameters)


def _takes(model: nn.Module, count: int) -> bool:
    try:
        inspect.signature(model.forward).bind(*range(count))
    except TypeError:
        return False
    return True


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


def _without_workers(loader: DataLoader[Any]) -> Iterator[Any]:
    collate, data = loader.collate_fn, loader.dataset
    if isinstance(data, IterableDataset):
        rows = iter(data)
        if loader.batch_size is None:
            return map(collate, rows)
        groups = iter(lambda: list(itertools.islice(rows, loader.batch_size)), [])
        whole = loader.batch_size if loader.drop_last else 1
        return (collate(group) for group in groups if len(group) >= whole)
    if loader.batch_sampler is None:
        return (collate(data[i]) for i in loader.sampler)
    return (collate([data[i] for i in rows]) for rows in loader.batch_sampler)
