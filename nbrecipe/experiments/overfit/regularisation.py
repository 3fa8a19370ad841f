"""Switches off for the test what keeps a network from learning a batch by heart, and says what it was.

Eval mode is what dropout, stochastic depth and dropout inside attention or recurrent layers understand, in whatever way
they are written. Normalisation layers keep the batch's own statistics, as in training. All of it is undone by
`bench.untouched()`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.modules.instancenorm import _InstanceNorm
from torch.overrides import TorchFunctionMode

from ...finding import spelled

#: places named one by one; more of a kind are counted
NAMED_PLACES = 2
_RANDOM_DEPTH = re.compile("drop|stochastic", re.IGNORECASE)
_SHARES = ("p", "drop_prob", "drop_rate", "drop_path", "prob", "rate")
_DROPS = (F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout)
#: torch's own layers, whose only randomness is a dropout that can be set to nothing
_ATTENTION = (nn.MultiheadAttention, nn.TransformerEncoderLayer)

Found = dict[tuple[str, float], list[str]]


def switch_off(model: nn.Module, loss_fn: Any, name: str, forward: Callable[[], Any], *, alone: bool) -> list[str]:
    """Switch off dropout, stochastic depth and label smoothing; returns what it was, for people.

    `forward` runs one pass, which shows dropout that is called as a function and, where an example is `alone` in its
    batch, batch norm that has too few values.
    """
    found = _declared(model, name)
    for p in _called(model, forward) - {amount for _, amount in found}:
        found[("dropout", p)] = ["a function"]
    smoothed = [m for owner in (model, loss_fn) for m in _losses(owner)]
    for module in smoothed:
        found.setdefault(("label smoothing", module.label_smoothing), [])
        module.label_smoothing = 0.0
    _quieten(model)
    told = [_phrase(what, amount, places) for (what, amount), places in found.items()]
    return told + (_too_few(model, name, forward) if alone else [])


def _declared(model: nn.Module, name: str) -> Found:
    found: Found = {}
    for path, module in model.named_modules():
        place = f"`{spelled(name, path)}`"
        for what, amount in _amounts(module):
            found.setdefault((what, amount), []).append(place)
    return found


def _amounts(module: nn.Module) -> Iterator[tuple[str, float]]:
    if isinstance(module, _DropoutNd):
        if module.p > 0:
            yield "dropout", float(module.p)
        return
    share = getattr(module, "dropout", None)
    alone = isinstance(module, nn.RNNBase) and module.num_layers == 1  # dropout acts between layers only
    if isinstance(share, float) and share > 0 and not alone:
        yield "dropout", share
    if _RANDOM_DEPTH.search(type(module).__name__):
        shares = [getattr(module, key, None) for key in _SHARES]
        depth = next((s for s in shares if isinstance(s, float) and s > 0), None)
        if depth is not None:
            yield "stochastic depth", depth


class _Drops(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.shares: set[float] = set()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if func in _DROPS and given.get("training", args[2] if len(args) > 2 else True):
            self.shares.add(float(given.get("p", args[1] if len(args) > 1 else 0.5)))
        return func(*args, **given)


def _called(model: nn.Module, forward: Callable[[], Any]) -> set[float]:
    """The shares of dropout that a pass in train mode applies."""
    modes = [(module, module.training) for module in model.modules()]
    model.train()
    for module in model.modules():
        if _normalises(module):
            module.training = False  # a batch of one must pass too
    drops = _Drops()
    try:
        with torch.no_grad(), drops:
            forward()
    except Exception:
        return set()
    finally:
        for module, mode in modes:
            module.training = mode
    return drops.shares - {0.0}


def _quieten(model: nn.Module) -> None:
    modes = {module: module.training for module in model.modules()}
    was_training = model.training
    model.eval()
    for module, mode in modes.items():
        if _normalises(module) and (mode if was_training else not _frozen(module)):
            module.training = True
        if isinstance(module, nn.RNNBase) or type(module) in _ATTENTION:
            # CuDNN goes backward through recurrent layers in train mode only; torch's attention looks for a fast path
            # in eval mode at every call, which it cannot take while gradients are needed
            module.training = True
            if isinstance(module.dropout, float):
                setattr(module, "dropout", 0.0)  # noqa: B010 - typed as a module, for most modules


def _normalises(module: nn.Module) -> bool:
    return isinstance(module, (_BatchNorm, _InstanceNorm)) or "running_mean" in module._buffers


def _frozen(module: nn.Module) -> bool:
    parameters = list(module.parameters(recurse=False))
    return bool(parameters) and not any(p.requires_grad for p in parameters)


def _too_few(model: nn.Module, name: str, forward: Callable[[], Any]) -> list[str]:
    """Batch norm over one value a channel cannot train: it keeps its running statistics."""
    calmed: list[_BatchNorm] = []

    def look(module: _BatchNorm, given: tuple[Any, ...]) -> None:
        values = given[0]
        if isinstance(values, Tensor) and values.ndim > 1 and values.numel() == values.shape[1] and module.training:
            module.training = False
            if module.num_batches_tracked is not None:
                module.num_batches_tracked += 1  # its statistics are to be used as they are, blank or not
            calmed.append(module)

    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    handles = [module.register_forward_pre_hook(look) for module in norms]
    try:
        if norms:
            with torch.no_grad():
                forward()
    except Exception:
        return []
    finally:
        for handle in handles:
            handle.remove()
    if not calmed:
        return []
    return [
        f"batch statistics of {_places([f'`{spelled(name, _path(model, m))}`' for m in calmed])}, one value a channel"
    ]


def _path(model: nn.Module, wanted: nn.Module) -> str:
    return next((path for path, module in model.named_modules() if module is wanted), "")


def _losses(owner: Any) -> list[nn.CrossEntropyLoss]:
    modules = owner.modules() if isinstance(owner, nn.Module) else ()
    return [m for m in modules if isinstance(m, nn.CrossEntropyLoss) and m.label_smoothing > 0]


def _phrase(what: str, amount: float, places: list[str]) -> str:
    if not places:
        return f"{what} {amount:g}"
    if places == ["a function"]:
        return f"{what} {amount:g}, called as a function"
    return f"{what} {amount:g} in {_places(places)}"


def _places(places: list[str]) -> str:
    return " and ".join(places) if len(places) <= NAMED_PLACES else f"{len(places)} layers"
