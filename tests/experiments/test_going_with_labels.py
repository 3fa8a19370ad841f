"""Answers that go with the labels of their rows are told from those that do not, whatever their loss is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe.bench import Bench
from nbrecipe.checks.evaluation import input_independent
from nbrecipe.evaluation.answers import Answers
from nbrecipe.experiments.inputless.following import following
from nbrecipe.task import Kind

ROWS = 200


def answers(kind, told, seed=0):
    """Answers that know the labels a little (`told`), or not at all; much too sure of themselves."""
    g = np.random.default_rng(seed)
    if kind is Kind.CLASSES:
        target = g.integers(0, 3, ROWS)
        scores = 20 * g.normal(size=(ROWS, 3)) + told * 12 * np.eye(3)[target]
        shares = torch.tensor(scores).softmax(1).numpy()
        return Answers("net", kind, np.arange(ROWS), target=target, probabilities=shares, answer=shares.argmax(1))
    shape = {Kind.BINARY: (ROWS,), Kind.MULTILABEL: (ROWS, 4), Kind.REGRESSION: (ROWS, 2)}[kind]
    target = g.normal(size=shape) if kind is Kind.REGRESSION else (g.random(shape) < 0.2).astype(float)
    scores = 10 * g.normal(size=shape) + told * 10 * target
    shares = None if kind is Kind.REGRESSION else 1 / (1 + np.exp(-scores))
    return Answers("net", kind, np.arange(ROWS), target=target, probabilities=shares, answer=scores)


KINDS = [Kind.CLASSES, Kind.BINARY, Kind.MULTILABEL, Kind.REGRESSION]


@pytest.mark.parametrize("kind", KINDS)
def test_what_knows_a_little_goes_with_the_labels(kind):
    assert following(answers(kind, 1)) < 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_what_knows_nothing_seldom_does(kind):
    below = sum(following(answers(kind, 0, seed)) < 0.05 for seed in range(60))
    assert below <= 9  # of 60 about 3 by chance; more than 9 in one of 500 runs


def test_one_answer_for_all_goes_with_none():
    target = np.arange(ROWS) % 3
    same = np.tile([0.2, 0.5, 0.3], (ROWS, 1))
    told = Answers("net", Kind.CLASSES, np.arange(ROWS), target=target, probabilities=same, answer=same.argmax(1))
    assert following(told) == 1


def test_a_net_that_is_too_sure_reads_its_inputs_all_the_same():
    g = torch.Generator().manual_seed(1)
    x = torch.randn(1200, 8, generator=g)
    y = ((x[:, 0] + 0.5 * x[:, 1] + 0.5 * torch.randn(1200, generator=g)) > 2).float()[:, None]
    train, val = (DataLoader(TensorDataset(x[p], y[p]), batch_size=64) for p in (slice(800), slice(800, None)))
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 1))
    loss = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([20.0]))
    opt = torch.optim.Adam(net.parameters(), lr=2e-2)
    bench = Bench(model=net, loss_fn=loss, train_loader=train, val_loader=val, optimizer=opt)
    found = input_independent.check.judge({"model": net, "bench": bench})
    assert str(found.verdict) == "ok", found
    assert "its answers go with the labels all the same" in found.message
