"""Which axis of an example is time, and that its length is told along it."""

from __future__ import annotations

import numpy as np
import pytest

import nbrecipe
from nbrecipe.scan.columns.axes import axes_of
from nbrecipe.scan.columns.kinds import Kind, kind_of
from nbrecipe.scan.columns.steps import time_axis


def walks(*shape, seed=0):
    """Random walks along the last axis."""
    return np.random.default_rng(seed).standard_normal(shape).cumsum(-1).astype("f4")


def ragged(channels, low=50, high=400, first=True):
    made = [walks(channels, int(length)) for length in np.random.default_rng(0).integers(low, high, 60)]
    return made if first else [np.ascontiguousarray(one.T) for one in made]


CASES = {
    "leads of different lengths": (ragged(12), 1),
    "shorter than there are leads, too": (ragged(12, 5, 40), 1),
    "steps of twelve": (ragged(12, first=False), 0),
    "two ears": ([walks(2, 500)] * 20, 1),
    "twelve leads of one length": (walks(30, 12, 300), 1),
    "as long as there are leads, nearly": (walks(30, 12, 15), 1),
    "time before twelve leads": (walks(30, 12, 300).transpose(0, 2, 1).copy(), 0),
    "nothing tells": (np.random.default_rng(0).standard_normal((30, 12, 14)), None),
    "one axis": (list(walks(5, 300)), None),
}


@pytest.mark.parametrize("name", CASES)
def test_time_is_the_axis_whose_length_differs_or_whose_neighbours_are_alike(name):
    values, axis = CASES[name]
    assert time_axis(values) == axis


@pytest.mark.parametrize("channels", [1, 2, 6, 12])
@pytest.mark.parametrize("first", [False, True])
def test_the_length_is_that_of_time(channels, first):
    values = ragged(channels, first=first)
    assert kind_of("x", values, label=False) is Kind.SEQUENCE
    names, table = axes_of("x", Kind.SEQUENCE, values)
    assert names[0] == "x: length"
    np.testing.assert_array_equal(table[:, 0], [max(one.shape, key=lambda n: n != channels) for one in values])


def test_a_page_says_along_which_axis():
    shown = nbrecipe.inspect_data([(one, i % 2) for i, one in enumerate(ragged(6))]).shown
    assert shown.columns[0].told.startswith("sequence, of different shapes, float32, time along the second axis")
    assert shown.axes[0].low[0] >= 50


def test_bytes_and_pictures_of_one_height_stay_pictures():
    g = np.random.default_rng(0)
    lines = [g.integers(0, 255, (32, int(n)), dtype="u1") for n in g.integers(40, 90, 30)]
    assert kind_of("x", lines, label=False) is Kind.IMAGE
    assert kind_of("x", [line[:12] for line in lines], label=False) is Kind.IMAGE
    assert kind_of("x", [line / 255.0 for line in lines], label=False) is Kind.IMAGE
