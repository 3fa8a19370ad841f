"""The lines that drop copies do so when they are pasted, whatever the data are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe.bench import Bench
from nbrecipe.scan import held
from nbrecipe.scan.doubles import lines

pl = pytest.importorskip("polars")

ROWS = 60
X = np.random.default_rng(0).normal(size=(ROWS, 5)).astype(np.float32)
Y = np.arange(ROWS) % 3


class Named(torch.utils.data.Dataset):
    """Examples with names; any number of them, as some data sets give."""

    def __init__(self, chosen):
        self.chosen = chosen

    def __len__(self):
        return len(self.chosen)

    def __getitem__(self, i):
        k = self.chosen[i % len(self.chosen)]
        return {"signal": X[k], "age": float(k % 7), "label": int(Y[k])}


def texts(chosen):
    return [(f"text number {k} of a list", int(Y[k])) for k in chosen]


def frame(chosen):
    ages = [float("nan") if k == 3 else 20.0 + k for k in chosen]
    return {"name": [f"row {k}" for k in chosen], "age": ages, "label": [int(Y[k]) for k in chosen]}


DATA = {
    "tensors": lambda chosen: TensorDataset(torch.tensor(X[chosen]), torch.tensor(Y[chosen])),
    "dicts": Named,
    "a list of texts": texts,
    "pandas": lambda chosen: pd.DataFrame(frame(chosen)),
    "polars": lambda chosen: pl.DataFrame(frame(chosen)),
    "a loader": lambda chosen: DataLoader(TensorDataset(torch.tensor(X[chosen]), torch.tensor(Y[chosen]))),
}
TRAIN, VAL = [*range(40), 0, 1, 2], [*range(30, 60)]


@pytest.fixture(params=DATA)
def bench(request):
    make = DATA[request.param]
    kind = "loader" if request.param == "a loader" else "data"
    names = {f"train_{kind}": "train", f"val_{kind}": "val"}
    return Bench(**{f"train_{kind}": make(TRAIN), f"val_{kind}": make(VAL)}, names=names)


def pasted(code, bench):
    space = {name: getattr(bench, field) for field, name in bench.names.items()}
    exec(code, space)  # as a cell does
    assert max(map(len, code.splitlines())) <= 79
    return space


def test_without_copies_each_row_stands_once(bench):
    space = pasted(lines.without_copies(bench, "train", held.train_scan(bench)), bench)
    assert len(space.get("train_set", space["train"])) == 40


def test_without_train_no_validation_row_was_trained_on(bench):
    train, val = held.both_scans(bench)
    space = pasted(lines.without_train(bench, train, val), bench)
    assert len(space.get("val_set", space["val"])) == 20


@pytest.mark.parametrize("data", [(X, Y), {"x": X, "y": Y}], ids=["arrays side by side", "a dict of arrays"])
def test_where_no_line_serves_none_is_told(data):
    bench = Bench(train_data=data, names={"train_data": "train"})
    assert lines.without_copies(bench, "train", held.train_scan(bench)) == ""
