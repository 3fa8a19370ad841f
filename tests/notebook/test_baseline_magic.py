"""`%baseline`: what it finds, what its flags take, what it refuses in one sentence."""

from __future__ import annotations

import pytest
from IPython.core.error import UsageError

SETUP = """
import numpy as np, torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(0)
x = torch.randn(160, 4)
y = (x[:, 0] > 0).long()
train_loader = DataLoader(TensorDataset(x[:100], y[:100]), batch_size=20)
val_loader = DataLoader(TensorDataset(x[100:], y[100:]), batch_size=20)
net = nn.Linear(4, 2)
criterion = nn.CrossEntropyLoss()
other = (np.random.default_rng(0).normal(size=(80, 3)), np.arange(80) % 2)
def sign(row):
    return int(row[0] > 0)
def agreed(y_true, y_pred):
    return float((y_true == y_pred).mean())
"""


@pytest.fixture
def ready(ip):
    ip.run_cell(SETUP)
    return ip


def test_it_finds_loaders_and_model(ready):
    answer = ready.run_line_magic("baseline", "--rule sign")
    assert answer.title == "Baselines of `train_loader`"
    assert {"uniform", "prior", "majority", "rule", "linear", "nearest neighbour", "model"} <= {*answer.scores}
    assert answer.scores["rule"] == 1
    assert answer.shown.extent == "fitted on `train_loader`, 100 rows; asked `val_loader`, 60 rows"
    assert ready.run_line_magic("baseline", "-q -o kept --metric agreed") is not None
    kept = ready.user_ns["kept"]
    assert kept.scores["model"] == answer.scores["model"]
    assert kept.shown.standings.caption.startswith("**agreed**")


def test_other_data_are_none_of_the_models(ready):
    answer = ready.run_line_magic("baseline", "other")
    assert "model" not in answer.scores
    assert answer.ladder.extent == "`other`, 80 rows, answered out of fold (5 folds, seed 0)"
    assert "model" in ready.run_line_magic("baseline", "train_loader val_loader").scores


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("nowhere", "there is no `nowhere` here"),
        ("--seconds 0", "--seconds is a time, more than 0; 0 was given"),
        ("x[:50]", "`x[:50]` has no labels that are known as such"),
        ("--metric nonsense", "`nonsense` is no metric here"),
        ("--rule net.weight", "`rule` is a function of an example; a Parameter was given"),
        ("--ruler sign", "%baseline has no --ruler; did you mean --rule?"),
    ],
)
def test_what_is_refused_is_told_in_one_sentence(ready, line, told):
    with pytest.raises(UsageError) as caught:
        ready.run_line_magic("baseline", line)
    assert told in str(caught.value)
