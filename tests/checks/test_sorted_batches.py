"""A watched loop whose batches bring class after class is named; batches of one class by design are not."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import pytest
import torch
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, IterableDataset, TensorDataset

from nbrecipe import toys
from nbrecipe.checks.data.sorted_data import entropy_by_chance, in_blocks_by_chance
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

CHECK = all_checks()["sorted-data"]
ROWS = 480


def rows(labels, features=6):
    y = torch.as_tensor(labels)
    return TensorDataset(torch.randn(len(y), features, generator=toys.seeded()), y)


def blocks(classes=6):
    return torch.arange(ROWS) * classes // ROWS


def judged(train_dl, *, epochs=2, loss_fn=None, net=None, step=None, source=""):
    """The finding for a loop over a loader."""
    net = net or nn.Linear(6, 12)
    loss_fn = loss_fn or nn.CrossEntropyLoss()
    opt = torch.optim.SGD(net.parameters(), lr=0.01)

    def program():
        for _ in range(epochs):
            for x, y in train_dl:
                opt.zero_grad()
                (step(net, x, y) if step else loss_fn(net(x), y)).backward()
                opt.step()

    bench = toys.watched(program, net=net, opt=opt, train_dl=train_dl)
    bench.trace.source += source
    return run(CHECK, bench).finding


@pytest.mark.parametrize("size", [8, 20])
@pytest.mark.parametrize("labels", [blocks(), blocks(3).flip(0), blocks(2), blocks().byte()])
def test_class_after_class_is_a_fault(labels, size):
    finding = judged(DataLoader(rows(labels), batch_size=size))
    assert finding.verdict is Verdict.BAD
    assert "and class follows class: " in finding.message
    assert finding.code == f"train_dl = DataLoader(train_dl.dataset, batch_size={size}, shuffle=True)"
    assert "for x, y in train_dl:" in finding.where


def test_it_is_seen_where_the_first_class_fills_many_batches():
    data = rows(torch.arange(4000) * 4 // 4000)
    assert judged(DataLoader(data, batch_size=10), epochs=1).verdict is Verdict.BAD


class Stream(IterableDataset):
    def __init__(self, data):
        self.data = data

    def __iter__(self):
        return (self.data[i] for i in range(len(self.data)))


def test_streams_and_samplers_of_the_users_own_are_worth_a_look():
    data = rows(blocks())
    finding = judged(DataLoader(Stream(data), batch_size=16))
    assert (finding.verdict, finding.fix, finding.code) == (Verdict.HINT, "Shuffle them through a large buffer.", "")
    own = [list(range(low, low + 16)) for low in range(0, ROWS, 16)]
    assert judged(DataLoader(data, batch_sampler=own)).verdict is Verdict.HINT


def test_what_is_meant_or_learns_no_class_is_worth_a_look_at_most():
    data = rows(blocks())
    assert judged(DataLoader(data, batch_size=16), source="# continual learning").verdict is Verdict.HINT
    squares = lambda net, x, y: (net(x)[:, 0] - y.float()).square().mean()  # noqa: E731
    assert judged(DataLoader(data, batch_size=16), step=squares).verdict is Verdict.HINT


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("classes", [2, 6, 40])
def test_shuffled_rows_are_quiet(seed, classes):
    torch.manual_seed(seed)
    labels = torch.randint(classes, (ROWS,))
    assert judged(DataLoader(rows(labels), batch_size=8), net=nn.Linear(6, 40)).verdict is Verdict.OK
    shuffled = DataLoader(rows(blocks(classes)), batch_size=8, shuffle=True)
    assert judged(shuffled, net=nn.Linear(6, 40)).verdict is Verdict.OK


class Episodes:
    """Batches of one class each, drawn at random."""

    def __init__(self, labels, batches=40):
        self.labels, self.batches = labels, batches

    def __len__(self):
        return self.batches

    def __iter__(self):
        for _ in range(self.batches):
            there = (self.labels == self.labels[torch.randint(len(self.labels), (1,))]).nonzero()[:, 0]
            yield there[torch.randperm(len(there))[:8]].tolist()


class Text(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.out = nn.Embedding(20, 8), nn.Linear(8, 20)

    def forward(self, ids):
        return self.out(self.table(ids)).transpose(1, 2)


def quiet():
    lengths = torch.arange(ROWS) * 7 % 6
    one_by_one = torch.arange(ROWS) // 8 % 6  # each batch of eight holds one class, and they take turns
    rare = torch.zeros(ROWS, dtype=torch.long)
    rare[-3:] = 1
    ids = torch.arange(ROWS)[:, None] // 80 + torch.arange(5)
    return {
        "episodes of one class": (DataLoader(rows(blocks()), batch_sampler=Episodes(blocks())), {}),
        "batches of one class that take turns": (DataLoader(rows(one_by_one), batch_size=8), {}),
        "one class alone": (DataLoader(rows(torch.full((ROWS,), 3)), batch_size=8), {}),
        "labels that take turns": (DataLoader(rows(lengths), batch_size=8), {}),
        "a rare class at the end": (DataLoader(rows(rare), batch_size=8), {}),
        "language modelling": (DataLoader(TensorDataset(ids, (ids + 1) % 20), batch_size=8), {"net": Text()}),
        "a few large batches": (DataLoader(rows(blocks()), batch_size=160), {}),
        "halves of everything": (DataLoader(rows(blocks()), batch_size=240), {"epochs": 6}),
        "drawn by weight": (
            DataLoader(
                rows(blocks()), batch_size=8, sampler=torch.utils.data.WeightedRandomSampler([1.0] * ROWS, ROWS)
            ),
            {},
        ),
        "shuffled among neighbours": (
            DataLoader(rows(lengths), batch_sampler=BatchSampler(torch.utils.data.RandomSampler(range(ROWS)), 8, True)),
            {},
        ),
    }


@pytest.mark.parametrize("name", quiet())
def test_other_orders_are_quiet(name):
    loader, more = quiet()[name]
    assert judged(loader, **more).verdict in (Verdict.OK, Verdict.SKIPPED)


def test_a_loader_for_evaluation_is_not_judged():
    net, train_dl = nn.Linear(6, 12), DataLoader(rows(blocks()), batch_size=8, shuffle=True)
    val_dl, opt = DataLoader(rows(blocks()), batch_size=8), torch.optim.SGD(net.parameters(), lr=0.01)

    def program():
        for x, y in train_dl:
            opt.zero_grad()
            nn.functional.cross_entropy(net(x), y).backward()
            opt.step()
        with torch.no_grad():
            for x, y in val_dl:
                nn.functional.cross_entropy(net(x), y)

    bench = toys.watched(program, net=net, opt=opt, train_dl=train_dl, val_dl=val_dl)
    assert run(CHECK, bench).finding.verdict is Verdict.OK


@pytest.mark.parametrize("counts", [(2, 2), (3, 1, 2), (1, 4), (2, 2, 2)])
def test_the_chance_of_blocks_is_that_among_all_orders(counts):
    labels = [c for c, n in enumerate(counts) for _ in range(n)]
    orders = set(itertools.permutations(labels))
    together = [order for order in orders if sum(1 for _ in itertools.groupby(order)) == len(counts)]
    assert in_blocks_by_chance(labels) == pytest.approx(len(together) / len(orders))
    assert in_blocks_by_chance([0, 1, 0]) == 1.0


def test_the_entropy_of_batches_is_that_of_all_batches():
    labels, size = [0] * 4 + [1] * 3 + [2], 4
    entropies = [
        -sum(n / size * math.log(n / size) for n in Counter(some).values())
        for some in itertools.combinations(labels, size)
    ]
    mean, deviation = entropy_by_chance({0: 4, 1: 3, 2: 1}, 2)
    assert mean == pytest.approx(sum(entropies) / len(entropies), abs=0.06)
    assert deviation == pytest.approx(torch.tensor(entropies).std(correction=0).item(), abs=0.05)
