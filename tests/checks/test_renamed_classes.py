"""Classes that validation names in another way are found before any training; harder data are not taken for it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

CHECK = all_checks()["renamed-classes"]
DIGITS = load_digits()


def loader(x, y):
    data = TensorDataset(torch.as_tensor(np.asarray(x), dtype=torch.float32), torch.as_tensor(np.asarray(y)))
    return DataLoader(data, batch_size=64)


def split(x, y, change=None, at=1200, touch=None):
    order = np.random.default_rng(0).permutation(len(x))
    x, y = np.asarray(x)[order], np.asarray(y)[order]
    told = y[at:] if change is None else np.asarray(change)[y[at:]]
    other = x[at:] if touch is None else touch(x[at:])
    return Bench(train_loader=loader(x[:at], y[:at]), val_loader=loader(other, told))


def noisy(x):
    return x + 6 * np.random.default_rng(0).normal(size=x.shape)


CHANGES = {
    "the other way round": list(range(10))[::-1],
    "counted from one": list(range(1, 11)),
    "as words are sorted": [2, 7, 0, 4, 9, 1, 3, 5, 8, 6],
    "two swapped": [0, 1, 2, 3, 4, 9, 6, 7, 8, 5],
    "three in turn": [1, 2, 0, 3, 4, 5, 6, 7, 8, 9],
}


@pytest.mark.parametrize("name", CHANGES)
def test_digits_by_other_names(name):
    finding = run(CHECK, split(DIGITS.images, DIGITS.target, CHANGES[name])).finding
    assert finding.verdict is Verdict.BAD, finding.message
    assert finding.seen["renamed_accuracy"] > 0.9


def test_the_message_names_the_classes():
    finding = run(CHECK, split(DIGITS.images, DIGITS.target, CHANGES["two swapped"])).finding
    assert "once classes are renamed (5 → 9, 9 → 5)" in finding.message


RIGHT = {
    "digits": lambda: split(DIGITS.images, DIGITS.target),
    "iris": lambda: split(*load_iris(return_X_y=True), at=100),
    "wine": lambda: split(*load_wine(return_X_y=True), at=120),
    "breast cancer": lambda: split(*load_breast_cancer(return_X_y=True), at=400),
    "upside down": lambda: split(DIGITS.images, DIGITS.target, touch=lambda v: v[:, ::-1, ::-1].copy()),
    "mirrored": lambda: split(DIGITS.images, DIGITS.target, touch=lambda v: v[:, :, ::-1].copy()),
    "inverted": lambda: split(DIGITS.images, DIGITS.target, touch=lambda v: 16 - v),
    "scaled otherwise": lambda: split(DIGITS.images, DIGITS.target, touch=lambda v: v / 16),
    "noise added": lambda: split(DIGITS.images, DIGITS.target, touch=noisy),
    "shifted by a pixel": lambda: split(DIGITS.images, DIGITS.target, touch=lambda v: np.roll(v, 1, axis=2)),
    "blank": lambda: split(DIGITS.images, DIGITS.target, touch=np.zeros_like),
    "labels by chance": lambda: split(DIGITS.images, DIGITS.target, np.random.default_rng(0).permutation(10) * 0),
    "shuffled": lambda: split(DIGITS.images, np.random.default_rng(1).permutation(DIGITS.target)),
    "other classes": lambda: Bench(
        train_loader=loader(DIGITS.images[DIGITS.target < 5], DIGITS.target[DIGITS.target < 5]),
        val_loader=loader(DIGITS.images[DIGITS.target >= 5], DIGITS.target[DIGITS.target >= 5]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_data_that_are_right_or_wrong_in_other_ways_are_left_alone(name):
    finding = run(CHECK, RIGHT[name]()).finding
    assert finding.verdict in (Verdict.OK, Verdict.SKIPPED), finding.message


@pytest.mark.parametrize("seed", range(20))
def test_fresh_seeds_are_quiet(seed):
    x, y = toys.classify(rows=400, seed=seed).train_data.tensors
    assert run(CHECK, split(x, y, at=250)).finding.verdict is Verdict.OK


@pytest.mark.parametrize("seed", range(20))
def test_answers_by_chance_are_no_renaming(seed):
    random = np.random.default_rng(seed)
    x, y = toys.classify(rows=400, classes=4, seed=seed).train_data.tensors
    blank = Bench(train_loader=loader(x[:250], y[:250]), val_loader=loader(random.normal(size=(100, 20)), y[250:350]))
    assert run(CHECK, blank).finding.verdict is Verdict.OK


def test_splits_that_do_not_compare_are_skipped():
    x, y = toys.classify(rows=300).train_data.tensors
    other = Bench(train_loader=loader(x, y), val_loader=loader(DIGITS.images, DIGITS.target))
    assert run(CHECK, other).finding.message == "`train_loader` and `val_loader` do not hold the same columns"
    assert run(CHECK, Bench(train_loader=loader(x, y))).finding.message == "needs `val_loader`"
