"""Scalers that saw the validation rows are told; those of training rows, of pixels and of counts are not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe.bench import Bench, Cell
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

CHECK = all_checks()["scaled-on-validation"]
SCALER = (Cell(1, "scaler = StandardScaler()\nX = scaler.fit_transform(X)"),)


def found(train, val, cells=SCALER):
    loaders = [
        DataLoader(TensorDataset(torch.as_tensor(x), torch.arange(len(x)) % 2), batch_size=32) for x in (train, val)
    ]
    return run(CHECK, Bench(train_loader=loaders[0], val_loader=loaders[1], cells=cells)).finding


def raw(seed, rows=500, columns=8):
    g = np.random.default_rng(seed)
    return g.lognormal(0, 1, (rows, columns)) * g.uniform(1, 500, columns) + g.normal(size=columns) * 1000


def scaled(x, by, how="standard"):
    if how == "range":
        low, high = x[by].min(0), x[by].max(0)
        return (x - low) / (high - low)
    ddof = 1 if how == "torch" else 0
    return (x - x[by].mean(0)) / x[by].std(0, ddof=ddof)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("how", ["standard", "torch", "range"])
def test_a_scaler_of_all_rows_is_told_from_one_of_training_rows(seed, kind, how):
    x = raw(seed)
    whole, part = (scaled(x, by, how).astype(kind) for by in (slice(None), slice(400)))
    assert found(part[:400], part[400:]).verdict is Verdict.OK
    finding = found(whole[:400], whole[400:])
    if how == "range" and finding.verdict is Verdict.OK:  # all ends may lie in training
        assert ((whole[:400].min(0) > 0).sum() + (whole[:400].max(0) < 1).sum()) < 3
    else:
        assert finding.verdict is Verdict.BAD
        assert found(whole[:400], whole[400:], ()).verdict is Verdict.HINT


def test_a_scaler_of_each_split_is_told():
    x = raw(0)
    finding = found(scaled(x[:400], slice(None)), scaled(x[400:], slice(None)))
    assert finding.verdict is Verdict.BAD
    assert "numbers of its own" in finding.why


G = np.random.default_rng(0)
RIGHT = {
    "raw": (raw(1)[:400], raw(1)[400:]),
    "nearly standard": (G.normal(size=(400, 8)), G.normal(size=(100, 8))),
    "flags": ((G.random((400, 9)) < 0.5).astype(float), (G.random((100, 9)) < 0.5).astype(float)),
    "rare flags": ((G.random((400, 9)) < 0.004).astype(float), (G.random((100, 9)) < 0.004).astype(float)),
    "one-hot": (np.eye(9)[G.integers(0, 9, 400)], np.eye(9)[G.integers(0, 9, 100)]),
    "counts": (G.poisson(2.0, (400, 6)).astype(float), G.poisson(2.0, (100, 6)).astype(float)),
    "images": (G.random((100, 1, 16, 16)), G.random((50, 1, 16, 16))),
    "unit rows": tuple(v / np.linalg.norm(v, axis=1, keepdims=True) for v in (G.normal(size=(200, 9)),) * 2),
    "constant": (np.ones((100, 5)), np.ones((50, 5))),
    "few rows": (scaled(raw(2), slice(None))[:30], scaled(raw(2), slice(None))[30:40]),
}


@pytest.mark.parametrize("name", RIGHT)
def test_other_numbers_are_no_fault(name):
    assert found(*RIGHT[name]).verdict in (Verdict.OK, Verdict.SKIPPED)
