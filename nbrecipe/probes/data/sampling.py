"""Which rows a loader can draw at all, read off its samplers."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

from ...batches import BadInput
from ...bench import Bench, Missing
from ...task.labels import kept_labels
from .chance import Chance
from .reading import Parts, Reader, is_target, same
from .source import Source, base_of

#: rows whose labels are read where they are kept nowhere, and seconds for a pass through a sampler of the user's
LABELS, SECONDS = 1000, 0.3
#: positions of a sampler of the user's that are looked at
POSITIONS = 200_000


@dataclass(frozen=True)
class Reach:
    """What a loader never draws, or draws where there is no row."""

    #: as the user calls the loader
    loader: str
    split: str
    rows: int
    #: the sampler's class
    sampler: str
    #: "", or why rows are never drawn: see `_WAYS`
    way: str = ""
    #: rows that are never drawn, and the first of them
    never: int = 0
    first: int = 0
    #: length of what the sampler was given
    given: int = 0
    #: batch size, for what is left over
    batch: int = 0
    #: labels none of whose rows is ever drawn
    labels: tuple[int, ...] = ()
    #: whether another loader reads the same data
    partner: bool = False


#: classes: as many weights as classes · few: fewer weights than rows · beyond: positions without a row · other: a
#: sampler of another data set · positions: positions in the whole for a part · zero: labels without weight · none: no
#: batch · tail: the last rows of a loader in order · own: a sampler of the user's leaves rows out · part: a subset
WAYS = ("classes", "few", "beyond", "other", "positions", "zero", "none", "tail", "own", "part")


def of_loaders(bench: Bench) -> tuple[Reach, ...]:
    """What each loader reaches; Missing without loaders, and BadInput where none has rows by index."""
    loaders = [("train", bench.train_loader, bench.val_loader), ("val", bench.val_loader, bench.train_loader)]
    if bench.train_loader is None and bench.val_loader is None:
        raise Missing("train_loader")
    found = [
        _reach(bench, split, loader, other)
        for split, loader, other in loaders
        if isinstance(loader, DataLoader) and not isinstance(loader.dataset, IterableDataset) and _has_size(loader)
    ]
    if not found:
        raise BadInput("no loader draws its rows by a sampler")
    return tuple(found)


def _has_size(loader: DataLoader[Any]) -> bool:
    with suppress(TypeError, NotImplementedError):
        return len(loader.dataset) >= 0  # type: ignore[arg-type]
    return False


def _reach(bench: Bench, split: str, loader: DataLoader[Any], other: Any) -> Reach:
    data: Any = loader.dataset
    sampler = _sampler(loader)
    partner = isinstance(other, DataLoader) and base_of(other.dataset) is base_of(data)
    seen: dict[str, Any] = {
        "loader": bench.name(f"{split}_loader"), "split": split, "rows": len(data), "sampler": type(sampler).__name__,
        "batch": loader.batch_size or getattr(loader.batch_sampler, "batch_size", 0) or 0, "partner": partner,
    }  # fmt: skip
    for judge in (_no_batch, _weighted, _subset, _of_another, _tail, _own):
        told = judge(loader, sampler, data)
        if told is not None:
            return Reach(**{**seen, **told})
    return Reach(**seen)


def _sampler(loader: DataLoader[Any]) -> Any:
    """What gives single positions; the batch sampler itself where it is of the user's making."""
    if loader.batch_sampler is None:
        return loader.sampler
    return loader.batch_sampler.sampler if type(loader.batch_sampler) is BatchSampler else loader.batch_sampler


Told = dict[str, Any] | None


def _no_batch(loader: DataLoader[Any], sampler: Any, data: Any) -> Told:
    with suppress(TypeError, NotImplementedError):
        if len(loader) == 0:
            count = len(sampler)
            return {"way": "none", "never": len(data), "given": count}
    return None


def _weighted(loader: DataLoader[Any], sampler: Any, data: Any) -> Told:
    if not isinstance(sampler, WeightedRandomSampler):
        return None
    weights, rows = torch.as_tensor(sampler.weights).flatten(), len(data)
    drawn = (weights > 0).nonzero().flatten()
    if len(weights) > rows and len(drawn) and int(drawn[-1]) >= rows and _fails(data, int(drawn[-1])):
        return {"way": "beyond", "given": len(weights), "first": int(drawn[-1])}
    if len(weights) < rows:
        if _repeats(data, len(weights)):
            return None
        labels = labels_of(data)
        count = 0 if labels is None else len(_distinct(labels))
        way = "few" if labels is None or len(weights) not in (count, int(labels.max()) + 1) else "classes"
        left = {"never": rows - len(weights), "first": len(weights), "given": len(weights)}
        return {"way": way, **left}
    weights = weights[:rows]
    if bool((weights > 0).all()) or not len(drawn):
        return None
    return _without_weight(weights, data)


def _without_weight(weights: Tensor, data: Any) -> Told:
    none = weights == 0
    labels = labels_of(data)
    if labels is None or len(labels) != len(weights):
        return {"way": "part", "never": int(none.sum())}
    lost = [int(k) for k in _distinct(labels) if bool(none[labels == k].all())]
    gone = sum(int((labels == k).sum()) for k in lost)
    if not lost:
        return {"way": "part", "never": int(none.sum())}
    return {"way": "zero", "never": gone, "labels": tuple(lost)}


def _subset(loader: DataLoader[Any], sampler: Any, data: Any) -> Told:
    if not isinstance(sampler, SubsetRandomSampler):
        return None
    positions, rows = np.asarray(sampler.indices, "i8").ravel(), len(data)
    drawn = np.zeros(rows, bool)
    drawn[positions[(positions >= 0) & (positions < rows)]] = True
    told: dict[str, Any] = {"given": len(positions), "never": rows - int(drawn.sum())}
    last = int(positions.max()) if len(positions) else -1
    indices = getattr(data, "indices", None)
    if indices is not None and told["never"] and np.array_equal(np.sort(indices), np.sort(positions)):
        return {"way": "positions", "first": last, **told}
    if last >= rows and _fails(data, last):
        return {"way": "beyond", "first": last, **told}
    return {"way": "part", **told} if told["never"] else None


def _of_another(loader: DataLoader[Any], sampler: Any, data: Any) -> Told:
    drawn_of: Any = None
    if isinstance(sampler, DistributedSampler):
        drawn_of = sampler.dataset
    elif isinstance(sampler, (RandomSampler, SequentialSampler)):
        drawn_of = sampler.data_source
    if drawn_of is None:
        return None
    with suppress(TypeError):
        given, rows = len(drawn_of), len(data)
        if drawn_of is data or given == rows:
            return None
        if given > rows:
            return {"way": "beyond", "given": given, "first": given - 1} if _fails(data, given - 1) else None
        if not _repeats(data, given):
            start = isinstance(drawn_of, Subset) and list(drawn_of.indices) == list(range(given))
            way = "other" if isinstance(drawn_of, Dataset) and not start else "part"
            return {"way": way, "given": given, "never": rows - given, "first": given}
    return None


def _tail(loader: DataLoader[Any], sampler: Any, data: Any) -> Told:
    size = loader.batch_size or 0
    if isinstance(sampler, SequentialSampler) and loader.drop_last and size and len(data) % size:
        return {"way": "tail", "never": len(data) % size, "first": len(data) - len(data) % size}
    return None


def _own(loader: DataLoader[Any], sampler: Any, data: Any) -> Told:
    """Rows that a sampler of the user's leaves out in two passes from two random states."""
    if type(sampler).__module__.startswith("torch.") or not isinstance(sampler, (Sampler, list, tuple, range)):
        return None
    passes = []
    chance = Chance([])
    begun = chance.state()
    try:
        for seed in (1, 2):
            chance.seed(seed)
            positions = _positions(sampler)
            if positions is None:
                return None
            passes.append(positions)
    finally:
        chance.put(begun)
    rows = len(data)
    if passes[0] != passes[1] or not passes[0] <= set(range(rows)) or len(passes[0]) == rows:
        return None
    first = min(set(range(rows)) - passes[0])
    return {"way": "own", "never": rows - len(passes[0]), "first": first, "given": len(passes[0])}


def _positions(sampler: Iterable[Any]) -> set[int] | None:
    """Every position of one pass; None where there are too many, or other things than positions."""
    found: set[int] = set()
    end = time.monotonic() + SECONDS
    for count, item in enumerate(_flat(sampler)):
        if count >= POSITIONS or not isinstance(item, (int, np.integer)) or time.monotonic() > end:
            return None
        found.add(int(item))
    return found


def _flat(sampler: Iterable[Any]) -> Iterator[Any]:
    for item in sampler:
        if isinstance(item, (list, tuple, Tensor, np.ndarray)) and np.ndim(item):
            yield from np.asarray(item).ravel().tolist()
        else:
            yield int(item) if isinstance(item, (Tensor, np.ndarray)) else item


def _fails(data: Any, row: int) -> bool:
    """Whether there is no such row: a data set may also begin anew."""
    try:
        with Reader(Source("", "data", data, None), [row]):
            return False
    except BadInput as error:
        return isinstance(error.__cause__, (IndexError, KeyError))


def _repeats(data: Any, size: int) -> bool:
    """Whether rows repeat after so many, as where an epoch goes through the data several times."""
    if not size:
        return False
    later = sorted({int(place) for place in np.linspace(size, len(data) - 1, 8)})
    rows = [*(row % size for row in later), *later]
    with suppress(BadInput), Reader(Source("", "data", data, None), rows) as reader:
        pairs = [(_alone(reader, row % size), _alone(reader, row)) for row in later]
        return all(a.keys() == b.keys() and all(same(a[key], b[key]) for key in a) for a, b in pairs)
    return False


def _alone(reader: Reader, row: int) -> Parts:
    reader.chance.seed(1)
    found = reader.read([row]).rows[0]
    reader.restore()
    return found


def _distinct(labels: Tensor) -> Tensor:
    """Every value once; by sorting, because numpy's hash table is slow where most values differ."""
    ordered = labels.sort().values
    return ordered[torch.cat([torch.ones(1, dtype=torch.bool), ordered.diff() != 0])]


def labels_of(data: Any) -> Tensor | None:
    """Whole numbers that label rows, of all where they are kept in one place, else of as many as are read in a moment.

    None where labels are something else.
    """
    with (
        suppress(BadInput),
        Reader(Source("", "data", data, None), list(range(0, len(data), len(data) // LABELS + 1))) as reader,
    ):
        labels = kept_labels(data)
        reader.restore()
        if labels is None:
            read = [[part for path, part in row.items() if is_target(path, row)] for row in reader.read().rows]
            if any(len(parts) != 1 or not isinstance(parts[0], np.ndarray) or parts[0].size != 1 for parts in read):
                return None
            labels = torch.tensor([float(parts[0].item()) for parts in read])
        labels = labels.flatten() if labels.ndim == 2 and labels.shape[1] == 1 else labels
        if labels.ndim == 1 and not bool((labels % 1 != 0).any()):
            return labels.long().cpu()
    return None
