"""Numbers that were answered against those that are right, and the overlap of classes of pixels."""

from __future__ import annotations

import numpy as np
import pytest

from nbrecipe.evaluation.aims import POINTS, aimed
from nbrecipe.evaluation.answers import Answers
from nbrecipe.evaluation.slices import by_overlap
from nbrecipe.task import Kind


def numbers(target, answer):
    return Answers("net", Kind.REGRESSION, np.arange(len(target)), target, answer)


def test_every_row_counts_and_some_are_drawn():
    rng = np.random.default_rng(0)
    target = rng.normal(size=3000)
    answer = target + rng.normal(size=3000)
    found = aimed(numbers(target, answer))
    assert found.counts.sum() == 3000
    assert len(found.target) == POINTS
    assert found.extent == "500 of 3,000 rows, drawn with seed 0"
    assert found.within == pytest.approx(np.quantile(np.abs(answer - target), [0.5, 0.9, 1.0]))
    assert found.lean == ""
    again = aimed(numbers(target, answer))
    assert np.array_equal(again.target, found.target)


@pytest.mark.parametrize(("shift", "way"), [(2.0, "too high by"), (-2.0, "too low by")])
def test_a_lean_beyond_chance_is_told_with_its_interval(shift, way):
    rng = np.random.default_rng(0)
    target = rng.normal(size=400)
    lean = aimed(numbers(target, target + shift + rng.normal(size=400))).lean
    assert lean.startswith(way)
    low, high = (float(end) for end in lean.partition("(")[2].partition(")")[0].split(" to "))
    assert low < 2.0 < high


def test_answers_without_a_lean_are_seldom_told_to_have_one():
    rng = np.random.default_rng(1)
    told = sum(bool(aimed(numbers(np.zeros(60), rng.normal(size=60))).lean) for _ in range(400))
    assert told <= 34  # 5 % are expected; more of 400 come in one of 1000 cases


def test_several_numbers_a_row_and_answers_that_are_none():
    target = np.zeros((30, 2))
    answer = np.ones((30, 2))
    answer[3] = np.nan
    found = aimed(numbers(target, answer))
    assert found.counts.sum() == 58
    assert found.extent == "58 numbers of 29 rows"
    assert aimed(numbers(np.zeros(1), np.zeros(1))) is None
    same = aimed(numbers(np.zeros(5), np.zeros(5)))
    assert same.counts.sum() == 5
    assert same.within == (0.0, 0.0, 0.0)


def test_overlap_is_that_of_all_images_together():
    rng = np.random.default_rng(0)
    said, there = rng.integers(0, 3, (2, 20, 64))
    pixels = np.stack([[[((s == k) & (t == k)).sum() for k in range(4)], [(s == k).sum() for k in range(4)],
                        [(t == k).sum() for k in range(4)]] for s, t in zip(said, there, strict=True)])  # fmt: skip
    found = by_overlap(Answers("net", Kind.SEGMENTATION, np.arange(20), right=np.zeros(20), entries=np.full(20, 64),
                               pixels=pixels))  # fmt: skip
    want = {str(k): ((said == k) & (there == k)).sum() / ((said == k) | (there == k)).sum() for k in range(3)}
    assert {one.name: one.value for one in found.rows} == pytest.approx(want)  # a class of no pixel is left out
    assert found.metric == "IoU"
    assert all(one.value in one.interval for one in found.rows)
