"""Statistics that the user keeps say whether values were normalised with them twice, or in another scale."""

import numpy as np
import pytest
import torch

from nbrecipe.probes.batch.undone import undone

LUCK = np.random.default_rng(0)
UNITS, CENTRES = np.array([9.0, 0.4, 30, 2]), np.array([20.0, 3, -40, 100])
RAW = LUCK.normal(size=(400, 4)) * UNITS + CENTRES
MEAN, STD = RAW.mean(0), RAW.std(0)
ONCE = (RAW - MEAN) / STD
IMAGES = LUCK.integers(0, 17, (64, 1, 8, 8)) / 16.0
OTHERS = {
    "lr": 0.1,
    "momentum": 0.9,
    "batch": 32.0,
    "epochs": np.float64(20),
    "weights": LUCK.random(4),
    "b": torch.rand(4),
}


def test_what_was_standardised_twice_is_named():
    found = undone((ONCE - MEAN) / STD, {**OTHERS, "mu": MEAN, "sd": torch.tensor(STD)})
    assert found.told.startswith("undoing `mu` and `sd` once")
    assert "run twice" in found.fix


def test_statistics_of_sixteen_times_the_scale_are_named():
    m, s = 16 * IMAGES.mean(), 16 * IMAGES.std()
    found = undone((IMAGES - m) / s, {**OTHERS, "m": m, "s": s})
    assert found.told.startswith("before `m`, ")
    assert "from 0 to 1" in found.told


@pytest.mark.parametrize(
    ("values", "kept"),
    {
        "once": (ONCE, {"mean": MEAN, "std": STD}),
        "once, a batch of few": (ONCE[:20], {"mean": MEAN, "std": STD}),
        "not yet": (RAW, {"mean": MEAN, "std": STD}),
        "not yet, and the way back is kept": (RAW, {"m": -MEAN / STD, "s": 1 / STD, "mean": MEAN, "std": STD}),
        "by the range": ((RAW - RAW.min(0)) / np.ptp(RAW, 0), {"mean": MEAN, "std": STD, "low": RAW.min(0)}),
        "another table": (RAW / 1000, {"mean": MEAN, "std": STD}),
        "images, once": ((IMAGES - IMAGES.mean()) / IMAGES.std(), {"m": IMAGES.mean(), "s": IMAGES.std()}),
        "images from 0 to 1": (IMAGES, {"m": IMAGES.mean(), "s": IMAGES.std()}),
        "images from -1 to 1": (IMAGES * 2 - 1, {"half": 0.5, "two": 2.0}),
        "bytes normalised as such": ((IMAGES * 255 - 130) / 70, {"m": 130.0, "s": 70.0}),
        "one-hot": (np.eye(4)[LUCK.integers(0, 4, 200)], {"mean": np.full(4, 0.25), "std": np.full(4, 0.43)}),
        "no numbers": ((ONCE - MEAN) / STD, {}),
        "not finite": (np.where(ONCE > 2, np.nan, ONCE), {"mean": MEAN, "std": STD}),
    }.values(),
)
def test_what_was_not_is_left_alone(values, kept):
    assert undone(values, {**OTHERS, **kept}) is None


def test_numbers_at_random_say_nothing():
    for seed in range(300):
        luck = np.random.default_rng(seed)
        values = luck.normal(luck.normal() * 3, luck.random() + 0.01, (64, 5))
        numbers = {f"v{i}": luck.lognormal(0, 2, 5) for i in range(10)}
        numbers |= {f"n{i}": float(luck.lognormal()) for i in range(9)}
        assert undone(values, numbers) is None
