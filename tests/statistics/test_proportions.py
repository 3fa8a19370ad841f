"""Intervals of a share hold the true one as often as they say."""

import math

import numpy as np
import pytest
from scipy import stats

from nbrecipe.statistics.proportions import share_interval, wilson

SETS = 1000


def covered(n, p):
    """The exact chance that the interval holds `p`: over every number of right answers."""
    held = [p in wilson(k, n) for k in range(n + 1)]
    return float(stats.binom.pmf(np.arange(n + 1), n, p) @ held)


@pytest.mark.parametrize("n", [5, 10, 20, 50, 100, 1000])
def test_wilson_holds_the_share_in_95_of_100_sets_whatever_it_is(n):
    assert 0.945 <= np.mean([covered(n, p) for p in np.linspace(0.005, 0.995, 100)]) <= 0.96


@pytest.mark.parametrize(("n", "p"), [(n, p) for n in (50, 100, 1000) for p in (0.1, 0.3, 0.5, 0.95)])
def test_wilson_holds_each_share_in_1000_simulated_sets(n, p):
    drawn = np.random.default_rng(n).binomial(n, p, SETS)
    held = {int(k): p in wilson(int(k), n) for k in np.unique(drawn)}
    assert 0.93 <= covered(n, p) <= 0.971
    assert abs(np.mean([held[int(k)] for k in drawn]) - covered(n, p)) < 0.03


@pytest.mark.parametrize(("right", "total"), [(0, 1), (1, 1), (0, 20), (20, 20), (7, 30), (912, 1000)])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_wilson_is_that_of_scipy(right, total, level):
    theirs = stats.binomtest(right, total).proportion_ci(level, "wilson")
    ours = wilson(right, total, level)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert right / total in ours


def test_nothing_answered_leaves_everything_open():
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)
    assert (share_interval([]).low, share_interval([], []).high) == (0.0, 1.0)
    assert share_interval([0, 0], [0, 0]) == wilson(0, 0)


def test_examples_of_one_entry_have_wilsons_interval():
    assert share_interval([1, 0, 1, 1]) == wilson(3, 4) == share_interval([1, 0, 1, 1], [1, 1, 1, 1])


@pytest.mark.parametrize("n", [30, 200])
@pytest.mark.parametrize("kind", ["independent", "alike", "all or none"])
def test_shares_over_tokens_hold_the_true_one_whether_or_not_those_of_a_text_are_alike(n, kind):
    rng = np.random.default_rng(n)
    held = []
    for _ in range(SETS):
        entries = rng.integers(1, 20, n)
        share = {"independent": np.full(n, 0.8), "alike": rng.beta(4, 1, n), "all or none": rng.random(n) < 0.8}[kind]
        held.append(0.8 in share_interval(rng.binomial(entries, share), entries))
    assert 0.93 <= np.mean(held) <= 0.975


def test_texts_that_are_right_or_wrong_as_a_whole_count_as_one_each():
    whole = share_interval([10] * 80 + [0] * 20, [10] * 100)
    assert whole.high - whole.low == pytest.approx(wilson(80, 100).high - wilson(80, 100).low, rel=0.03)
    assert "100 examples" in whole.method
    every = share_interval([10] * 100, [10] * 100)
    assert every == pytest.approx(every)
    assert every.low == pytest.approx(wilson(100, 100).low)
    assert math.isclose(every.high, 1.0)
