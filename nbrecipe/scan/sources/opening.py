"""Opens whatever a person has as a source of rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, Subset, TensorDataset, default_collate

from ...batches import BadInput
from ...libraries import made_by
from ..columns.block import INPUT, LABEL, told_of
from .arrays import Arrays
from .datasets import Batched, Examples, Opened, Stream
from .files import file_of
from .huggingface import of_dataset
from .labelled import Labelled
from .source import Source
from .sparse import Sparse
from .tables import table_of


def open_source(data: Any, name: str = "the data", *, label: Any = None, columns: Sequence[str] = ()) -> Source:
    """A data set as rows. `label` is the name of the column with the labels, or the labels themselves, row by row.

    `columns` are those that are read, all where none is named. Raises BadInput, saying what can be read, for anything
    else.
    """
    if isinstance(data, Source):
        return data
    source = _labelled(data, name, label)
    if columns:
        source.choose(tuple(columns))
    return source


def _labelled(data: Any, name: str, label: Any) -> Source:
    try:
        source = _opened(data, name)
    except BadInput:
        raise
    except Exception as error:
        raise BadInput(f"`{name}` cannot be read: {told_of(error)}") from error
    if isinstance(label, str):
        source.label = source.asked = label
    elif label is not None:
        return Labelled(source, label)
    return source


def _opened(data: Any, name: str) -> Source:
    if isinstance(data, DataLoader):
        return _of_loader(data, name)
    if isinstance(data, (str, Path)):
        return file_of(Path(data).expanduser(), name)
    if hasattr(data, "__next__"):
        raise BadInput(f"`{name}` is an iterator: reading it would use it up; give what it was made from")
    others = _of_others(data, name)
    if others is not None:
        return others
    arrays = _of_arrays(data, name)
    if arrays is not None:
        return arrays
    if isinstance(data, IterableDataset):
        return Stream(name, Opened(data))
    if not isinstance(data, (bytes, dict, set, frozenset)) and not isinstance(data, type):
        if hasattr(data, "__getitem__"):
            return _by_number(data, name)
        if isinstance(data, Iterable):
            return Stream(name, Opened(data))
    raise BadInput(
        f"`{name}` is of type {type(data).__name__}; what can be read is a Dataset, a DataLoader, an array, a frame, "
        "a list of (input, label), a folder of images, or the path of a CSV, Parquet or JSONL file"
    )


def _by_number(data: Any, name: str) -> Source:
    """Rows by number, as many as the data say they have."""
    try:
        len(data)
    except Exception as error:
        if isinstance(data, Iterable):
            return Stream(name, Opened(data))
        told = f" ({told_of(error)})" if hasattr(data, "__len__") else ""
        raise BadInput(f"`{name}` gives rows by number but does not say how many{told}: give it a `__len__`") from error
    return Examples(name, data)


def _of_others(data: Any, name: str) -> Source | None:
    """What other libraries hold their data in; none is imported for it."""
    made = made_by(data)
    if made == "datasets":
        return of_dataset(data, name)
    if made == "scipy" and hasattr(data, "tocsr"):
        return Sparse(name, data)
    if isinstance(data, dict) and type(data).__name__ == "Bunch" and "data" in data:
        return _of_bunch(data, name)
    return table_of(data, name, made)


def _of_bunch(bunch: Any, name: str) -> Source:
    """A bunch of scikit-learn: its data and its target."""
    source = _opened(bunch["data"], name)
    source = Labelled(source, bunch["target"]) if bunch.get("target") is not None else source
    names = bunch.get("target_names")
    if names is not None and np.ndim(bunch.get("target")) == 1 and np.asarray(bunch["target"]).dtype.kind in "iu":
        source.names = dict(enumerate(map(str, names)))
    return source


def _of_loader(loader: DataLoader[Any], name: str) -> Source:
    """The data set of a loader; through its collate function where that is the user's own."""
    data: Any = loader.dataset
    if loader.collate_fn is default_collate or loader.batch_size is None or isinstance(data, IterableDataset):
        return _opened(data, name)
    return Batched(name, data, loader.collate_fn, loader.batch_size)


def _of_arrays(data: Any, name: str) -> Source | None:
    """Data that lie whole in memory: an array, a tensor data set, a dict or a pair of arrays, part of one of them."""
    if isinstance(data, Subset):
        whole = _of_arrays(data.dataset, name)
        return whole.picked(np.asarray(data.indices)) if isinstance(whole, Arrays) else None
    if type(data) is TensorDataset:  # a subclass may change what it hands out
        return _named(name, list(data.tensors))
    if isinstance(data, (np.ndarray, Tensor)):
        return _of_array(data, name)
    if isinstance(data, dict):
        return _of_columns(data, name)
    if isinstance(data, (tuple, list)) and 1 < len(data) <= 4 and all(map(_is_array, data)):
        return _named(name, list(data)) if len({len(value) for value in data}) == 1 else None
    if isinstance(data, tuple) and len(data) == 2 and _is_array(data[1]) and made_by(data[0]) in _LIBRARIES:
        return Labelled(_opened(data[0], name), data[1])  # (frame, labels)
    return None


#: libraries whose frames and matrices are rows
_LIBRARIES = ("pandas", "polars", "pyarrow", "scipy")


def _of_array(data: Any, name: str) -> Source:
    if not data.ndim:
        raise BadInput(f"`{name}` is a single value, not rows")
    if isinstance(data, np.ndarray) and data.dtype.names:
        return Arrays(name, {field: data[field] for field in data.dtype.names})
    return _named(name, [data])


def _of_columns(data: dict[Any, Any], name: str) -> Source:
    """A dict whose values are columns of one length."""
    columns = {str(key): np.asarray(value) if made_by(value) in ("pandas", "polars") else value
               for key, value in data.items()}  # fmt: skip
    lists = {key: list(value) if isinstance(value, tuple) else value for key, value in columns.items()}
    odd = [key for key, value in lists.items() if not (_is_array(value) or isinstance(value, list))]
    if odd or not lists:
        told = f": `{odd[0]}` is of type {type(lists[odd[0]]).__name__}" if odd else ""
        raise BadInput(f"`{name}` is a dict, of which every value has to be a column, as long as the others{told}")
    lengths = {len(value) for value in lists.values()}
    if len(lengths) > 1:
        told = ", ".join(f"`{key}` has {len(value)}" for key, value in lists.items())
        raise BadInput(f"the columns of `{name}` differ in their rows: {told}")
    return Arrays(name, lists)


def _named(name: str, parts: list[Any]) -> Arrays:
    *inputs, last = parts
    if not inputs:
        return Arrays(name, {INPUT: last})
    names = [INPUT] if len(inputs) == 1 else [f"{INPUT}[{i}]" for i in range(len(inputs))]
    return Arrays(name, dict(zip([*names, LABEL], parts, strict=True)))


def _is_array(value: Any) -> bool:
    return isinstance(value, (np.ndarray, Tensor)) and value.ndim > 0
