"""Several tests at once."""

import itertools

import numpy as np
import pytest

from nbrecipe.statistics.families import holm


def stepped(p, alpha):
    """Holm's procedure as he states it: the smallest against alpha / m, the next against alpha / (m - 1), …"""
    order, fallen = np.argsort(p, kind="stable"), set()
    for place, i in enumerate(order):
        if p[i] > alpha / (len(p) - place):
            break
        fallen.add(int(i))
    return fallen


@pytest.mark.parametrize("count", [1, 2, 5, 20])
def test_corrected_values_fall_at_every_level_as_the_procedure_has_it(count):
    rng = np.random.default_rng(count)
    for _ in range(50):
        p = rng.random(count) ** 3
        corrected = holm(p)
        for alpha in (0.001, 0.01, 0.05, 0.2, 0.5):
            assert set(np.flatnonzero(corrected <= alpha + 1e-15)) == stepped(p, alpha + 1e-15)


def test_it_stops_at_the_first_that_stays():
    assert (holm([0.04, 0.001, 0.0032, 0.2]) <= 0.01).tolist() == [False, True, True, False]
    assert (holm([0.004, 0.004]) <= 0.01).tolist() == [True, True]
    assert (holm([0.006, 0.0001, 0.006]) <= 0.01).tolist() == [False, True, False]


def test_the_order_given_is_kept_and_a_test_not_made_does_not_count():
    assert holm([0.01, 0.04, 0.03, 0.005, float("nan")]) == pytest.approx([0.03, 0.06, 0.06, 0.02, np.nan], nan_ok=True)
    for order in itertools.permutations(range(4)):
        p = np.array([0.01, 0.04, 0.03, 0.005])
        assert holm(p[list(order)]) == pytest.approx(holm(p)[list(order)])
    assert list(holm([])) == []
    assert np.isnan(holm([float("nan")])).all()


def test_any_false_alarm_of_a_family_is_as_rare_as_stated_also_where_tests_depend_on_each_other():
    rng = np.random.default_rng(0)
    apart = rng.random((4000, 10))
    together = np.repeat(rng.random((4000, 1)), 10, 1)
    for p in (apart, together):
        assert np.mean([holm(row).min() <= 0.05 for row in p]) <= 0.06
