"""Paired tests are wrong as often as they say, and their intervals hold the true difference."""

import math

import numpy as np
import pytest
from scipy import stats

from nbrecipe.statistics.paired import Paired, means_against, metric_against, right_against, sign_test

SETS = 1000


def answered(only, other, both):
    return np.repeat([True, False, True], [only, other, both]), np.repeat([False, True, True], [only, other, both])


def rights(n, gained, lost, sets=SETS):
    """`right_against` of simulated pairs, each table worked out once."""
    drawn = np.random.default_rng(n).multinomial(n, [gained, lost, 1 - gained - lost], sets)
    known: dict[tuple[int, ...], Paired] = {}
    for row in map(tuple, drawn.tolist()):
        if row not in known:
            known[row] = right_against(*answered(*row))
        yield known[row]


@pytest.mark.parametrize(("n", "rate"), [(20, 0.2), (50, 0.1), (100, 0.2), (500, 0.05), (1000, 0.02)])
def test_the_exact_test_calls_equals_unequal_in_at_most_5_of_100(n, rate):
    assert np.mean([not one.could_be_chance for one in rights(n, rate, rate, 2000)]) <= 0.055


@pytest.mark.parametrize(("n", "gained", "lost"), [(100, 0.3, 0.05), (1000, 0.06, 0.02)])
def test_the_exact_test_finds_what_is_there(n, gained, lost):
    assert np.mean([one.p < 0.05 for one in rights(n, gained, lost)]) > 0.95


@pytest.mark.parametrize(
    ("n", "gained", "lost"), [(50, 0.2, 0.2), (50, 0.3, 0.05), (100, 0.2, 0.1), (500, 0.05, 0.05), (1000, 0.05, 0.01)]
)
def test_the_difference_of_right_answers_is_held(n, gained, lost):
    assert 0.93 <= np.mean([gained - lost in one.interval for one in rights(n, gained, lost)]) <= 0.971


def test_few_that_differ_give_an_interval_too_wide_rather_than_too_narrow():
    assert np.mean([0.04 in one.interval for one in rights(50, 0.05, 0.01)]) >= 0.95


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (0, 1), (0, 5), (3, 9), (10, 10), (100, 150), (1000, 1300)])
def test_the_sign_test_is_that_of_scipy(gained, lost):
    theirs = stats.binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    assert sign_test(gained, lost) == pytest.approx(theirs, rel=1e-9) == sign_test(lost, gained)


def test_what_differs_is_counted():
    found = right_against(*answered(12, 3, 85))
    assert (found.difference, found.only) == (0.09, (12, 3))
    assert found.method == "exact McNemar test of 15 examples that one of them answers right"
    assert right_against([], []).p == 1.0
    same = right_against([True, False] * 5, [True, False] * 5)
    assert (same.difference, same.p) == (0.0, 1.0)
    assert same.interval.low < 0 < same.interval.high


@pytest.mark.parametrize("n", [8, 30, 2500])
def test_equally_good_means_are_called_unequal_in_at_most_5_of_100(n):
    rng = np.random.default_rng(n)
    sets = 1000 if n < 10 else 200
    p = [means_against(*rng.exponential(1, (2, n))).p for _ in range(sets)]
    assert np.mean(np.array(p) <= 0.05) <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / sets)
    assert abs(np.mean(p) - 0.5) < 0.07


def test_means_that_differ_are_called_so():
    rng = np.random.default_rng(0)
    losses = rng.exponential(1, 300)
    worse = means_against(losses + rng.normal(0.1, 0.3, 300), losses)
    assert worse.p < 0.001
    assert 0.1 in worse.interval
    assert not worse.could_be_chance
    assert worse.method == "sign-flip test, 9999 flips, seed 0"
    back = means_against(losses, losses + rng.normal(0.1, 0.3, 300))
    assert back.difference < 0


def test_a_paired_test_of_many_rows_is_that_of_scipy():
    first, second = np.random.default_rng(0).exponential(1, (2, 3000))
    assert means_against(first, second).p == pytest.approx(stats.ttest_rel(first, second).pvalue, abs=1e-5)


def test_flips_of_few_rows_come_near_all_of_them():
    away = np.random.default_rng(3).normal(0.5, 1, 12)
    signs = np.array(np.meshgrid(*[[-1, 1]] * 12)).reshape(12, -1).T
    exact = np.mean(np.abs(signs @ away) >= abs(away.sum()) - 1e-12)
    assert means_against(away, np.zeros(12)).p == pytest.approx(exact, abs=0.01)


def test_means_over_tokens_are_those_of_tokens():
    tokens = np.array([1.0, 10, 5, 4] * 10)
    found = means_against(2 * tokens, tokens, tokens)
    assert found.difference == pytest.approx(1.0)
    assert means_against([1.0, 2], [1.0, 2]).p == 1.0
    assert means_against([1.0], [2.0]).p == 1.0
    assert math.isnan(means_against([1.0, math.nan], [2.0, 1.0]).difference)


def test_equally_good_answers_are_called_unequal_by_any_metric_as_often_as_stated():
    rng, p, held = np.random.default_rng(0), [], []
    for _ in range(400):
        true = rng.random(80) < 0.4
        one, other = (true ^ (rng.random(80) < 0.2) for _ in range(2))

        def difference(rows, true=true, one=one, other=other):
            hits = [2 * (true[rows] & a[rows]).sum(-1) / (true[rows].sum(-1) + a[rows].sum(-1)) for a in (one, other)]
            return hits[0] - hits[1]

        found = metric_against(difference, 80, samples=200, many=True)
        p.append(found.p)
        held.append(0.0 in found.interval)
    assert np.mean(np.array(p) <= 0.05) <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 400)
    assert 0.93 <= np.mean(held) <= 0.97
    assert np.mean((np.array(p) > 0.05) == np.array(held)) > 0.98


def test_the_method_says_how_it_was_paired():
    losses = np.random.default_rng(0).exponential(1, 50)
    found = metric_against(lambda rows: losses[rows].mean(-1), 50, many=True)
    assert found.method == "paired BCa bootstrap of 2000 samples, seed 0"
    assert found.p < 0.001
    assert found.only is None
