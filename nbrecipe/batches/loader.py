"""Reads a loader without starting workers and without using anything up."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from torch.utils.data import DataLoader, IterableDataset

from .structure import BadInput


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
