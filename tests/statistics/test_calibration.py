"""A calibrated model is not called otherwise more often than stated, and one that is not is found."""

import math

import numpy as np
import pytest

from nbrecipe.statistics.calibration import MANY, _drawn, brier, calibration

#: how probabilities are spread
SPREADS = {
    "even": lambda rng, n: rng.random(n),
    "sure": lambda rng, n: 1 - rng.random(n) ** 4 / 2,
    "three values": lambda rng, n: rng.choice([0.2, 0.5, 0.99], n),
}


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize(("n", "sets"), [(40, 500), (250, 150)])
def test_calibrated_probabilities_are_called_miscalibrated_in_at_most_5_of_100(spread, n, sets):
    rng, p, worst, error, chance, sure = np.random.default_rng(n + 1), [], [], [], [], []
    for _ in range(sets):
        given = SPREADS[spread](rng, n)
        found = calibration(given, rng.random(n) < given)
        p.append(found.p)
        worst.append(min(one.p for one in found.bins))
        error.append(found.error)
        chance.append(found.by_chance)
        sure.append(0.0 in found.too_sure_interval)
    most = 0.05 + 2 * math.sqrt(0.05 * 0.95 / sets)
    assert np.mean(np.array(p) <= 0.05) <= most
    assert np.mean(np.array(worst) <= 0.05) <= most
    assert np.mean(error) == pytest.approx(np.mean(chance), rel=0.15)
    assert np.mean(sure) >= 0.9


def test_rows_of_a_large_set_are_drawn_in_runs_to_the_same_mean_and_spread():
    given = np.sort(np.random.default_rng(0).random(MANY + 1))
    starts = [0, 500, 3000]
    drawn = _drawn(given, starts)
    assert drawn.mean(0) == pytest.approx(np.add.reduceat(given, starts), rel=0.02)
    assert drawn.var(0) == pytest.approx(np.add.reduceat(given * (1 - given), starts), rel=0.15)
    true = np.random.default_rng(1).random(MANY + 1) < given
    assert calibration(given, true).p > 0.05
    assert calibration(given, given > 0.5).p < 0.001


def test_too_sure_and_not_sure_enough_are_told():
    rng = np.random.default_rng(0)
    given = rng.random(800)
    true = rng.random(800) < 0.5 + 0.7 * (given - 0.5)
    found = calibration(np.maximum(given, 1 - given), true == (given > 0.5))
    assert found.p < 0.01
    assert found.too_sure_interval.low > 0
    assert found.error > 2 * found.by_chance
    assert found.brier > found.brier_expected
    modest = calibration(np.full(500, 0.6), rng.random(500) < 0.9)
    assert modest.too_sure_interval.high < 0
    assert modest.p < 0.01


def test_bins_have_equally_many_rows_and_never_part_one_probability():
    rng = np.random.default_rng(0)
    given = rng.random(1000)
    found = calibration(given, rng.random(1000) < given)
    assert [one.rows for one in found.bins] == [100] * 10
    assert sum(one.rows * abs(one.share - one.confidence) for one in found.bins) / 1000 == pytest.approx(found.error)
    three = calibration(rng.choice([0.2, 0.5, 0.9], 1000), rng.random(1000) < 0.5)
    assert [(one.low, one.high) for one in three.bins] == [(0.2, 0.2), (0.5, 0.5), (0.9, 0.9)]
    assert len(calibration(given[:30], rng.random(30) < 0.5).bins) == 1
    assert found.method == "10 bins of equally many rows; p of 1999 draws, seed 0"


def test_the_order_of_rows_does_not_matter():
    rng = np.random.default_rng(0)
    given = rng.random(300)
    true, order = rng.random(300) < given, rng.permutation(300)
    assert calibration(given, true).p == calibration(given[order], true[order]).p


@pytest.mark.parametrize("given", [[], [1.2], [-0.1], [math.nan]])
def test_what_is_no_probability_is_refused(given):
    with pytest.raises(ValueError, match="calibration needs probabilities, 0 to 1, of one row or more"):
        calibration(given, [True] * len(given))


def test_probabilities_of_0_and_1_that_came_true_are_calibrated():
    found = calibration([0.0, 1.0] * 20, [False, True] * 20)
    assert (found.error, found.p, found.brier) == (0.0, 1.0, 0.0)
    assert calibration([1.0] * 40, [True] * 39 + [False]).p < 0.01


def test_brier_scores_are_squared_distances():
    assert brier([0.8, 0.3], [True, True]) == pytest.approx([0.04, 0.49])
    table, labels = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]]), np.array([0, 1])
    assert brier(table, labels) == pytest.approx(np.square(table - np.eye(3)[labels]).sum(1))
