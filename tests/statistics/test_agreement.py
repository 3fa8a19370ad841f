"""Kappa is Cohen's, and its interval holds for few cards too."""

import math

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from nbrecipe.statistics.agreement import kappa


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("n", [5, 50, 400])
def test_kappa_is_that_of_scikit_learn(classes, n):
    rng = np.random.default_rng(classes * n)
    first = rng.integers(0, classes, n)
    second = np.where(rng.random(n) < 0.6, first, rng.integers(0, classes, n))
    value, interval = kappa(first, second)
    assert value == pytest.approx(cohen_kappa_score(first, second))
    assert value in interval


@pytest.mark.parametrize("n", [20, 50, 200])
@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.8, 0.2), (0.5, 0.3, 0.2), (0.2,) * 5])
@pytest.mark.parametrize("true", [0.4, 0.8])
def test_the_interval_holds_kappa_for_few_cards_too(n, shares, true):
    p = np.array(shares)
    cells = true * np.diag(p) + (1 - true) * np.outer(p, p)
    rng, known, held = np.random.default_rng(n), {}, []
    pairs = np.array([(i, j) for i in range(len(p)) for j in range(len(p))])
    for row in rng.multinomial(n, cells.ravel(), 300 if n > 20 else 600):
        key = tuple(row.tolist())
        if key not in known:
            known[key] = true in kappa(*np.repeat(pairs, row, 0).T)[1]
        held.append(known[key])
    assert 0.92 <= np.mean(held) <= 0.985


def test_full_agreement_of_few_is_no_certainty():
    value, interval = kappa(["a", "b"] * 10, ["a", "b"] * 10)
    assert value == 1.0
    assert interval.low < 0.75
    assert interval.high == pytest.approx(1.0)


def test_one_label_alone_says_nothing():
    value, interval = kappa(["a"] * 5, ["a"] * 5)
    assert math.isnan(value)
    assert (interval.low, interval.high, interval.method) == (-1.0, 1.0, "one label alone")
    assert kappa([], [])[1].method == "no examples"
    with pytest.raises(ValueError, match="3 labels cannot be compared with 2"):
        kappa([1, 2, 3], [1, 2])


def test_labels_that_never_agree_are_below_0():
    value, interval = kappa(["a", "b"] * 10, ["b", "a"] * 10)
    assert value == -1.0
    assert interval.low == -1.0
