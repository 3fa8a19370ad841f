"""Intervals of any metric hold its true value as often as they say."""

import math

import numpy as np
import pytest
from scipy import stats

from nbrecipe.statistics.bootstrap import bootstrap, resampled

SETS = 1000


def f1_of(true, answered):
    def f1(rows):
        hits = (true[rows] & answered[rows]).sum(-1)
        return 2 * hits / np.maximum(true[rows].sum(-1) + answered[rows].sum(-1), 1)

    return f1


def r2_of(true, answered):
    def r2(rows):
        return 1 - np.square(true[rows] - answered[rows]).sum(-1) / np.square(
            true[rows] - true[rows].mean(-1, keepdims=True)
        ).sum(-1)

    return r2


def test_f1_is_held():
    n = 60
    rng, held = np.random.default_rng(n), []
    for _ in range(SETS):
        true = rng.random(n) < 0.3
        answered = true ^ (rng.random(n) < 0.2)
        held.append(2 * 0.24 / (0.3 + 0.38) in bootstrap(f1_of(true, answered), n, samples=200, many=True))
    assert 0.93 <= np.mean(held) <= 0.97


def test_r2_is_held():
    n = 30
    rng, held = np.random.default_rng(n), []
    for _ in range(SETS):
        true = rng.normal(0, 1, n)
        answered = 0.8 * true + rng.normal(0, 0.4, n)
        held.append(0.8 in bootstrap(r2_of(true, answered), n, samples=200, many=True))
    assert 0.93 <= np.mean(held) <= 0.97


def test_a_jackknife_of_many_rows_holds_and_takes_100_values():
    rng, held, calls = np.random.default_rng(0), [], []
    for _ in range(60):
        losses = rng.exponential(1, 10_100)

        def mean(rows, losses=losses):
            calls.append(len(rows))
            return losses[rows].mean()

        interval = bootstrap(mean, len(losses))
        held.append(1.0 in interval)
    assert np.mean(held) >= 0.88
    assert len(calls) == 60 * 101
    assert interval.method == "jackknife over 100 parts, seed 0"


def test_groups_are_drawn_whole():
    rng, held, apart = np.random.default_rng(1), [], []
    groups = np.repeat(np.arange(40), 5)
    for _ in range(80):
        values = np.repeat(rng.normal(0, 1, 40), 5)
        held.append(0.0 in bootstrap(lambda rows: values[rows].mean(), 200, samples=150, groups=groups))  # noqa: B023
        apart.append(0.0 in bootstrap(lambda rows: values[rows].mean(-1), 200, samples=300, many=True))  # noqa: B023
    assert np.mean(held) >= 0.88
    assert np.mean(apart) < 0.75


def test_bca_is_near_that_of_scipy():
    losses = np.random.default_rng(0).exponential(1, 400)
    ours = bootstrap(lambda rows: np.median(losses[rows], -1), 400, samples=4000, many=True)
    theirs = stats.bootstrap((losses,), np.median, n_resamples=4000, rng=np.random.default_rng(1)).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.02)
    assert ours.method == "BCa bootstrap of 4000 samples, seed 0"


def test_one_at_a_time_gives_the_same_as_many_at_once():
    losses = np.random.default_rng(0).exponential(1, 50)
    one = bootstrap(lambda rows: losses[rows].mean(), 50, samples=200)
    many = bootstrap(lambda rows: losses[rows].mean(-1), 50, samples=200, many=True)
    assert (one.low, one.high) == pytest.approx((many.low, many.high))
    assert one == bootstrap(lambda rows: losses[rows].mean(), 50, samples=200)
    assert one != bootstrap(lambda rows: losses[rows].mean(), 50, samples=200, seed=1)


def test_an_interval_that_ends_at_0_has_p_of_5_percent():
    losses = np.random.default_rng(0).exponential(1, 60)
    drawn = resampled(lambda rows: losses[rows].mean(-1), 60, many=True)
    interval = drawn.interval()
    assert drawn.p_value(interval.low) == pytest.approx(0.05, abs=0.005)
    assert drawn.p_value(interval.high) == pytest.approx(0.05, abs=0.005)
    assert drawn.p_value(drawn.value) > 0.8
    assert drawn.p_value(10.0) < 0.01


def test_what_says_nothing_is_said_to():
    for n in (0, 1):
        assert bootstrap(lambda rows: 1.0, n).method == "too few examples"
    assert bootstrap(lambda rows: math.nan, 5).method == "a metric that is not defined"
    seldom = bootstrap(lambda rows: 1.0 if 0 in rows else math.nan, 31, samples=200)
    assert (seldom.low, seldom.method) == (-math.inf, "a metric that most samples do not define")
    assert bootstrap(lambda rows: 3.0, 31, samples=200).low == 3.0
    assert bootstrap(lambda rows: 3.0, 31, groups=np.zeros(31)).method == "too few examples"


def share_of(kinds):
    """Of (draws, 3) counts the first's share of the first two, and the same of rows."""
    of_counts = lambda counts: counts[:, 0] / (counts[:, 0] + counts[:, 1])  # noqa: E731
    return of_counts, lambda rows: (kinds[rows] == 0).sum(-1) / (kinds[rows] < 2).sum(-1)


def test_drawing_counts_of_kinds_is_drawing_rows():
    kinds = np.random.default_rng(3).choice(3, 600, p=[0.5, 0.2, 0.3])
    of_counts, of_rows = share_of(kinds)
    one, other = bootstrap(of_counts, 600, kinds=kinds, samples=8000), bootstrap(of_rows, 600, many=True, samples=8000)
    assert one.method == other.method
    assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=0.004)
    many = np.tile(kinds, 20)  # a jackknife leaves out the same rows
    of_counts, of_rows = share_of(many)
    one, other = bootstrap(of_counts, 12_000, kinds=many), bootstrap(of_rows, 12_000, many=True)
    assert one.method == other.method
    assert (one.low, one.high) == pytest.approx((other.low, other.high), rel=1e-12)


def test_intervals_of_counts_hold_the_true_value():
    held = []
    for seed in range(1000):
        kinds = np.random.default_rng(seed).choice(3, 150, p=[0.5, 0.2, 0.3])
        held.append(5 / 7 in bootstrap(share_of(kinds)[0], 150, kinds=kinds, samples=400))
    assert 0.93 <= np.mean(held) <= 0.97


def test_counts_of_kinds_that_tell_nothing():
    of_counts = share_of(np.ones(1, int))[0]
    with np.errstate(invalid="ignore"):
        assert bootstrap(of_counts, 1, kinds=np.ones(1, int)).method == "too few examples"
        assert bootstrap(of_counts, 5, kinds=np.full(5, 2)).method == "a metric that is not defined"
        seldom = bootstrap(of_counts, 31, kinds=np.array([0] + [2] * 30), samples=200)
    assert seldom.method == "a metric that most samples do not define"
