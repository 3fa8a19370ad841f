"""Outputs that lose the axis of the batch when it holds one example, and outputs that keep it."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, SubsetRandomSampler, TensorDataset

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.checks.model import squeezed_batch
from nbrecipe.checks.model.squeezed_batch import Squeezed
from nbrecipe.finding import Finding


def judged(bench: Bench) -> Finding:
    return squeezed_batch.run(model=bench.get("model"), batch=bench.get("batch"), bench=bench)


def scores(net: nn.Module, rows: int, **loader: object) -> Bench:
    x = torch.randn(rows, 10, generator=toys.seeded())
    data = TensorDataset(x, x[:, 0])
    return Bench(
        model=net, loss_fn=nn.MSELoss(), batch=(x[:16], x[:16, 0]), train_loader=DataLoader(data, **loader),
        names={"train_loader": "train_dl"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "loader", "verdict"),
    [
        (33, {"batch_size": 16}, "bad"),
        (33, {"batch_size": 1}, "bad"),
        (64, {"batch_size": 16, "sampler": SubsetRandomSampler(range(17))}, "bad"),
        (33, {"batch_size": 16, "drop_last": True}, "hint"),
        (32, {"batch_size": 16}, "hint"),
        (33, {"batch_size": None}, "hint"),
    ],
)
def test_it_is_a_fault_where_a_loader_gives_a_batch_of_one(rows, loader, verdict):
    assert judged(scores(Squeezed(None), rows, **loader)).verdict == verdict


def test_the_shapes_are_told():
    assert judged(scores(Squeezed(None), 33, batch_size=16)).message == (
        "a batch of one row gives an output of shape **()**, where (2,) for two rows asks for **(1,)**; "
        "`train_dl` gives a batch of one row"
    )


class Pairs(nn.Linear):
    def forward(self, x):
        return super().forward(x) @ super().forward(x).T


class Refusing(nn.Linear):
    def forward(self, x):
        assert len(x) > 1
        return super().forward(x)


@pytest.mark.parametrize(
    ("net", "verdict"),
    [
        (nn.Sequential(nn.Linear(10, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)), "ok"),
        (nn.Sequential(nn.Linear(10, 1), nn.Flatten(0)), "ok"),
        (Pairs(10, 3), "skipped"),
        (Refusing(10, 3), "skipped"),
    ],
)
def test_other_shapes(net, verdict):
    assert judged(scores(net, 33, batch_size=16)).verdict == verdict
