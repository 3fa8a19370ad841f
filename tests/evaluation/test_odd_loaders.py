"""Loaders and models that newcomers bring: what is raised on the way, labels that do not count, other dtypes."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as sk
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import nbrecipe
from nbrecipe.batches import BadInput
from nbrecipe.evaluation.measures import Confusion
from nbrecipe.experiments.ladder.climb import MODEL

LOSS = nn.CrossEntropyLoss()


def data(count=60, classes=3):
    g = torch.Generator().manual_seed(0)
    return torch.randn(count, 5, generator=g), torch.randint(classes, (count,), generator=g)


class Raising(Dataset):
    """Row 25 cannot be read."""

    def __init__(self):
        self.x, self.y = data()

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        if i == 25:
            raise OSError("no such file: 25.png\nand more")
        return self.x[i], self.y[i]


@pytest.mark.parametrize("workers", [0, 1])
def test_what_the_data_set_raises_is_one_sentence(workers):
    loader = DataLoader(Raising(), batch_size=10, num_workers=workers)
    with pytest.raises(BadInput, match=r"^`val` cannot be read beyond batch 2: OSError: no such file: 25.png"):
        nbrecipe.evaluate(nn.Linear(5, 3), loader, loss_fn=LOSS, names={"val_loader": "val"})


def test_a_row_that_raises_costs_the_ladder_its_model_alone():
    x, y = data()
    train = DataLoader(TensorDataset(x, y), batch_size=10)
    val = DataLoader(Raising(), batch_size=10)
    found = nbrecipe.baseline(train, val, model=nn.Linear(5, 3), loss_fn=LOSS)
    rungs = {rung.id: rung for rung in found.ladder.rungs}
    assert "OSError: no such file: 25.png" in rungs[MODEL].refused
    assert len(rungs["linear"].answers) == 59
    assert "inputs zeroed" not in rungs, "what the model cannot be asked is said once"


def test_a_loader_that_drops_all_its_rows_says_why():
    x, y = data(5)
    loader = DataLoader(TensorDataset(x, y), batch_size=16, drop_last=True)
    with pytest.raises(BadInput, match="its 5 rows are fewer than one batch of 16 and drop_last=True leaves them out"):
        nbrecipe.evaluate(nn.Linear(5, 3), loader, loss_fn=LOSS)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_a_model_of_another_dtype(dtype):
    x, y = data()
    loader = DataLoader(TensorDataset(x.to(dtype), y), batch_size=16)
    net = nn.Linear(5, 3).to(dtype)
    found = nbrecipe.evaluate(net, loader, loss_fn=LOSS)
    right = (net(x.to(dtype)).argmax(1) == y).float().mean()
    assert found.score("accuracy").value == pytest.approx(float(right))
    assert net.weight.dtype is dtype


def test_classes_that_are_not_told_count_among_the_others():
    x, y = data(200, 60)
    found = nbrecipe.evaluate(nn.Linear(5, 60), (x, y), loss_fn=LOSS)
    part = found.shown.classes
    assert part.left > 0
    assert "each against all others of 200 rows" in part.method


@pytest.mark.parametrize("classes", [5, 60])
def test_counts_of_few_and_of_many_classes_equal_scikit_learn(classes):
    g = np.random.default_rng(0)
    target, answer = g.integers(0, classes, 150), g.integers(0, classes, 150)
    measure = Confusion(target, answer)
    drawn = g.integers(0, 150, (4, 150))
    for rows, balanced, f1 in zip(drawn, measure.balanced(drawn), measure.f1(drawn), strict=True):
        assert f1 == pytest.approx(sk.f1_score(target[rows], answer[rows], average="macro"))
        there = np.unique(target[rows])
        found = sk.recall_score(target[rows], answer[rows], labels=there, average="macro", zero_division=0)
        assert balanced == pytest.approx(found)


def test_labels_that_the_loss_ignores_are_one_sentence():
    x, _ = data()
    with pytest.raises(BadInput, match="no row of `val` has a label that counts: the loss ignores every one of them"):
        nbrecipe.evaluate(nn.Linear(5, 3), (x, torch.full((60,), -100)), loss_fn=LOSS, names={"val_loader": "val"})


def test_a_second_model_without_a_name():
    x, y = data()
    same = nbrecipe.evaluate(nn.Linear(5, 3), (x, y), loss_fn=LOSS, against=nn.Linear(5, 3))
    assert "`model` against `the second model`" in same.shown.against[0]
    other = nbrecipe.evaluate(nn.Linear(5, 3), (x, y), loss_fn=LOSS, against=nn.Sequential(nn.Linear(5, 3)))
    assert "`model` against `Sequential`" in other.shown.against[0]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("roc_auc_score", lambda y, p: sk.roc_auc_score(y, p)),
        ("AUROC", lambda y, p: sk.roc_auc_score(y, p)),
        ("average_precision_score", lambda y, p: sk.average_precision_score(y, p)),
        ("MCC", lambda y, p: sk.matthews_corrcoef(y, p > 0.5)),
        ("log_loss", lambda y, p: sk.log_loss(y, p)),
        ("brier_score_loss", lambda y, p: sk.brier_score_loss(y, p)),
        ("f1_score", lambda y, p: sk.f1_score(y, p > 0.5)),
        ("f1_macro", lambda y, p: sk.f1_score(y, p > 0.5, average="macro")),
        ("balanced_accuracy", lambda y, p: sk.balanced_accuracy_score(y, p > 0.5)),
    ],
)
def test_metrics_get_probabilities_where_they_mean_them(asked, expected):
    x, y = data(120, 2)
    net = nn.Linear(5, 1)
    loss = nn.BCEWithLogitsLoss()
    found = nbrecipe.evaluate(net, (x, y[:, None].float()), loss_fn=loss, metrics=[asked])
    chances = net(x).detach().sigmoid().numpy()[:, 0].astype(np.float64)
    assert found.scores[0].name == asked
    assert found.scores[0].value == pytest.approx(expected(y.numpy(), chances))


class Squeezed(nn.Module):
    """A column that loses the axis of its rows as well, where there is one row."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(5, 1)

    def forward(self, x):
        return self.layer(x).squeeze()


def test_a_last_batch_of_one_row_that_is_squeezed_away_is_one_sentence():
    x, y = data(33, 2)
    loader = DataLoader(TensorDataset(x, y.float()), batch_size=16)
    with pytest.raises(BadInput, match=r"without an axis, for a batch of one row: name the axis .* `\.squeeze\(1\)`"):
        nbrecipe.evaluate(Squeezed(), loader, loss_fn=nn.BCEWithLogitsLoss())


def test_logarithms_of_rates_are_judged_as_rates():
    x, _ = data(200)
    y = torch.poisson((x[:, :1] * 0.5 + 1).exp())
    net = nn.Linear(5, 1)
    train, val = TensorDataset(x[:150], y[:150]), TensorDataset(x[150:], y[150:])
    loaders = [DataLoader(part, batch_size=25) for part in (train, val)]
    loss = nn.PoissonNLLLoss()
    found = nbrecipe.baseline(*loaders, model=net, loss_fn=loss)
    mean = y[:150].mean()
    assert found.losses["mean"] == pytest.approx(float(loss(mean.log().expand(50, 1), y[150:])), rel=1e-4)
    assert found.scores["mean"] == pytest.approx(float((y[150:] - mean).abs().mean()), rel=1e-4)
    assert found.scores["model"] == pytest.approx(float((net(x[150:]).detach().exp() - y[150:]).abs().mean()), rel=1e-4)
    rates = nbrecipe.evaluate(net, loaders[1], loss_fn=nn.PoissonNLLLoss(log_input=False))
    assert rates.score("MAE").value == pytest.approx(float((net(x[150:]).detach() - y[150:]).abs().mean()), rel=1e-4)
