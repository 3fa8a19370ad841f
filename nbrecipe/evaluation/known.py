"""The model's answers to validation and training data, each found once however many checks ask."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import BatchSampler, DataLoader, IterableDataset, Subset

from ..batches import BadInput, batch_size
from ..bench import Bench, Missing
from ..task import Kind
from .answers import Answers
from .passing import Passed, passed

#: seconds that a check may wait for the answers of a split; `%evaluate` reads it whole
SECONDS = 30.0
#: training rows that are answered
ROWS = 2000
#: accuracy on training rows, and standard errors above the largest class, from which on a model has learned them
LEARNED, SURE = 0.5, 4.0
#: label → answer → rows
Table = dict[int, dict[int, int]]


def val_passed(bench: Bench) -> Passed:
    """The answers to the validation data, to those of the first half minute. Raises what `passed` does."""
    return passed(bench, seconds=SECONDS)


def train_passed(bench: Bench) -> Passed:
    """The answers to at most 2000 training rows: drawn at random with seed 0, or the first ones of a stream.

    Raises what `passed` does.
    """
    if bench.train_loader is not None:
        some: Any = drawn(bench.train_loader)
        return passed(bench.replace(train_loader=some, train_data=None), "train", seconds=SECONDS)
    data = bench.train_data
    if data is None:
        raise Missing("train_loader")
    if hasattr(data, "__getitem__") and hasattr(data, "__len__") and not isinstance(data, (tuple, list, dict)):
        data = _some(data)
    return passed(bench.replace(train_data=data), "train", seconds=SECONDS)


def trained_on(bench: Bench) -> Passed | None:
    """The same; None where there are no training data, or where they cannot be answered."""
    try:
        return bench.once(train_passed)
    except (Missing, BadInput):
        return None


def table_of(answers: Answers) -> Table:
    """How often each class got each answer; empty where the answers are no classes, one for each row."""
    target, answer = answers.target, answers.answer
    if answers.kind not in (Kind.CLASSES, Kind.BINARY) or target is None or answer is None:
        return {}
    target, answer = target.reshape(-1), answer.reshape(-1)
    if len(target) != len(answers) or len(answer) != len(answers):
        return {}
    with np.errstate(invalid="ignore"):
        kept = np.isfinite(target) & np.isfinite(answer) & (target >= 0) & (answer >= 0) & (target == target.round())
    pairs, counts = np.unique(np.stack([target[kept], answer[kept]]).astype(np.int64), axis=1, return_counts=True)
    found: Table = {}
    for (label, said), count in zip(pairs.T.tolist(), counts.tolist(), strict=True):
        found.setdefault(label, {})[said] = count
    return found


def has_learned(bench: Bench) -> bool:
    """Whether training rows are answered by their own labels, far more often than the largest class would be."""
    found = trained_on(bench)
    table = {} if found is None else table_of(found.answers)
    sizes = [sum(row.values()) for row in table.values()]
    rows = sum(sizes)
    if len(sizes) < 2:
        return False
    accuracy, share = sum(row.get(label, 0) for label, row in table.items()) / rows, max(sizes) / rows
    return accuracy > max(LEARNED, share + SURE * 0.5 / math.sqrt(rows))


def drawn(loader: Any, most: int = ROWS) -> Any:
    """A loader of at most so many rows, made into batches as the user's makes them."""
    if hasattr(loader, "__next__"):
        return loader  # refused in one sentence where it is read
    plain = isinstance(loader, DataLoader) and type(loader.batch_sampler) is BatchSampler
    data = loader.dataset if isinstance(loader, DataLoader) else None
    if not plain or isinstance(data, IterableDataset) or not hasattr(data, "__len__"):
        return _First(loader, most)
    return DataLoader(_some(data, most), batch_size=loader.batch_size, collate_fn=loader.collate_fn)


def _some(data: Any, most: int = ROWS) -> Subset[Any]:
    rows = torch.randperm(len(data), generator=torch.Generator().manual_seed(0))[:most]
    return Subset(data, sorted(rows.tolist()))


class _First:
    """The first batches of a loader."""

    def __init__(self, loader: Any, most: int) -> None:
        self._loader, self._most = loader, most

    def __iter__(self) -> Iterator[Any]:
        done = 0
        for batch in self._loader:
            yield batch
            done += batch_size(batch)
            if done >= self._most:
                return
