"""The task's own loss of given probabilities equals torch's loss, scikit-learn's, and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import log_loss
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe.batches import BadInput
from nbrecipe.bench import Bench
from nbrecipe.evaluation.losses import task_loss, usual_loss
from nbrecipe.task import Kind

RANDOM = np.random.default_rng(0)


def bench(model, x, y, loss_fn):
    return Bench(model=model, loss_fn=loss_fn, train_loader=DataLoader(TensorDataset(x, y), batch_size=32))


def classes(loss_fn, count=5, rows=70):
    torch.manual_seed(0)
    return bench(nn.Linear(4, count), torch.randn(rows, 4), torch.randint(count, (rows,)), loss_fn)


def shares(rows, count):
    p = RANDOM.random((rows, count)) + 0.05
    return p / p.sum(1, keepdims=True)


WEIGHT = torch.tensor([1.0, 2.0, 0.5, 3.0, 1.5])


@pytest.mark.parametrize(
    "loss_fn",
    [
        nn.CrossEntropyLoss(),
        nn.CrossEntropyLoss(weight=WEIGHT),
        nn.CrossEntropyLoss(label_smoothing=0.2),
        nn.CrossEntropyLoss(weight=WEIGHT, label_smoothing=0.1),
        nn.CrossEntropyLoss(ignore_index=2),
        nn.CrossEntropyLoss(weight=WEIGHT, ignore_index=2),
        lambda out, y: F.cross_entropy(out, y),
        lambda out, y: F.nll_loss(F.log_softmax(out, 1), y, weight=WEIGHT),
    ],
)
def test_the_mean_is_what_the_users_loss_gives_for_the_log_of_the_probabilities(loss_fn):
    p, y = shares(40, 5), RANDOM.integers(5, size=40)
    expected = float(loss_fn(torch.tensor(p, dtype=torch.float32).log(), torch.tensor(y)))
    assert task_loss(classes(loss_fn)).mean(p, y) == pytest.approx(expected, rel=1e-5)


def test_uniform_costs_the_log_of_the_classes_and_scikit_learn_agrees():
    loss = task_loss(classes(nn.CrossEntropyLoss()))
    y = RANDOM.integers(5, size=40)
    assert loss.name == "cross-entropy"
    assert loss.kind is Kind.CLASSES
    assert loss.classes == 5
    assert loss.mean(np.full((40, 5), 0.2), y) == pytest.approx(math.log(5))
    p = shares(40, 5)
    assert loss.mean(p, y) == pytest.approx(log_loss(y, p, labels=range(5)))


def test_an_impossible_answer_that_comes_true_costs_infinitely_much_and_one_that_does_not_costs_nothing():
    loss = task_loss(classes(nn.CrossEntropyLoss()))
    p = np.tile([1.0, 0, 0, 0, 0], (2, 1))
    sums, weights = loss.of(p, np.array([0, 1]))
    assert sums.tolist() == [0.0, math.inf]
    assert weights.tolist() == [1.0, 1.0]
    binary = usual_loss(Kind.BINARY)
    assert binary.of(np.array([1.0, 1.0, 0.0]), np.array([1.0, 0.0, 0.0]))[0].tolist() == [0.0, math.inf, 0.0]


def test_ignored_rows_weigh_nothing():
    loss = task_loss(classes(nn.CrossEntropyLoss(ignore_index=2)))
    sums, weights = loss.of(shares(3, 5), np.array([2, 0, 2]))
    assert weights.tolist() == [0.0, 1.0, 0.0]
    assert sums[0] == sums[2] == 0


def test_summed_losses_are_means_over_examples():
    plain, summed = (task_loss(classes(nn.CrossEntropyLoss(reduction=how))) for how in ("mean", "sum"))
    p, y = shares(40, 5), RANDOM.integers(5, size=40)
    assert summed.mean(p, y) == pytest.approx(plain.mean(p, y))


@pytest.mark.parametrize("positives", [None, torch.tensor(4.0)])
def test_yes_or_no(positives):
    loss_fn = nn.BCEWithLogitsLoss(pos_weight=positives)
    p, y = RANDOM.uniform(0.05, 0.95, 30), RANDOM.integers(2, size=30).astype(np.float32)
    loss = task_loss(
        bench(
            nn.Sequential(nn.Linear(4, 1), nn.Flatten(0)), torch.randn(60, 4), (torch.rand(60) > 0.5).float(), loss_fn
        )
    )
    expected = float(loss_fn(torch.tensor(np.log(p / (1 - p))), torch.tensor(y, dtype=torch.float64)))
    assert loss.kind is Kind.BINARY
    assert loss.mean(p, y) == pytest.approx(expected)


def test_several_values_have_as_many_entries():
    loss = task_loss(bench(nn.Linear(4, 3), torch.randn(60, 4), torch.randn(60, 3), nn.MSELoss()))
    given, y = RANDOM.normal(size=(20, 3)), RANDOM.normal(size=(20, 3))
    sums, weights = loss.of(given, y)
    assert np.allclose(sums, ((given - y) ** 2).sum(1))
    assert (weights == 3).all()


def test_tokens_at_every_position_with_padding_left_out():
    vocabulary = 7

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(vocabulary, vocabulary)

        def forward(self, ids):
            return self.table(ids)

    def loss_fn(out, y):
        return F.cross_entropy(out.reshape(-1, vocabulary), y.reshape(-1), ignore_index=0)

    ids = torch.randint(vocabulary, (40, 6))
    loss = task_loss(bench(Model(), ids, ids.roll(-1, 1), loss_fn))
    p = shares(40 * 6, vocabulary).reshape(40, 6, vocabulary)
    y = RANDOM.integers(vocabulary, size=(40, 6))
    expected = float(loss_fn(torch.tensor(p).log(), torch.tensor(y)))
    assert loss.kind is Kind.NEXT_TOKEN
    assert loss.mean(p, y) == pytest.approx(expected)
    assert loss.of(p, y)[1].tolist() == (y != 0).sum(1).tolist()


def test_a_loss_written_by_hand_is_asked_row_by_row():
    def focal(out, y):
        p = out.softmax(1)[torch.arange(len(y)), y]
        return -((1 - p) ** 2 * p.log()).mean()

    p, y = shares(20, 5), RANDOM.integers(5, size=20)
    picked = p[np.arange(20), y]
    loss = task_loss(classes(focal))
    assert loss.name == "focal"
    assert loss.mean(p, y) == pytest.approx(-((1 - picked) ** 2 * np.log(picked)).mean(), rel=1e-5)


def test_without_a_model_the_label_says_which_loss():
    x = torch.randn(60, 4)
    numbers = Bench(train_loader=DataLoader(TensorDataset(x, torch.randn(60)), batch_size=8))
    kinds = Bench(train_loader=DataLoader(TensorDataset(x, torch.randint(3, (60,))), batch_size=8))
    assert task_loss(numbers).name == "squared error"
    assert task_loss(kinds).name == "cross-entropy"


def test_without_a_loss_the_label_says_it_too():
    assert task_loss(classes(None)).name == "cross-entropy"


def test_a_loss_that_takes_the_model_by_hand_is_refused_in_one_sentence():
    def loss_fn(model, batch):
        return model(batch[0]).square().mean()

    with pytest.raises(BadInput, match="not one that other answers can be given to"):
        task_loss(classes(loss_fn))
