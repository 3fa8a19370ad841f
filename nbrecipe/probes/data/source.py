"""Which data set of a bench is read, through which loader, and how the user calls both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from ...batches import BadInput
from ...bench import Bench, Missing

#: fields of the bench for each split: its data set and its loader
FIELDS = {"train": ("train_data", "train_loader"), "val": ("val_data", "val_loader")}


@dataclass(frozen=True)
class Source:
    """A data set that gives a row by its index."""

    #: "train" or "val"
    split: str
    #: as the user calls it
    name: str
    data: Any
    loader: DataLoader[Any] | None

    @property
    def collate(self) -> Callable[[Any], Any] | None:
        """What the loader makes batches with."""
        return None if self.loader is None else self.loader.collate_fn


def source(bench: Bench, split: str) -> Source:
    """What the loader of a split reads, else the data set that stands for it.

    Raises Missing where nobody handed over either, and BadInput for what has no rows to ask for by index.
    """
    field, through = FIELDS[split]
    data, loader = getattr(bench, field), getattr(bench, through)
    through_loader = isinstance(loader, DataLoader)
    if through_loader:
        name = bench.name(field) if data is loader.dataset else f"{bench.name(through)}.dataset"
        data = loader.dataset
    elif data is None:
        if loader is None:
            raise Missing(through)
        raise BadInput(f"`{bench.name(through)}` is no DataLoader, so there is no data set to ask for rows by index")
    else:
        name = bench.name(field)
    if isinstance(data, IterableDataset) or not hasattr(data, "__getitem__"):
        raise BadInput(f"`{name}` is a stream: it has no rows to ask for by index")
    return Source(split, name, data, loader if through_loader else None)


def is_plain(data: Any) -> bool:
    """Whether rows are handed out as they are stored, with no code of anybody's in between."""
    tables = type(data).__module__.split(".")[0] in ("pandas", "polars")
    return tables or isinstance(data, (list, tuple, dict, str, Tensor, np.ndarray))


def base_of(data: Any) -> Any:
    """The data set that a part is a part of."""
    while hasattr(data, "indices") and hasattr(data, "dataset"):
        data = data.dataset
    return data
