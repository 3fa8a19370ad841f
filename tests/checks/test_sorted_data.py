"""Rows that are trained on class by class are named; other orders, samplers and large batches are fine."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, RandomSampler, Subset, TensorDataset

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.checks.data.sorted_data import changes_by_chance
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

CHECK = all_checks()["sorted-data"]


def found(labels, *, size=20, **loader):
    y = torch.as_tensor(np.asarray(labels))
    data = TensorDataset(torch.randn(len(y), 3, generator=toys.seeded()), y)
    return run(CHECK, Bench(train_loader=DataLoader(data, batch_size=size, **loader))).finding


BLOCKS = np.repeat(np.arange(5), 60)


@pytest.mark.parametrize("counts", [(3, 4), (2, 2, 3), (1, 5, 1), (4, 4)])
def test_the_changes_of_a_random_order_are_those_of_all_orders(counts):
    rows = [c for c, n in enumerate(counts) for _ in range(n)]
    changes = [sum(a != b for a, b in itertools.pairwise(order)) for order in itertools.permutations(rows)]
    mean, deviation = changes_by_chance(list(counts))
    assert mean == pytest.approx(np.mean(changes))
    assert deviation == pytest.approx(np.std(changes))


@pytest.mark.parametrize("labels", [BLOCKS, BLOCKS[::-1].copy(), (BLOCKS > 1).astype(np.float32)[:, None]])
def test_classes_one_after_another_are_a_fault(labels):
    assert found(labels).verdict is Verdict.BAD
    assert found(labels, shuffle=True).verdict is Verdict.OK
    assert found(labels, sampler=RandomSampler(range(300))).verdict is Verdict.OK
    assert found(labels, size=150).verdict is Verdict.OK


def test_the_line_to_paste_shuffles():
    finding = found(BLOCKS)
    assert finding.code == "train_loader = DataLoader(train_loader.dataset, batch_size=20, shuffle=True)"
    assert "changes **4** times in 300 rows" in finding.message


def test_runs_that_return_are_worth_a_look():
    assert found(np.tile(BLOCKS, 3)).verdict is Verdict.HINT
    assert found(np.repeat(np.arange(60) % 5, 5)).verdict is Verdict.OK  # four runs in a batch


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.99, 0.01), (0.4, 0.3, 0.2, 0.1), (0.02,) * 50])
def test_random_orders_are_fine(seed, shares):
    y = np.random.default_rng(seed).choice(len(shares), 400, p=np.array(shares) / sum(shares))
    assert found(y).verdict is Verdict.OK


def test_a_batch_sampler_of_ones_own_decides_the_order():
    episodes = [list(range(k * 60, k * 60 + 20)) for k in (3, 1, 4)]  # one class each, as few-shot learning has them
    data = TensorDataset(torch.randn(300, 3), torch.as_tensor(BLOCKS))
    assert run(CHECK, Bench(train_loader=DataLoader(data, batch_sampler=episodes))).finding.verdict is Verdict.OK


def test_a_subset_in_another_order_is_read_in_that_order():
    data = TensorDataset(torch.randn(300, 3), torch.as_tensor(BLOCKS))
    mixed = Subset(data, torch.randperm(300, generator=toys.seeded()).tolist())
    assert run(CHECK, Bench(train_loader=DataLoader(mixed, batch_size=20))).finding.verdict is Verdict.OK


class Stream(IterableDataset):
    def __iter__(self):
        yield from ((torch.ones(3) * i, int(y)) for i, y in enumerate(BLOCKS))


def test_a_stream_in_blocks_is_worth_a_look():
    assert run(CHECK, Bench(train_loader=DataLoader(Stream(), batch_size=20))).finding.verdict is Verdict.HINT


def test_data_without_a_loader_are_worth_a_look():
    data = TensorDataset(torch.randn(300, 3), torch.as_tensor(BLOCKS))
    assert run(CHECK, Bench(train_data=data)).finding.verdict is Verdict.HINT


@pytest.mark.parametrize(
    "labels",
    [
        np.linspace(0, 1, 300),
        np.stack([BLOCKS, BLOCKS, BLOCKS], 1),
        np.zeros(300, np.int64),
        (np.arange(1200).reshape(300, 4) % 3 == 0).astype(np.float32),
    ],
)
def test_what_is_no_class_has_no_order(labels):
    assert found(labels).verdict in (Verdict.OK, Verdict.SKIPPED)


def test_whole_numbers_that_are_learned_as_numbers_are_no_classes():
    years = np.repeat(np.arange(1990, 1995), 60).astype(np.float32)[:, None]
    x = torch.randn(300, 3, generator=toys.seeded())
    loader = DataLoader(TensorDataset(x, torch.as_tensor(years)), batch_size=20)
    given = Bench(model=nn.Linear(3, 1), loss_fn=nn.MSELoss(), train_loader=loader)
    assert run(CHECK, given).finding.verdict is Verdict.HINT
