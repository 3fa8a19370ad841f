"""As many targets as are cheap to reach, for the frequencies of the labels and the spread of the values."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    RandomSampler,
    SequentialSampler,
    Subset,
    TensorDataset,
    default_collate,
)

from .. import batches
from ..batches import BadInput

#: attributes under which data sets keep all their targets
_KEPT = ("targets", "labels", "y")
_BATCHES = 32
#: seconds after which reading further batches stops
_SECONDS = 1.0


def more_labels(loader: Iterable[Any] | None, data: Any, target_of: Callable[[Any], Any]) -> Tensor | None:
    """The targets of a whole data set where it keeps them in one place, else of up to 32 batches of the loader.

    Rows are (M, ...) as in a batch's target; None where nothing can be read. `target_of` takes them out of a batch.
    A loader that draws its own way (weighted, by group) is read, because its labels are not the data set's.
    """
    if loader is None:
        return None if data is None else _stored(data)
    if isinstance(loader, DataLoader) and loader.collate_fn is default_collate:
        by_itself = type(loader.batch_sampler) in (BatchSampler, type(None))
        plain = isinstance(loader.sampler, (RandomSampler, SequentialSampler)) and by_itself
        kept = _stored(loader.dataset) if plain else None
        if kept is not None:
            return kept
    return _read(loader, target_of)


def kept_labels(data: Any) -> Tensor | None:
    """The targets of a whole data set, (M, ...), where it keeps them in one place and hands them out as they are."""
    return _stored(data)


def _stored(data: Any) -> Tensor | None:
    if isinstance(data, Subset):
        whole = _stored(data.dataset)
        return None if whole is None else whole[torch.as_tensor(data.indices)]
    if type(data) is TensorDataset:  # a subclass may change what it hands out
        return data.tensors[-1] if len(data.tensors) > 1 else None
    for name in _KEPT:
        kept = _tensor(getattr(data, name, None))
        if kept is not None and len(kept) == len(data) and _first_row_agrees(data, kept):
            return kept
    return None


def _first_row_agrees(data: Any, kept: Tensor) -> bool:
    """Whether the target that the data set hands out is the one it keeps, so that no transform stands between."""
    row = data[0]
    target = _tensor(row[-1]) if isinstance(row, (tuple, list)) else None
    return target is not None and target.shape == kept[0].shape and bool((target == kept[0]).all())


def _tensor(value: Any) -> Tensor | None:
    if isinstance(value, (Tensor, np.ndarray, np.number, int, float)):
        return torch.as_tensor(value)
    if isinstance(value, list) and value and isinstance(value[0], (int, float, np.number, Tensor)):
        return torch.as_tensor(value)
    return None


def _read(loader: Iterable[Any], target_of: Callable[[Any], Any]) -> Tensor | None:
    found: list[Tensor] = []
    end = time.monotonic() + _SECONDS
    try:
        for batch in itertools.islice(batches.read(loader), _BATCHES):
            target = target_of(batch)
            if not isinstance(target, Tensor) or target.ndim == 0:
                return None
            found.append(target.detach().cpu())
            if time.monotonic() > end:
                break
    except BadInput:
        return None
    if any(part.shape[1:] != found[0].shape[1:] for part in found):
        return found[0] if found[0].ndim != 2 else torch.cat([part.flatten() for part in found])[:, None]
    return torch.cat(found)
