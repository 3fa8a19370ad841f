"""Intervals of a mean hold the true one as often as they say, also where losses are skewed."""

import math

import numpy as np
import pytest
from scipy import stats

from nbrecipe.statistics import student
from nbrecipe.statistics.means import mean_interval

#: distribution → how it is drawn, and its mean
SPREADS = {
    "normal": (lambda rng, size: rng.normal(1, 1, size), 1.0),
    "even": (lambda rng, size: rng.random(size), 0.5),
    "exponential": (lambda rng, size: rng.exponential(1, size), 1.0),
    "skewed by 2.8": (lambda rng, size: rng.gamma(0.5, 1, size), 0.5),
    "skewed by 6.2": (lambda rng, size: rng.lognormal(0, 1, size), math.exp(0.5)),
    "one in ten is far": (
        lambda rng, size: np.where(rng.random(size) < 0.1, rng.exponential(3, size), rng.exponential(0.05, size)),
        0.345,
    ),
}


def coverage(spread, n, sets=1000):
    draw, mean = SPREADS[spread]
    return np.mean([mean in mean_interval(row) for row in draw(np.random.default_rng(n + 1), (sets, n))])


@pytest.mark.parametrize(
    ("spread", "n"),
    [("normal", 2), ("normal", 5), ("normal", 300), ("even", 20), ("exponential", 20),
     ("exponential", 1000), ("skewed by 2.8", 20), ("one in ten is far", 50)],
)  # fmt: skip
def test_95_of_100_intervals_hold_the_mean(spread, n):
    assert 0.93 <= coverage(spread, n) <= 0.97


def test_means_as_skewed_as_log_normal_ones_are_held_from_100_examples_on():
    assert 0.91 <= coverage("skewed by 6.2", 100, 150) <= 0.98


def test_students_t_alone_would_not_hold_skewed_means():
    rows = np.random.default_rng(20).gamma(0.5, 1, (1000, 20))
    half = student.quantile(0.95, 19) * rows.std(1, ddof=1) / math.sqrt(20)
    assert np.mean(np.abs(rows.mean(1) - 0.5) <= half) < 0.91


@pytest.mark.parametrize("n", [60])
def test_a_mean_over_tokens_holds_though_those_of_a_text_are_alike(n):
    rng, held = np.random.default_rng(n), []
    for _ in range(400):
        tokens = rng.integers(1, 40, n)
        held.append(1.0 in mean_interval(tokens * rng.gamma(4, 0.25, n), tokens))
    assert 0.925 <= np.mean(held) <= 0.975


def test_even_losses_have_students_interval():
    losses = np.random.default_rng(0).normal(3, 1, 40)
    theirs = stats.ttest_1samp(losses, 0).confidence_interval(0.95)
    ours = mean_interval(losses)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))
    assert ours.method == "Student's t"


def test_the_same_losses_have_the_same_interval_and_units_do_not_matter():
    losses = np.random.default_rng(0).exponential(1, 40)
    ours, scaled = mean_interval(losses), mean_interval(losses * 1000, np.full(40, 10.0))
    assert ours == mean_interval(losses)
    assert (scaled.low, scaled.high) == pytest.approx((ours.low * 100, ours.high * 100))
    assert "seed 0" in ours.method


def test_what_counts_nothing_changes_nothing():
    losses = np.random.default_rng(0).normal(3, 1, 40)
    more = mean_interval([*losses, 0.0, 0.0], [*np.ones(40), 0.0, 0.0])
    assert (more.low, more.high) == pytest.approx((mean_interval(losses).low, mean_interval(losses).high))


def test_what_says_nothing_is_said_to():
    assert (mean_interval([]).method, mean_interval([1.0]).method) == ("no examples", "one example alone")
    assert mean_interval([1.0]).low == -math.inf
    assert mean_interval([2.0] * 5) == mean_interval([2.0] * 6)
    assert mean_interval([0.1] * 7).low == pytest.approx(0.1)
    assert math.isnan(mean_interval([1.0, math.nan]).low)
    assert math.isnan(mean_interval([1.0, math.inf]).high)


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 7, 30, 99, 299, 300, 301, 1000, 100_000])
def test_students_t_is_that_of_scipy(freedom):
    for level in (0.5, 0.9, 0.95, 0.99):
        theirs = stats.t.ppf((1 + level) / 2, freedom)
        assert student.quantile(level, freedom) == pytest.approx(theirs, rel=1e-5)
    for t in (0.0, 0.1, 1.0, 2.5, 5.0):
        assert student.p_value(-t, freedom) == pytest.approx(2 * stats.t.sf(t, freedom), abs=2e-6)
    assert student.p_value(math.inf, freedom) == 0.0
    assert math.isnan(student.p_value(math.nan, freedom))
