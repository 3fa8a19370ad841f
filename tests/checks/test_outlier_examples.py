"""Rows that stand apart are named with their axis; heavy tails, counts and small data sets name none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe.bench import Bench
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

CHECK = all_checks()["outlier-examples"]


def found(x, y=None):
    y = np.arange(len(x)) % 2 if y is None else y
    data = TensorDataset(torch.as_tensor(x), torch.as_tensor(y))
    return run(CHECK, Bench(train_loader=DataLoader(data, batch_size=32))).finding


def drawn(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("rows", [2000, 30_000])
@pytest.mark.parametrize("value", [30.0, -30.0])
def test_a_value_of_thirty_deviations_is_named(rows, value):
    x = drawn().normal(size=(rows, 5))
    x[rows // 3, 2] = value
    finding = found(x)
    assert finding.verdict is Verdict.HINT
    assert finding.seen["rows"] == [rows // 3]
    assert finding.seen["axes"] == ["input[2]"]


def test_a_wrong_unit_is_named_among_few_rows():
    x = drawn().normal(size=(200, 5))
    x[7, 2] = 3000
    assert found(x).seen["rows"] == [7]


def test_several_rows_that_stand_apart_together_are_all_named():
    x = drawn().normal(size=(1000, 5))
    x[[3, 500, 900], 1] = [50, 51, 52]
    assert sorted(found(x).seen["rows"]) == [3, 500, 900]


def test_a_target_that_stands_apart_is_named():
    x = drawn().normal(size=(500, 3))
    y = x.sum(1)
    y[42] = 1e6
    finding = found(x, y)
    assert finding.seen["rows"] == [42]
    assert finding.seen["axes"] == ["label"]


def test_a_count_that_stands_apart_is_named():
    x = drawn().poisson(6.0, (800, 4)).astype(np.float32)
    x[10, 0] = 999
    assert found(x).seen["rows"] == [10]


DRAWN = {
    "normal": lambda g, n: g.normal(size=(n, 8)),
    "uniform": lambda g, n: g.random((n, 8)),
    "log-normal": lambda g, n: g.lognormal(0, 2, (n, 8)),
    "Cauchy": lambda g, n: g.standard_cauchy((n, 8)),
    "Student": lambda g, n: g.standard_t(3, (n, 8)),
    "Pareto": lambda g, n: g.pareto(0.8, (n, 8)),
    "counts": lambda g, n: g.poisson(1.0, (n, 8)).astype(float),
    "counts that vary": lambda g, n: g.poisson(g.gamma(0.3, 5, (n, 8))).astype(float),
    "words": lambda g, n: (g.random((n, 50)) < 0.02).astype(float),
    "two groups": lambda g, n: g.normal(size=(n, 8)) * np.where(g.random((n, 1)) < 0.15, 20, 1),
    "a small group": lambda g, n: g.normal(size=(n, 8)) + np.where(g.random((n, 1)) < 0.15, 12, 0),
    "constant": lambda g, n: np.ones((n, 4)),
    "rounded": lambda g, n: np.round(g.normal(size=(n, 8)), 1),
    "random walks": lambda g, n: np.cumsum(g.normal(size=(n, 8)), 0),
    "images": lambda g, n: g.random((n, 1, 8, 8)),
}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", DRAWN)
def test_data_without_an_outlier_name_none(name, seed):
    for rows in (200, 600, 3000):
        assert found(DRAWN[name](drawn(seed), rows)).verdict is Verdict.OK


def test_few_rows_tell_nothing():
    assert found(drawn().normal(size=(150, 4))).verdict is Verdict.SKIPPED
