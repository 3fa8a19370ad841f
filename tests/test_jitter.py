"""How predictions move is told by a formula: each word for the run that earns it, and none for a run too short."""

from __future__ import annotations

import numpy as np
import pytest

from nbrecipe.film import Film, Kind, jitter


def film(frames, kind=Kind.CLASSES, **more):
    frames = [np.asarray(frame, "f4") for frame in frames]
    return Film(kind, ["0"] * len(frames[0]), more.pop("targets", np.ones(len(frames[0]))), frames, [], **more)


def random(seed=0):
    return np.random.default_rng(seed)


def settling(frames=40):
    return film([1 - 0.9 * np.exp(-i / 5) * np.ones(16) for i in range(frames)])


def wiggling(frames=60):
    return film(list(random().uniform(0.1, 0.9, (frames, 16))))


def swinging(frames=40):
    return film([0.5 + 0.3 * (-1) ** i * np.ones(16) for i in range(frames)])


def still(frames=40):
    return film(list(0.1 + 0.001 * random().standard_normal((frames, 16))))


def drifting(frames=40):
    return film([0.02 * i * np.ones(16) for i in range(frames)])


@pytest.mark.parametrize(
    ("make", "word"),
    [(settling, "settles"), (wiggling, "wiggles"), (swinging, "wiggles"), (still, "barely moves"), (drifting, "moves")],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_each_word_is_earned(make, word):
    assert jitter(make()).word == word


@pytest.mark.parametrize(("make", "turn"), [(drifting, 1.0), (swinging, -1.0), (wiggling, -0.5)])
def test_the_correlation_of_moves_is_that_of_the_formula(make, turn):
    assert jitter(make()).turn == pytest.approx(turn, abs=0.1)


def test_the_numbers_are_those_of_the_formula():
    seen = jitter(film([[0.0], [0.4], [0.6], [0.7], [0.7], [0.8], [0.8], [0.9], [0.9]]))
    assert (seen.early, seen.late) == (pytest.approx(0.7 / 4), pytest.approx(0.2 / 4))
    assert seen.far == pytest.approx(0.9)
    assert seen.turn == pytest.approx(0.0, abs=1e-6)  # late moves 0.1 0 0.1 0: no two in a row


def test_random_walks_are_hardly_ever_called_wiggles():
    """The word asks for two standard errors, so that about one walk in forty could earn it."""
    called = 0
    for seed in range(400):
        walk = np.cumsum(0.1 * random(seed).standard_normal((40, 1)), axis=0) * np.ones(16)
        called += jitter(film(list(walk))).word == "wiggles"
    assert called <= 20


def test_noise_about_one_place_is_called_wiggles_in_a_film_of_full_length():
    words = [jitter(film(list(random(seed).uniform(0, 1, (120, 8))))).word for seed in range(50)]
    assert words.count("wiggles") == 50


def test_values_are_measured_in_the_spread_of_the_targets():
    frames = 1000 * random().uniform(0, 1, (60, 16))
    wide = film(list(frames), Kind.REGRESSION, targets=100_000 * random(1).standard_normal(16))
    near = film(list(frames), Kind.REGRESSION, targets=1000 * random(1).standard_normal(16))
    assert (jitter(wide).word, jitter(near).word) == ("barely moves", "wiggles")


def test_images_are_measured_in_their_range():
    frames = list(255 * random().uniform(0, 1, (60, 2, 40, 40)))
    seen = jitter(film(frames, Kind.IMAGES, targets=np.zeros((2, 40, 40)), limits=(0.0, 255.0)))
    assert seen.late == pytest.approx(1 / 3, rel=0.1)  # two uniform numbers are a third apart


@pytest.mark.parametrize(
    "short",
    [film([[0.1]] * 7), film([[0.1]] * 20, Kind.LOSS), film([[np.nan]] * 20)],
    ids=["seven frames", "no predictions", "nan"],
)
def test_of_too_little_nothing_is_said(short):
    assert jitter(short) is None


def test_a_prediction_that_is_no_number_is_left_out():
    frames = [np.array([np.nan if i == 9 else 0.1, 0.02 * i]) for i in range(40)]
    assert jitter(film(frames)).word == "moves"
