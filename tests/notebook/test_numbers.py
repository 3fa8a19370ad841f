"""Which of the user's variables are numbers that may be means and deviations."""

import numpy as np
import torch

from nbrecipe.notebook.names import Variables
from nbrecipe.notebook.numbers import kept_numbers


class Scaler:
    def __init__(self):
        self.mean_, self.scale_ = np.arange(3.0), np.ones(3)


class Loud:
    def __getattribute__(self, name):
        raise RuntimeError(name)


def test_floats_small_arrays_and_what_scalers_keep_are_told_by_name():
    user = {
        "rate": 0.1, "count": 3, "flag": True, "mean": torch.zeros(4), "ids": torch.arange(4), "std": np.ones(4, "f4"),
        "large": np.zeros(5000), "scaler": Scaler(), "kind": Scaler, "_hidden": 1.0, "text": "x", "loud": Loud(),
    }  # fmt: skip
    found = kept_numbers(Variables(user, {"std": 2.0}))
    assert set(found) == {"rate", "mean", "std", "scaler.mean_", "scaler.scale_"}
    assert found["std"] == 2.0  # the inner scope's
    assert found["mean"] is user["mean"]
