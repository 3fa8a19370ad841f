"""`%evaluate` in a shell: flags, names, and sentences of refusal."""

from __future__ import annotations

import pytest
from IPython.core.error import UsageError

SETUP = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(0)
x, y = torch.randn(120, 4), torch.randint(3, (120,))
val_loader = DataLoader(TensorDataset(x, y), batch_size=50)
net = nn.Linear(4, 3)
old = nn.Linear(4, 3)
criterion = nn.CrossEntropyLoss()
place = torch.arange(120) % 2
def near(y_true, y_pred):
    return float(abs(y_true - y_pred).mean())
"""


@pytest.fixture
def ready(ip, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the journal lies in the working directory
    ip.run_cell(SETUP)
    return ip


def test_it_finds_what_it_needs(ready):
    answer = ready.run_line_magic("evaluate", "net")
    assert answer.title == "Evaluate `net`"
    assert answer.shown.place == "`net` on 120 rows of `val_loader`, in eval mode"
    assert ready.run_line_magic("evaluate", "net -q -o kept") is not None
    assert ready.user_ns["kept"].score("accuracy").value == answer.score("accuracy").value


def test_flags(ready):
    line = "net val_loader --against old --metrics near,f1_macro --metrics accuracy_score --by place"
    answer = ready.run_line_magic("evaluate", line)
    assert [one.name for one in answer.scores][:3] == ["near", "f1_macro", "accuracy_score"]
    assert answer.shown.slices[0].by == "place"
    assert "`net` against `old`" in answer.shown.against[0]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("net --metrics nothing_like_it", "`nothing_like_it` is no metric here"),
        ("net --by x", "one value for each of the 120 rows; `x` is 120 × 4"),
        ("net missing_loader", "missing_loader"),
        ("net --against criterion_", "criterion_"),
    ],
)
def test_what_cannot_be_is_one_sentence(ready, line, sentence):
    with pytest.raises(UsageError, match=sentence):
        ready.run_line_magic("evaluate", line)


@pytest.mark.parametrize("line", ["val_loader", "val_loader net", "net val_loader"])
def test_model_and_data_are_told_apart(ready, line):
    ready.run_cell("del old")
    assert ready.run_line_magic("evaluate", line).shown.place == "`net` on 120 rows of `val_loader`, in eval mode"
