"""What a variable may be to the recipe: a model, a loss, a loader, …; told by type and by conventional names alone."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType
from typing import Any

from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.loss import _Loss
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from torch.utils.data import DataLoader, Dataset, IterableDataset

from ..tokens.telling import could_be_tokenizer, is_tokenizer

#: parameters that a loss never has; a function with one of them evaluates or trains
NO_LOSS = ["loader", "dataloader", "epoch", "epochs", "optimizer", "opt", "steps", "dataset"]
#: first words of functions that do something else with a loss
OTHER_VERBS = ["plot", "show", "draw", "print", "log", "evaluate", "eval", "estimate", "record", "smooth", "update"]
#: pairs of tensors that people call their inputs and targets; those of training come first
PAIRS = [
    *(f"{x}_train {y}_train".split() for x in "Xx" for y in "yY"),
    *(f"train_{x} train_{y}".split() for x in ("x", "X", "inputs") for y in ("y", "Y", "targets", "labels")),
    *(f"{x}tr {y}tr".split() for x in "Xx" for y in "yY"),
    *(f"{x} {y}".split() for x in "Xx" for y in "yY"),
    ["xb", "yb"],
    *([x, y] for x in ("inputs", "images", "features", "data") for y in ("targets", "labels", "target")),
]


@dataclass(frozen=True)
class Kind:
    """One kind of object: the bench's field, the flag that gives it, and how it is recognised."""

    field: str
    flag: str
    #: plural for people, and what an explicit value must be
    plural: str
    takes: str
    #: conventional names, the stronger group first; within a group two objects are two candidates
    usual: tuple[tuple[str, ...], ...]
    #: whether a value can be it at all, under a conventional or an explicit name
    could: Callable[[Any], bool]
    #: whether a value is it under any name
    fits: Callable[[str, Any], bool]


def of(value: Any, *types: type) -> bool:
    """`isinstance` by the real type alone: it never asks the value, which may be a proxy that computes its answer."""
    return issubclass(type(value), types)


def is_loss(name: str, value: Any) -> bool:
    """A loss module, a loss of torch's functional, or a function that by name and parameters computes a loss."""
    if of(value, nn.Module):
        called = type(value).__name__.lower()
        return of(value, _Loss) or (called.endswith(("loss", "criterion")) and not called.endswith("withloss"))
    if not of(value, FunctionType, BuiltinFunctionType):
        return False
    if is_functional(name, value):
        return name.endswith(("_loss", "cross_entropy", "_logits", "kl_div"))
    words = name.lower().split("_")
    return "loss" in (words[0], words[-1]) and words[0] not in OTHER_VERBS and _computes_loss(value)


def is_functional(name: str, value: Any) -> bool:
    """A function of torch.nn.functional under its own name."""
    return getattr(functional, name, None) is value


def is_model(name: str, value: Any) -> bool:
    """A module with parameters that is no loss."""
    return could_be_model(value) and not is_loss(name, value) and next(value.parameters(), None) is not None


def could_be_model(value: Any) -> bool:
    """A module that is no loss of torch's own."""
    return of(value, nn.Module) and not of(value, _Loss)


def could_be_loss(value: Any) -> bool:
    """Something to call that is neither a class nor a tensor."""
    return callable(value) and not of(value, type, Tensor)


def could_be_loader(value: Any) -> bool:
    """A DataLoader or another iterable of batches, which can be read more than once."""
    kind = type(value)
    if of(value, DataLoader):
        return True
    if of(value, str, bytes, Tensor, Mapping, nn.Module, Dataset) and not of(value, IterableDataset):
        return False
    return hasattr(kind, "__iter__") and not hasattr(kind, "__next__") and not hasattr(kind, "__array__")


def could_be_batch(value: Any) -> bool:
    """A tuple, list or mapping that holds tensors or, as detectors take them, lists; or a tensor with a batch axis."""
    items: Any = list(value.values()) if of(value, Mapping) else value
    if of(items, Tensor):
        return items.ndim > 0
    lists = [one for item in items if of(item, list) for one in item[:1]] if of(items, tuple, list) else []
    return of(items, tuple, list) and any(of(item, Tensor) and item.ndim for item in [*items, *lists])


def is_dataset(value: Any) -> bool:
    """A map-style data set."""
    return of(value, Dataset) and not of(value, IterableDataset)


def could_be_data(value: Any) -> bool:
    """A map-style data set, or a plain list or tuple of examples."""
    return is_dataset(value) or of(value, list, tuple)


def _computes_loss(function: Any) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    required = [p.name.lower() for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    return 2 <= len(required) <= 3 and not any(word in name.split("_") for name in required for word in NO_LOSS)


def _train_loader(name: str, value: Any) -> bool:
    return of(value, DataLoader) and not _for_validation(name)


def _for_validation(name: str) -> bool:
    return any(word in name.lower() for word in ("val", "test", "dev", "eval", "holdout"))


def _loader_names(*words: str) -> tuple[str, ...]:
    """train → train_loader, trainloader, train_dl, …"""
    joined = ("_loader", "loader", "_dl", "dl", "_dataloader", "dataloader", "_data_loader", "_batches", "_iterator")
    return tuple(word + tail for word in words for tail in joined)


MODEL = Kind("model", "model", "models", "a torch.nn.Module", (("model", "net", "network"),), could_be_model, is_model)
LOSS = Kind(
    "loss_fn", "loss", "loss functions", "a loss module or a function",
    (("criterion", "loss_fn", "loss_func", "loss_function", "lossfn", "loss_f", "criteria"), ("loss", "objective")),
    could_be_loss, is_loss,
)  # fmt: skip
TRAIN = Kind(
    "train_loader", "train", "loaders", "a DataLoader or another iterable of batches",
    (_loader_names("train", "training", "trn"), ("loader", "dataloader", "data_loader", "dl", "batches")),
    could_be_loader, _train_loader,
)  # fmt: skip
VAL = Kind(
    "val_loader", "val", "validation loaders", "a DataLoader or another iterable of batches",
    (_loader_names("val", "valid", "validation", "dev", "eval"), _loader_names("test")),
    could_be_loader, lambda name, value: of(value, DataLoader) and _for_validation(name),
)  # fmt: skip
BATCH = Kind(
    "batch", "batch", "batches", "a tensor, a tuple (inputs, target) or a dict",
    (("batch",), ("train_batch", "first_batch")), could_be_batch, lambda name, value: False,
)  # fmt: skip
OPTIMIZER = Kind(
    "optimizer", "optimizer", "optimizers", "a torch.optim.Optimizer",
    (("optimizer", "opt", "optim", "optimiser"),),
    lambda value: of(value, Optimizer), lambda name, value: of(value, Optimizer),
)  # fmt: skip
SCHEDULER = Kind(
    "scheduler", "scheduler", "schedulers", "a learning rate scheduler",
    (("scheduler", "sched", "lr_scheduler"),),
    lambda value: of(value, LRScheduler, ReduceLROnPlateau),
    lambda name, value: of(value, LRScheduler, ReduceLROnPlateau),
)  # fmt: skip
TRAIN_DATA = Kind(
    "train_data", "train_data", "training sets", "a data set",
    (("train_data", "train_set", "train_dataset", "train_ds", "trainset", "training_data"), ("dataset", "ds", "data")),
    could_be_data, lambda name, value: is_dataset(value) and "train" in name.lower(),
)  # fmt: skip
VAL_DATA = Kind(
    "val_data", "val_data", "validation sets", "a data set",
    (
        ("val_data", "val_set", "val_dataset", "val_ds", "valset", "valid_data", "valid_set", "valid_dataset"),
        ("test_data", "test_set", "test_dataset", "test_ds", "testset"),
    ),
    could_be_data, lambda name, value: is_dataset(value) and _for_validation(name),
)  # fmt: skip
TOKENIZER = Kind(
    "tokenizer", "tokenizer", "tokenizers", "something with `encode` and `decode`, a table of pieces, or a function",
    (("tokenizer", "tok", "tokeniser"),), could_be_tokenizer, lambda name, value: is_tokenizer(value),
)  # fmt: skip
PRETRAINED = Kind(
    "pretrained",
    "pretrained",
    "state dicts",
    "a state dict",
    (),
    lambda value: of(value, Mapping),
    lambda name, value: False,
)
PRED_PROBS = Kind(
    "pred_probs", "pred_probs", "tables of probabilities", "a table of probabilities, (rows, classes)",
    (), lambda value: hasattr(type(value), "__array__") or of(value, list, tuple), lambda name, value: False,
)  # fmt: skip
#: in the order in which they are looked for
KINDS = (MODEL, LOSS, TRAIN, VAL, BATCH, OPTIMIZER, SCHEDULER, TRAIN_DATA, VAL_DATA, TOKENIZER, PRED_PROBS, PRETRAINED)
BY_FLAG = {kind.flag: kind for kind in KINDS}
