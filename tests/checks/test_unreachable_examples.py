"""Samplers of many kinds: rows that are never drawn are named, subsets that are meant are not."""

import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

ROWS = 120


def data(rows=ROWS, classes=4):
    return TensorDataset(torch.rand(rows, 3, generator=toys.seeded()), torch.arange(rows) % classes)


class Read(Dataset):
    """Labels that are kept nowhere by a usual name."""

    def __init__(self, rows=ROWS, classes=4, times=1):
        self.rows, self.classes, self.times = rows, classes, times

    def __len__(self):
        return self.rows * self.times

    def __getitem__(self, i):
        if i >= len(self):
            raise IndexError(i)
        i = i % self.rows
        return torch.full((3,), float(i)), i % self.classes


class Ring(Read):
    """Any position is one of its rows."""

    def __getitem__(self, i):
        return torch.full((3,), float(i % self.rows)), i % self.classes


def told(loader, val=None):
    return run(all_checks()["unreachable-examples"], Bench(train_loader=loader, val_loader=val)).finding


def weighted(length, rows=ROWS, **more):
    return WeightedRandomSampler(torch.ones(length).tolist(), rows, **more)


SPREAD = list(range(0, ROWS, 3))
NEVER = {
    "weights of classes": (lambda: DataLoader(data(), 8, sampler=weighted(4)), "4** weights, as many as there are"),
    "of classes read": (lambda: DataLoader(Read(), 8, sampler=weighted(4)), "rows from 4 on are never drawn"),
    "of ten classes": (lambda: DataLoader(Read(500, 10), 8, sampler=weighted(10)), "10** weights"),
    "in a subset": (lambda: DataLoader(Subset(data(), SPREAD), 8, sampler=weighted(4)), "4** weights"),
    "weights of the whole": (lambda: DataLoader(Subset(data(), SPREAD), 8, sampler=weighted(ROWS)), "position **119**"),
    "positions": (
        lambda: DataLoader(Subset(data(), SPREAD), 8, sampler=SubsetRandomSampler(SPREAD)),
        "there is no position **117**",
    ),
    "beyond": (lambda: DataLoader(data(50), 8, sampler=SubsetRandomSampler(SPREAD)), "position **117** of 50 rows"),
    "other sampler": (lambda: DataLoader(data(), 8, sampler=RandomSampler(data(30))), "of **30** rows: 90 of 120 rows"),
    "in order": (lambda: DataLoader(data(), 8, sampler=SequentialSampler(data(30))), "90 of 120 rows are never drawn"),
    "too many": (lambda: DataLoader(data(30), 8, sampler=RandomSampler(data())), "draws position **119** of 30 rows"),
    "distributed": (
        lambda: DataLoader(data(), 8, sampler=DistributedSampler(data(30), num_replicas=2, rank=0)),
        "of **30** rows",
    ),
    "no batch": (lambda: DataLoader(data(), 128, drop_last=True), "gives **no** batch of its 120 rows"),
    "no batch of a subset": (
        lambda: DataLoader(data(), 64, sampler=SubsetRandomSampler(SPREAD), drop_last=True),
        "no** batch of its 40 rows: batches of 64 do not fill",
    ),
    "empty": (lambda: DataLoader(data(), 8, sampler=SubsetRandomSampler([])), "no** batch of its 0 rows"),
    "in batches": (
        lambda: DataLoader(data(), batch_sampler=BatchSampler(weighted(4), 8, drop_last=False)),
        "4** weights",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "said"), NEVER.values(), ids=NEVER)
def test_rows_that_are_never_drawn_are_named(make, said):
    found = told(make())
    assert found.verdict is Verdict.BAD, found.message
    assert said in found.message


def test_the_validation_loader_is_read_too():
    found = told(DataLoader(data(), 8), DataLoader(data(), 8, sampler=weighted(4)))
    assert found.message.startswith("the WeightedRandomSampler of `val_loader` has **4** weights")


class Balanced(Sampler):
    """As many rows of each class, drawn at random, with replacement."""

    def __iter__(self):
        yield from torch.randint(ROWS, (ROWS,)).tolist()

    def __len__(self):
        return ROWS


class ByLength(Sampler):
    """All rows, sorted; in batches of lists."""

    def __iter__(self):
        yield from (list(range(at, min(at + 10, ROWS))) for at in range(0, ROWS, 10))

    def __len__(self):
        return ROWS // 10


class Episodes(Sampler):
    """A few classes and a few rows of them, anew each time."""

    def __iter__(self):
        for _ in range(3):
            yield torch.randperm(ROWS)[:20]

    def __len__(self):
        return 3


class Named(Sampler):
    def __iter__(self):
        yield from "abc"

    def __len__(self):
        return 3


class Stream(IterableDataset):
    def __iter__(self):
        yield torch.rand(3)


RIGHT = {
    "plain": lambda: DataLoader(data(), 8),
    "shuffled": lambda: DataLoader(data(), 8, shuffle=True),
    "dropped": lambda: DataLoader(data(), 50, shuffle=True, drop_last=True),
    "dropped in order, in training": lambda: DataLoader(data(), 50, drop_last=True),
    "weights of rows": lambda: DataLoader(data(), 8, sampler=weighted(ROWS)),
    "weights of rows as a tensor": lambda: DataLoader(data(), 8, sampler=WeightedRandomSampler(torch.ones(ROWS), 9)),
    "fewer draws": lambda: DataLoader(data(), 8, sampler=weighted(ROWS, 20)),
    "without replacement": lambda: DataLoader(data(), 8, sampler=weighted(ROWS, 60, replacement=False)),
    "as many rows as classes": lambda: DataLoader(data(4), 2, sampler=weighted(4, 4)),
    "some rows without weight": lambda: DataLoader(
        data(), 8, sampler=WeightedRandomSampler((torch.arange(ROWS) < 60).double().tolist(), 60)
    ),
    "several times through": lambda: DataLoader(Read(times=5), 8, sampler=weighted(ROWS)),
    "through a random order several times": lambda: DataLoader(Read(times=2), 8, sampler=RandomSampler(Read())),
    "round and round": lambda: DataLoader(Ring(), 8, sampler=weighted(5 * ROWS)),
    "a subset": lambda: DataLoader(Subset(data(), SPREAD), 8, shuffle=True),
    "a subset by its sampler": lambda: DataLoader(data(), 8, sampler=SubsetRandomSampler(SPREAD)),
    "all of a subset": lambda: DataLoader(Subset(data(), SPREAD), 8, sampler=SubsetRandomSampler(range(40))),
    "the first rows": lambda: DataLoader(data(), 8, sampler=RandomSampler(range(30))),
    "the first rows as a subset": lambda: DataLoader(
        data(), 8, sampler=SequentialSampler(Subset(data(), range(30)))
    ),
    "a sample of an epoch": lambda: DataLoader(data(), 8, sampler=RandomSampler(data(), num_samples=16)),
    "distributed": lambda: DataLoader(data(), 8, sampler=DistributedSampler(data(), num_replicas=8, rank=3)),
    "balanced": lambda: DataLoader(data(), 8, sampler=Balanced()),
    "by length": lambda: DataLoader(data(), batch_sampler=ByLength()),
    "episodes": lambda: DataLoader(data(), batch_sampler=Episodes()),
    "names": lambda: DataLoader(dict.fromkeys("abc", 1), sampler=Named()),
    "a list of all": lambda: DataLoader(data(), 8, sampler=list(reversed(range(ROWS)))),
    "joined": lambda: DataLoader(ConcatDataset([data(), data(30)]), 8, sampler=weighted(150)),
    "single": lambda: DataLoader(data(), batch_size=None),
    "rows": lambda: DataLoader([1, 2, 3], 2, shuffle=True),
}  # fmt: skip


@pytest.mark.parametrize("make", RIGHT.values(), ids=RIGHT)
def test_what_is_drawn_on_purpose_is_right(make):
    found = told(make())
    assert found.verdict is Verdict.OK, found.message


MAYBE = {
    "fewer weights than rows": (DataLoader(data(), 8, sampler=weighted(90)), None),
    "a class without weight": (
        DataLoader(data(), 8, sampler=WeightedRandomSampler((torch.arange(ROWS) % 4).double().tolist(), ROWS)),
        None,
    ),
    "validation drops its last": (DataLoader(data(), 8), DataLoader(data(50), 16, drop_last=True)),
    "a list of some": (DataLoader(data(), 8, sampler=SPREAD), None),
}


@pytest.mark.parametrize(("loader", "val"), MAYBE.values(), ids=MAYBE)
def test_what_may_be_meant_is_a_hint(loader, val):
    assert told(loader, val).verdict is Verdict.HINT


def test_the_rest_of_a_list_is_for_another_loader():
    whole = data()
    rest = [row for row in range(ROWS) if row not in SPREAD]
    assert told(DataLoader(whole, 8, sampler=SPREAD), DataLoader(whole, 8, sampler=rest)).verdict is Verdict.OK


def test_labels_without_weight_are_told():
    weights = (torch.arange(ROWS) % 4).double().tolist()
    found = told(DataLoader(data(), 8, sampler=WeightedRandomSampler(weights, ROWS)))
    assert "gives all **30** rows of label 0 the weight 0" in found.message


def test_random_states_and_data_are_as_they_were():
    class Mutating(Read):
        kept = torch.arange(1.0, ROWS + 1)[:, None].repeat(1, 3)

        def __getitem__(self, i):
            self.kept[i] *= 2
            return self.kept[i] * torch.rand(3), i % 4

    before = torch.get_rng_state()
    assert told(DataLoader(Mutating(), 8, sampler=weighted(4))).verdict is Verdict.BAD
    told(DataLoader(data(), 8, sampler=Balanced()))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(Mutating.kept[:, 0], torch.arange(1.0, ROWS + 1))


@pytest.mark.parametrize("loader", [DataLoader(Stream()), [torch.rand(3)]])
def test_what_has_no_sampler_is_skipped(loader):
    found = told(loader)
    assert (found.verdict, found.message) == (Verdict.SKIPPED, "no loader draws its rows by a sampler")
