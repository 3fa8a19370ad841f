"""`baseline`: what is shown of a ladder as text and as HTML, and what can be asked of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import nbrecipe
from nbrecipe.batches import BadInput


def table(seed=0, count=120):
    random = np.random.default_rng(seed)
    x = random.normal(size=(count, 4)).astype(np.float32)
    return x, (x[:, 0] + x[:, 1] > 0).astype(np.int64)


@pytest.fixture(scope="module")
def ladder():
    loaders = [DataLoader(TensorDataset(*map(torch.tensor, table(seed))), batch_size=16) for seed in (0, 1)]
    net = nn.Linear(4, 2)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[-4.0, -4, 0, 0], [4.0, 4, 0, 0]]))
        net.bias.zero_()
    names = {"model": "net", "train_loader": "train_dl", "val_loader": "val_dl"}
    return nbrecipe.baseline(*loaders, model=net, loss=nn.CrossEntropyLoss(), names=names)


def test_the_model_stands_in_its_place(ladder):
    assert list(ladder.scores)[-1] == "model"
    assert ladder.scores["model"] == 1
    assert ladder.scores["uniform"] == 0.5
    assert ladder.losses["uniform"] == pytest.approx(np.log(2))
    assert ladder.losses["model"] < ladder.losses["majority"]


def test_text_stands_alone(ladder):
    text = str(ladder)
    assert text.startswith("Baselines of `train_loader`") or text.startswith("Baselines of `train_dl`")
    assert "120 rows" in text
    assert "accuracy, on 120 rows; the lines are 95 % intervals (Wilson)" in " ".join(text.split())
    assert ">net" in text
    assert "LogisticRegression(C=1) on 4 standardised columns; fitted on 120 rows" in " ".join(text.split())
    assert "Beating it shows that anything was learned at all; it looks at no input" in " ".join(text.split())
    assert "your data are as they were" in " ".join(text.split())
    assert "**" not in text


def test_html_needs_no_script_and_says_the_same(ladder, tmp_path):
    page = ladder._repr_html_()
    assert page.count("<script") == 1, "what its keys are for"
    assert "module" not in page.partition("<script")[2]
    assert "nbr-judged" in page
    assert page.count("nbr-rung") > 6
    assert "rows that" in page
    assert "LogisticRegression(C=1)" in ladder.save_html(tmp_path / "ladder.html").read_text(encoding="utf-8")


def test_another_metric_and_what_cannot_be_expected_of_it():
    answer = nbrecipe.baseline(table(0), table(1), metric="f1_macro")
    assert "uniform" not in answer.scores
    assert "uniform" in answer.losses
    assert "f1_macro" in str(answer)


def test_rows_that_the_rule_gets_wrong_and_a_model_right_are_shown():
    answer = nbrecipe.baseline(table(0), table(1), rule=lambda row: int(row[0] > 0))
    titles = [look.title for look in answer.shown.looks]
    assert any("gets wrong and" in title for title in titles)
    assert all(1 <= len(look.rows) <= 8 for look in answer.shown.looks)


def test_what_is_no_rule_and_no_data_is_refused():
    with pytest.raises(BadInput, match="`rule` is a function of an example; a int was given"):
        nbrecipe.baseline(table(0), rule=3)
    with pytest.raises(BadInput, match="no data here: name them"):
        nbrecipe.baseline()
    with pytest.raises(BadInput, match="`nonsense` is no metric here"):
        nbrecipe.baseline(table(0), table(1), metric="nonsense")
