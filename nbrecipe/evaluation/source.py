"""The batches that are answered, as the user's own loader gives them, and which row of the data each example is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from ..batches import BadInput, batch_size
from ..bench import Bench, Missing
from .answers import Array

#: examples at once where no loader says how many
SIZE = 256


@dataclass
class Source:
    """A loader, and what of it has been read."""

    loader: Any
    name: str
    #: rows of the data behind it, None where they cannot be counted
    length: int | None = None
    #: rows that the loader gives in one pass, None where that cannot be told
    planned: int | None = None
    #: whether the numbers of rows are those of the data set, rather than of the order they came in
    numbered: bool = False
    _drawn: list[Any] = field(default_factory=list)

    @classmethod
    def of(cls, bench: Bench, split: str = "val") -> Source:
        """The split of a bench, by its loader where there is one. Raises Missing, and BadInput for what gives none."""
        given, field_name = getattr(bench, f"{split}_loader"), f"{split}_loader"
        if given is None:
            given, field_name = getattr(bench, f"{split}_data"), f"{split}_data"
        if given is None:
            raise Missing(f"{split}_loader")
        name = bench.name(field_name)
        return cls._opened(_loader(given, bench, name), name)

    @classmethod
    def _opened(cls, loader: Any, name: str) -> Source:
        if not isinstance(loader, DataLoader):
            return cls(loader, name)
        data = loader.dataset
        if isinstance(data, IterableDataset):
            return cls(loader, name)
        length = len(data) if hasattr(data, "__len__") else None
        return cls(loader, name, length, _planned(loader), numbered=True)

    def __iter__(self) -> Iterator[tuple[Array, Any]]:
        """Rows and batch, in the loader's own order and by its own workers. Raises BadInput where there is none."""
        if hasattr(self.loader, "__next__"):
            raise BadInput(f"`{self.name}` is an iterator: reading it would use up its batches; give the loader itself")
        self._drawn.clear()
        done = 0
        with _Recorded(self.loader if self.numbered else None, self._drawn):
            for place, batch in enumerate(self._given()):
                pair = isinstance(batch, (list, tuple)) and len(batch) == 2 and isinstance(batch[1], Tensor)
                size = len(batch[1]) if pair and batch[1].ndim else batch_size(batch)
                yield self._rows(place, done, size), batch
                done += size
        if not done:
            raise BadInput(f"`{self.name}` is empty: it gives no batch{self._dropped()}")

    def _given(self) -> Iterator[Any]:
        """Its batches. Raises BadInput for what a data set, a collate function or a worker of the user's raises."""
        given, done = None, 0
        while True:
            try:
                given = iter(self.loader) if given is None else given
                batch = next(given)
            except StopIteration:
                return
            except BadInput:
                raise
            except Exception as error:
                raise BadInput(f"`{self.name}` cannot be read beyond batch {done}: {_raised(error)}") from error
            done += 1
            yield batch

    def _dropped(self) -> str:
        """Why nothing is left of a loader that has rows."""
        size = getattr(self.loader, "batch_size", None)
        if not self.length or not size or self.length >= size or not getattr(self.loader, "drop_last", False):
            return ""
        return f", for its {self.length} rows are fewer than one batch of {size} and drop_last=True leaves them out"

    def _rows(self, place: int, done: int, size: int) -> Array:
        """The numbers of a batch's rows; those of a collate function that leaves some out cannot be told."""
        drawn = self._drawn[place] if place < len(self._drawn) else None
        if drawn is not None and len(drawn) == size:
            return np.asarray(drawn, dtype=np.int64)
        self.numbered = False
        return np.arange(done, done + size)


class _Recorded:
    """While it is open, what a loader's sampler draws is written down; nobody else sees a difference."""

    def __init__(self, loader: Any, drawn: list[Any]) -> None:
        self._loader, self._drawn = loader, drawn
        self._field = "sampler" if loader is not None and loader.batch_sampler is None else "batch_sampler"

    def __enter__(self) -> None:
        if self._loader is not None:
            self._kept = vars(self._loader)[self._field]
            # a DataLoader refuses another sampler by its attribute
            vars(self._loader)[self._field] = _Listening(self._kept, self._drawn)

    def __exit__(self, *error: object) -> None:
        if self._loader is not None:
            vars(self._loader)[self._field] = self._kept


class _Listening:
    def __init__(self, sampler: Any, drawn: list[Any]) -> None:
        self._sampler, self._drawn = sampler, drawn

    def __iter__(self) -> Iterator[Any]:
        for rows in self._sampler:
            self._drawn.append(rows if isinstance(rows, (list, tuple)) else [rows])
            yield rows

    def __len__(self) -> int:
        return len(self._sampler)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sampler, name)


def _raised(error: Exception) -> str:
    """What was raised, in one line; in a worker what it raised, which stands beneath its traceback."""
    *above, told = str(error).split("Traceback (most recent call last):")
    lines = [line for line in told.splitlines() if line.strip() and not (above and line.startswith(" "))]
    if above and lines:
        return lines[0]
    return f"{type(error).__name__}: {lines[0].strip()}" if lines else type(error).__name__


def _planned(loader: DataLoader[Any]) -> int | None:
    """How many rows one pass gives, where samplers can be counted without drawing from them."""
    try:
        rows = len(loader.sampler)  # type: ignore[arg-type]
        if loader.batch_size is not None:
            return rows - rows % loader.batch_size if loader.drop_last else rows
        return rows if loader.batch_sampler is None else None
    except TypeError:
        return None


def _loader(given: Any, bench: Bench, name: str) -> Any:
    """A loader as it is, or one of a data set or of arrays, in their order."""
    if isinstance(given, DataLoader) or hasattr(given, "__next__"):
        return given
    arrays = isinstance(given, (tuple, list)) and 1 < len(given) < 4 and all(map(_is_array, given))
    if isinstance(given, (tuple, list)) and arrays and len({len(part) for part in given}) == 1:
        return DataLoader(TensorDataset(*map(_tensor, given)), batch_size=SIZE)
    if isinstance(given, Dataset) or (hasattr(given, "__getitem__") and _gives_examples(given)):
        train = bench.train_loader
        if isinstance(train, DataLoader):  # it knows how batches of such examples are made
            return DataLoader(given, batch_size=train.batch_size or SIZE, collate_fn=train.collate_fn)
        return DataLoader(given, batch_size=SIZE)
    if hasattr(given, "__iter__") and not isinstance(given, (str, bytes, dict)) and not hasattr(given, "columns"):
        return given
    raise BadInput(
        f"a model is run on what a DataLoader, a Dataset or a tuple (inputs, targets) gives; "
        f"`{name}` is of type {type(given).__name__}"
    )


def _is_array(part: Any) -> bool:
    return isinstance(part, Tensor) or (isinstance(part, np.ndarray) and part.dtype.kind in "biuf")


def _tensor(part: Any) -> Tensor:
    """As a tensor; floats as the weights of models most often are."""
    import torch

    made = torch.as_tensor(part)
    return made.float() if made.dtype is torch.float64 else made


def _gives_examples(given: Any) -> bool:
    """Whether items are examples rather than whole batches, as in a list of them."""
    if not hasattr(given, "__len__") or isinstance(given, (str, bytes, dict)) or hasattr(given, "columns"):
        return False
    first = given[0] if len(given) else None
    parts = first if isinstance(first, (tuple, list)) else (first,)
    return bool(parts) and not any(isinstance(part, Tensor) and part.ndim and len(part) > 1 for part in parts[-1:])
