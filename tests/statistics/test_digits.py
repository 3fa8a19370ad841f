"""The digits that are printed follow from the interval."""

import math

import pytest

from nbrecipe.statistics.digits import against, chance, told, worth
from nbrecipe.statistics.interval import Interval
from nbrecipe.statistics.means import mean_interval
from nbrecipe.statistics.paired import Paired
from nbrecipe.statistics.proportions import wilson


def about(value, half):
    return Interval(value - half, value + half, "Student's t")


@pytest.mark.parametrize(
    ("value", "half", "said"),
    [(0.9123, 0.02, "0.91"), (0.9123, 0.099, "0.91"), (0.9123, 0.1, "0.9"), (0.9, 0.02, "0.90"),
     (0.91234, 0.0055, "0.912"), (0.91234, 0.0004, "0.9123"), (23.44, 1.2, "23"), (23.44, 0.3, "23.4"),
     (12345.0, 230.0, "12300"), (-0.5, 0.07, "-0.50"), (0.0, 0.02, "0.00"), (-0.001, 0.02, "-0.001"),
     (-0.04, 0.3, "-0.04"), (1.2e-6, 3e-7, "1.2e-06"), (3.21e8, 1e7, "3.2e+08")],
)  # fmt: skip
def test_a_value_has_the_digits_that_its_half_width_deserves(value, half, said):
    assert worth(value, about(value, half)) == said


def test_what_is_not_perfect_is_not_called_so():
    assert worth(249 / 250, wilson(249, 250)) == "0.996"
    assert worth(1.0, wilson(250, 250)) == "1.000"
    assert worth(1 / 250, wilson(1, 250)) == "0.004"


def test_more_examples_give_more_digits():
    assert [worth(0.5, wilson(n / 2, n)) for n in (10, 100, 10_000, 1_000_000)] == ["0.5", "0.50", "0.500", "0.5000"]


def test_a_value_is_told_with_its_interval():
    assert told(0.912, Interval(0.893, 0.928, "Wilson")) == "0.91 (0.89 to 0.93)"
    assert told(12345.0, Interval(11000.0, 14000.0, "Student's t")) == "12000 (11000 to 14000)"
    assert told(0.7, mean_interval([0.7])) == "0.700 (no interval: one example alone)"
    assert told(math.nan, Interval(math.nan, math.nan, "values that are no numbers")).startswith("nan")
    assert worth(math.inf, Interval(-math.inf, math.inf, "")) == "inf"
    assert told(0.0, Interval(0.0, 0.0, "all examples are alike")) == "0 (0 to 0)"


@pytest.mark.parametrize(
    ("p", "said"),
    [(0.3121, "p = 0.31"), (1.0, "p = 1.00"), (0.0999, "p = 0.10"), (0.051, "p = 0.051"), (0.0496, "p = 0.0496"),
     (0.04996, "p = 0.04996"), (0.00421, "p = 0.0042"), (0.00002, "p < 0.0001"), (0.0, "p < 0.0001")],
)  # fmt: skip
def test_a_p_value_is_told_in_two_digits_and_never_rounded_over_5_percent(p, said):
    assert chance(p) == said


def test_two_are_told_against_each_other():
    paired = Paired(0.007, Interval(-0.006, 0.02, ""), 0.31, "")
    assert against(0.912, 0.905, paired) == "0.912 against 0.905: could be chance, p = 0.31"
    assert against(0.912, 0.89, paired) == "0.91 against 0.89: could be chance, p = 0.31"
    close = Paired(0.007, Interval(-0.002, 0.016, ""), 0.31, "")
    assert against(0.912, 0.905, close) == "0.912 against 0.905: could be chance, p = 0.31"
    clear = Paired(0.1, Interval(0.05, 0.15, ""), 0.0004, "")
    assert against(0.912, 0.812, clear) == "0.91 against 0.81: no chance, p = 0.0004"
    assert against(0.912, 0.911, paired) == "0.912 against 0.911: could be chance, p = 0.31"
    same = Paired(0.0, Interval(0.0, 0.0, ""), 1.0, "")
    assert against(0.6804, 0.6804, same) == "0.680 against 0.680: could be chance, p = 1.00"
    assert against(0.0, 0.0, same) == "0 against 0: could be chance, p = 1.00"
