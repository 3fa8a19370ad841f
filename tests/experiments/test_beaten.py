"""Who on a ladder beats whom beyond chance."""

from __future__ import annotations

import numpy as np
import pytest

from nbrecipe.evaluation.answers import Answers
from nbrecipe.experiments.ladder.beaten import beaten
from nbrecipe.experiments.ladder.rung import Rung
from nbrecipe.task import Kind

ROWS = np.arange(200)


def rung(name, right, loss=None):
    zeros = np.zeros(len(right))
    return Rung(name, "", "", "", Answers(name, Kind.CLASSES, ROWS[: len(right)], zeros, zeros, right=right, loss=loss))


def shares(*values):
    """Rungs that are right for so many of 200 rows, the same first ones."""
    return [rung(str(value), (value > ROWS) * 1.0) for value in values]


def test_each_rung_is_below_above_or_alike():
    model, *others = shares(150, 20, 100, 149, 190)
    found = beaten(model, others)
    assert (found.below, found.alike, found.above) == (("20", "100"), ("149",), ("190",))
    assert found.metrics == ("accuracy",)
    assert found.methods == ("exact McNemar test",)
    assert found.count == 4


def test_what_is_expected_of_a_draw_at_random_is_no_right_or_wrong():
    found = beaten(rung("net", (ROWS < 150) * 1.0), [rung("uniform", np.full(200, 0.1))])
    assert found.below == ("uniform",)
    assert found.methods == ("sign-flip test, 9999 flips, seed 0",)


def test_errors_are_better_where_they_are_less():
    rng = np.random.default_rng(0)
    target = rng.normal(size=200)
    given = {far: target + far * rng.normal(size=200) for far in (1.0, 0.2, 5.0)}
    made = [Rung(str(far), "", "", "", Answers(str(far), Kind.REGRESSION, ROWS, target, answer))
            for far, answer in given.items()]  # fmt: skip
    found = beaten(made[0], made[1:])
    assert (found.below, found.above, found.metrics) == (("5.0",), ("0.2",), ("MAE",))


def test_rungs_without_answers_and_rows_apart_are_left_out():
    model = rung("net", (ROWS < 150) * 1.0)
    assert beaten(model, [Rung("rule", "", "", "", None, "it raises")]) is None
    other = Answers("you", Kind.CLASSES, np.arange(900, 910), np.zeros(10), np.zeros(10), right=np.ones(10))
    assert beaten(model, [Rung("you", "", "", "", other)]) is None


@pytest.mark.parametrize("seed", [0, 1])
def test_equal_rungs_are_seldom_told_apart(seed):
    rng = np.random.default_rng(seed)
    wrong = 0
    for _ in range(100):
        model, *others = [rung(str(k), (rng.random(200) < 0.7) * 1.0) for k in range(6)]
        found = beaten(model, others)
        wrong += bool(found.below or found.above)
    assert wrong <= 13  # 5 % at most are expected
