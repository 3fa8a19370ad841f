"""What a model answers to changed inputs, compared bit for bit with what it answered before."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ... import batches
from ...batches import Feed
from ...batches.models import eagerly
from ...batches.scalar import projected
from ...task.refusal import failed_forward
from ..passes.signal import evaluating

#: modes and seeds: what a model does while it trains may be by chance
MODES = ((False, 0), (True, 0), (True, 1), (True, 2))
#: functions that take neighbours along an axis, whose entries are places then and no features
PLACES = ("conv", "pool", "unfold", "stft", "interpolate", "grid_sample", "as_strided")
RECURRENT = ("lstm", "gru", "rnn_tanh", "rnn_relu")


class Answers:
    """A model's answers to one batch, in every mode in which it answers the same twice."""

    def __init__(self, model: nn.Module, fed: Feed) -> None:
        self._model, self._fed = model, fed
        self.passes = 0
        self._before: dict[tuple[bool, int], list[Tensor] | None] = {}
        self._names: set[str] = set()
        self._buffers = [(buffer, buffer.detach().clone()) for buffer in model.buffers()]
        #: whether the model answers the same twice in eval mode, with a tensor at least
        self.steady = self._base(MODES[0]) is not None

    def _base(self, mode: tuple[bool, int]) -> list[Tensor] | None:
        """What it answers in a mode; None where that changes from call to call."""
        if mode not in self._before:
            answer, again = (self._answer(self._fed, mode, first=mode == MODES[0]) for _ in range(2))
            self._before[mode] = answer if answer and again and _same(answer, again) else None
        return self._before[mode]

    def alike(self, fed: Feed) -> bool:
        """Whether every bit of every answer stays; an error is an influence too."""
        for mode in MODES:
            before = self._base(mode)
            answer = self._answer(fed, mode) if before is not None else None
            if before is not None and (answer is None or not _same(before, answer)):
                return False
        return True

    def of_features(self, item: Tensor) -> bool:
        """Whether the last axis of an input holds features, so far as the functions tell that ran."""
        places = any(part in name for name in self._names for part in PLACES)
        stepped = item.ndim == 2 and any(name in RECURRENT for name in self._names)
        return item.is_floating_point() and item.ndim in (2, 3) and not places and not stepped

    def without_gradient(self, item: Tensor) -> set[int] | None:
        """The numbers of the columns whose gradient is exactly zero in every row; None where there is no gradient."""
        leaf = item.detach().clone().requires_grad_()
        _seed(0)
        with evaluating(self._model), torch.enable_grad(), torch.backends.cudnn.flags(enabled=False), eagerly():
            given = leaf.clone()  # which may be changed in place, as a leaf may not
            fresh = lambda i: given if i is item else _copy(i)  # noqa: E731
            try:
                raw = self._model(*batches.apply(self._fed.args, fresh), **batches.apply(self._fed.kwargs, fresh))
                sums = [projected(i) for i in batches.leaves(raw) if isinstance(i, Tensor) and i.requires_grad]
                total = torch.stack([each.double() for each in sums]).sum() if sums else None
                gradient = None if total is None else torch.autograd.grad(total, leaf, allow_unused=True)[0]
            except RuntimeError:  # a model for inference alone
                return None
        if total is None:
            return None
        if gradient is None:
            return set(range(item.shape[-1]))
        return set((gradient.reshape(-1, item.shape[-1]) == 0).all(0).nonzero().flatten().tolist())

    def _answer(self, fed: Feed, mode: tuple[bool, int], first: bool = False) -> list[Tensor] | None:
        training, seed = mode
        before = [(part, part.training) for part in self._model.modules()]
        self.passes += 1
        _seed(seed)
        args, kwargs = (batches.apply(part, _copy) for part in (fed.args, fed.kwargs))
        try:
            self._model.train(training)
            with torch.no_grad(), eagerly(), Names(self._names):
                raw = self._model(*args, **kwargs)
        except Exception as error:
            if first:
                raise failed_forward(self._model, fed, error) from error
            return None
        finally:
            for part, was in before:
                part.training = was
            for buffer, kept in self._buffers if training else ():  # running statistics move, and eval mode uses them
                buffer.copy_(kept)
        return [item.detach().clone() for item in batches.leaves(raw) if isinstance(item, Tensor)]


class Names(TorchFunctionMode):
    """Notes the names of the functions that run."""

    def __init__(self, names: set[str]) -> None:
        super().__init__()
        self._names = names

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self._names.add(getattr(func, "__name__", ""))
        return func(*args, **(kwargs or {}))


def _seed(number: int) -> None:
    """The same draws each time; the bench puts the generators back."""
    torch.manual_seed(number)
    random.seed(number)
    np.random.seed(number)


def _copy(item: Any) -> Any:
    return item.detach().clone() if isinstance(item, Tensor) else item


def _same(one: list[Tensor], other: list[Tensor]) -> bool:
    if [(i.shape, i.dtype) for i in one] != [(i.shape, i.dtype) for i in other]:
        return False
    return all(bool(((a == b) | ((a != a) & (b != b))).all()) for a, b in zip(one, other, strict=True))
