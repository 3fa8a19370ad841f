"""Which loaders leave validation rows out or repeat them, and which read the part that somebody chose."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

from nbrecipe import toys
from nbrecipe.checks.evaluation.partial_evaluation import check
from nbrecipe.finding import Finding, Verdict
from nbrecipe.runner import run

GIVEN = toys.classify(rows=100)
DATA = GIVEN.train_data


def judged(loader: Any) -> Finding:
    names = {**GIVEN.names, "val_loader": "val_dl"}
    return run(check, GIVEN.replace(val_loader=loader, names=names)).finding


class Evens(Sampler[int]):
    """Every other row, by a sampler of the user's own."""

    def __iter__(self) -> Any:
        return iter(range(0, 100, 2))

    def __len__(self) -> int:
        return 50


class Buckets(Sampler[list[int]]):
    """Batches of rows that are alike, all of them."""

    def __iter__(self) -> Any:
        return iter([list(range(start, start + 20)) for start in (40, 0, 80, 20, 60)])

    def __len__(self) -> int:
        return 5


class Stream(IterableDataset[Any]):
    """Rows one after the other."""

    def __iter__(self) -> Any:
        return iter([DATA[i] for i in range(50)])


WHOLE = {
    "in order": lambda: DataLoader(DATA, 32),
    "shuffled": lambda: DataLoader(DATA, 32, shuffle=True),
    "one batch": lambda: DataLoader(DATA, 100, drop_last=True),
    "batches that go up": lambda: DataLoader(DATA, 25, drop_last=True),
    "a subset": lambda: DataLoader(Subset(DATA, range(30)), 32),
    "a list of rows": lambda: DataLoader(DATA, 32, sampler=SubsetRandomSampler(range(40))),
    "a process's share": lambda: DataLoader(DATA, 32, sampler=DistributedSampler(DATA, 3, 0, shuffle=False)),
    "a sampler of one's own": lambda: DataLoader(DATA, 32, sampler=Evens()),
    "buckets": lambda: DataLoader(DATA, batch_sampler=Buckets()),
    "batches by a sampler": lambda: DataLoader(DATA, batch_sampler=BatchSampler(SequentialSampler(DATA), 16, False)),
    "row by row": lambda: DataLoader(DATA, 1),
}


@pytest.mark.parametrize("make", WHOLE.values(), ids=WHOLE)
def test_rows_that_are_read_once_or_chosen(make):
    assert judged(make()).verdict is Verdict.OK


PARTS = {
    "last rows": lambda: (DataLoader(DATA, 32, drop_last=True), "leaves out **4** of 100 rows (4.0 %): `drop_last"),
    "shuffled": lambda: (DataLoader(DATA, 64, shuffle=True, drop_last=True), "leaves out **36** of 100 rows"),
    "weights": lambda: (
        DataLoader(DATA, 32, sampler=WeightedRandomSampler([1.0] * 100, 100, generator=toys.seeded())),
        "a WeightedRandomSampler with replacement",
    ),
    "bootstrap": lambda: (
        DataLoader(DATA, 32, sampler=RandomSampler(DATA, replacement=True, generator=toys.seeded())),
        "a RandomSampler with replacement",
    ),
    "a few": lambda: (DataLoader(DATA, 32, sampler=RandomSampler(DATA, num_samples=30)), "its sampler (RandomSampler)"),
}


@pytest.mark.parametrize("make", PARTS.values(), ids=PARTS)
def test_rows_that_are_left_out_are_a_hint(make):
    loader, told = make()
    found = judged(loader)
    assert found.verdict is Verdict.HINT
    assert told in found.message
    assert "drop_last=False" in found.code


def test_what_cannot_be_counted_is_skipped():
    assert judged(DataLoader(Stream(), 32)).verdict is Verdict.SKIPPED
    assert judged(list(DataLoader(DATA, 32))).verdict is Verdict.SKIPPED


def test_data_without_a_loader_are_read_whole():
    found = run(check, GIVEN.replace(val_data=DATA)).finding
    assert found.verdict is Verdict.OK


def test_the_loader_draws_afterwards_as_it_would_have():
    loader = DataLoader(DATA, 64, shuffle=True, drop_last=True, generator=toys.seeded())
    expected = [y for _, y in DataLoader(DATA, 64, shuffle=True, drop_last=True, generator=toys.seeded())]
    judged(loader)
    assert all(torch.equal(a, b) for a, b in zip(expected, (y for _, y in loader), strict=True))
