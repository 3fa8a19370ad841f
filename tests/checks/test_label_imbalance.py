"""A majority that scores well by itself is told, with the guess's accuracy and loss; any correction silences it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe import toys
from nbrecipe.bench import Bench, Cell
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

CHECK = all_checks()["label-imbalance"]


def found(bench):
    return run(CHECK, bench).finding


def rare(**more):
    return toys.binary(rate=0.05, **more)


def labels(shares, rows=1000):
    return torch.as_tensor(np.repeat(np.arange(len(shares)), (np.array(shares) * rows).astype(int)))


def data(y):
    return TensorDataset(torch.randn(len(y), 10, generator=toys.seeded()), y)


def test_the_guess_is_told_with_its_accuracy_and_its_loss():
    finding = found(Bench(train_data=data(labels((0.9, 0.1)))))
    entropy = -0.9 * math.log(0.9) - 0.1 * math.log(0.1)
    assert finding.verdict is Verdict.HINT
    assert finding.message.startswith("always answering `0` is right in **90.0 %** of 1000 rows")
    assert f"a cross-entropy of {entropy:.4f}" in finding.message


def test_the_line_to_paste_balances():
    finding = found(rare())
    y = rare().train_data.tensors[1]
    ratio = float((1 - y).sum() / y.sum())
    assert finding.code.startswith("criterion = torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor(")
    assert float(finding.code.split("tensor(")[1].rstrip(")")) == pytest.approx(ratio, rel=0.01)
    many = found(toys.classify(weights=(0.9, 0.04, 0.03, 0.02, 0.01), rows=2000))
    assert eval(many.code.split(" = ")[1]).weight.shape == (5,)


class Focal(nn.Module):
    def forward(self, out, y):
        p = torch.sigmoid(out)
        return -((1 - p) ** 2 * y * p.log() + p**2 * (1 - y) * (1 - p).log()).mean()


def at_the_prior():
    given = rare()
    nn.init.constant_(given.get("model")[-1].bias, torch.logit(given.train_data.tensors[1].mean()).item())
    return given


CORRECTED = {
    "weights of the classes": lambda: toys.classify(
        weights=(0.9, 0.1), classes=2, loss_fn=nn.CrossEntropyLoss(weight=torch.tensor([0.1, 0.9]))
    ),
    "a focal loss": lambda: rare(loss_fn=Focal()),
    "a loss of one's own": lambda: rare(loss_fn=lambda out, y: Focal()(out, y)),
    "a batch sampler": lambda: rare().replace(
        train_loader=DataLoader(rare().train_data, batch_sampler=[list(range(k, 512, 8)) for k in range(8)])
    ),
    "a metric by class": lambda: rare().replace(cells=(Cell(3, "print(balanced_accuracy_score(y, p))"),)),
    "a bias at the prior": at_the_prior,
    "a regression on counts": lambda: toys.regress().replace(
        train_loader=DataLoader(data(labels((0.9, 0.1)).float()[:, None]), batch_size=64), train_data=None
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CORRECTED)
def test_a_correction_silences_it(name):
    assert found(CORRECTED[name]()).verdict is Verdict.OK


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.7, 0.3), (0.6, 0.2, 0.2), (0.02,) * 50])
def test_usual_shares_are_fine(shares):
    assert found(Bench(train_data=data(labels(shares)))).verdict is Verdict.OK


def test_few_rows_and_no_classes_tell_nothing():
    assert found(Bench(train_data=data(labels((0.9, 0.1), 20)))).verdict is Verdict.SKIPPED
    assert found(toys.regress()).verdict is Verdict.SKIPPED
    assert found(Bench(train_data=data(torch.zeros(100, dtype=torch.long)))).verdict is Verdict.OK
