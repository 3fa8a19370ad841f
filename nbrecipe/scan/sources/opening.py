"""Opens whatever a person has as a source of rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, Subset, TensorDataset, default_collate

from ...batches import BadInput
from ..block import INPUT, LABEL
from .arrays import Arrays
from .datasets import Batched, Examples, Stream
from .source import Source


def open_source(data: Any, name: str = "the data", *, label: Any = None) -> Source:
    """A data set as rows. `label` is the name of the column with the labels, or the labels themselves, row by row.

    Raises BadInput, saying what can be read, for anything else.
    """
    if isinstance(data, Source):
        return data
    if isinstance(data, DataLoader):
        return _of_loader(data, name)
    if hasattr(data, "__next__"):
        raise BadInput(f"`{name}` is an iterator: reading it would use it up; give what it was made from")
    arrays = _of_arrays(data, name, label)
    if arrays is not None:
        return arrays
    if isinstance(data, IterableDataset):
        return Stream(name, lambda: data)
    if hasattr(data, "__getitem__") and hasattr(data, "__len__") and not isinstance(data, (str, bytes, dict)):
        return Examples(name, data, label=label if isinstance(label, str) else None)
    if isinstance(data, Iterable) and not isinstance(data, (str, bytes, dict)):
        return Stream(name, lambda: data)
    raise BadInput(
        f"`{name}` is of type {type(data).__name__}; what can be read is a Dataset, a DataLoader, an array, a frame, "
        "a list of (input, label), a folder of images, or the path of a CSV, Parquet or JSONL file"
    )


def _of_loader(loader: DataLoader[Any], name: str) -> Source:
    """The data set of a loader; through its collate function where that is the user's own."""
    data = loader.dataset
    if loader.collate_fn is default_collate or loader.batch_size is None or isinstance(data, IterableDataset):
        return open_source(data, name)
    return Batched(name, data, loader.collate_fn, loader.batch_size)


def _of_arrays(data: Any, name: str, label: Any) -> Source | None:
    """Data that lie whole in memory: an array, a tensor data set, a dict or a pair of arrays, part of one of them."""
    if isinstance(data, Subset):
        whole = _of_arrays(data.dataset, name, label)
        return whole.picked(np.asarray(data.indices)) if isinstance(whole, Arrays) else None
    if type(data) is TensorDataset:  # a subclass may change what it hands out
        return _named(name, list(data.tensors), label)
    if isinstance(data, (np.ndarray, Tensor)):
        return _named(name, [data], label)
    if isinstance(data, dict) and data and all(_is_array(v) or isinstance(v, list) for v in data.values()):
        return Arrays(name, data, label=label if isinstance(label, str) else None)
    if isinstance(data, (tuple, list)) and 1 < len(data) <= 4 and all(map(_is_array, data)):
        return _named(name, list(data), label) if len({len(value) for value in data}) == 1 else None
    return None


def _named(name: str, parts: list[Any], label: Any) -> Arrays:
    if label is not None and not isinstance(label, str):
        parts = [*parts, label]
    *inputs, last = parts
    if not inputs:
        return Arrays(name, {INPUT: last})
    names = [INPUT] if len(inputs) == 1 else [f"{INPUT}[{i}]" for i in range(len(inputs))]
    return Arrays(name, dict(zip([*names, LABEL], parts, strict=True)))


def _is_array(value: Any) -> bool:
    return isinstance(value, (np.ndarray, Tensor)) and value.ndim > 0
