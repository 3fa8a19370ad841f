"""A split in other units is named; other places, times, lights and shares of the classes are at most worth a look."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import datasets as known
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe.bench import Bench
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run
from nbrecipe.scan.looks.pixels import grid
from nbrecipe.scan.looks.shift import places_of

CHECK = all_checks()["split-shift"]


def found(train, val, labels=(None, None)):
    loaders = []
    for x, y in zip((train, val), labels, strict=True):
        y = np.arange(len(x)) % 3 if y is None else y
        data = TensorDataset(torch.as_tensor(np.asarray(x)), torch.as_tensor(np.asarray(y)))
        loaders.append(DataLoader(data, batch_size=32))
    return run(CHECK, Bench(train_loader=loaders[0], val_loader=loaders[1])).finding


def drawn(seed=0):
    return np.random.default_rng(seed)


def measured(name, seed=0):
    """Rows of a known table in two parts, and both standardised by the first."""
    x = getattr(known, f"load_{name}")().data
    x = x[drawn(seed).permutation(len(x))]
    k = int(0.75 * len(x))
    z = (x - x[:k].mean(0)) / x[:k].std(0)
    return (x[:k], x[k:]), (z[:k], z[k:])


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer"])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_split_that_was_not_standardised_is_a_fault_and_its_twin_is_fine(name, kind):
    raw, scaled = ([part.astype(kind) for part in parts] for parts in measured(name))
    for train, val in ((scaled[0], raw[1]), (raw[0], scaled[1])):
        assert found(train, val).verdict is Verdict.BAD
    for parts in (raw, scaled):
        assert found(*parts).verdict is Verdict.OK


def pictures(count=300, seed=0):
    smooth = drawn(seed).normal(size=(count, 3, 4, 4)).repeat(4, 2).repeat(4, 3) * 40 + 120
    return np.clip(smooth + drawn(seed + 1).normal(size=smooth.shape) * 4, 0, 255).astype(np.uint8)


MEAN, STD = np.array([0.485, 0.456, 0.406])[:, None, None], np.array([0.229, 0.224, 0.225])[:, None, None]
SCALES = {
    "bytes": lambda x: x.astype(np.float32),
    "unit": lambda x: (x / 255).astype(np.float32),
    "signed": lambda x: (x / 127.5 - 1).astype(np.float32),
    "normalised": lambda x: ((x / 255 - MEAN) / STD).astype(np.float32),
}


@pytest.mark.parametrize("one", SCALES)
@pytest.mark.parametrize("other", SCALES)
def test_images_in_two_scales_are_a_fault_and_in_one_are_fine(one, other):
    verdict = found(SCALES[one](pictures()), SCALES[other](pictures(seed=5))).verdict
    assert verdict is (Verdict.OK if one == other else Verdict.BAD)


def test_images_scaled_by_their_own_numbers_are_worth_a_look():
    train, val = pictures() / 255, pictures(seed=5) / 255
    finding = found((train - train.mean()) / train.std(), (val - val.mean()) / (1.01 * train.std()))
    assert finding.verdict is Verdict.HINT
    assert "numbers of its own" in finding.why


def noisy(x):
    return (x / 255 + drawn(9).normal(size=x.shape) * 0.1).astype(np.float32)


DARK = (pictures(seed=5) * 0.4).astype(np.uint8)
COARSE = pictures(seed=5) // 16 * 16
RIGHT = {
    "noise on training": (noisy(pictures()), (pictures(seed=5) / 255).astype(np.float32)),
    "dark validation": (pictures(), DARK),
    "fewer levels": (pictures(), COARSE),
    "noise alone": tuple(drawn(s).normal(size=(200, 3, 16, 16)) for s in (1, 2)),
    "black and white": tuple(((pictures(seed=s) > 120) * 255).astype(np.uint8) for s in (0, 5)),
    "heavy tails": tuple(drawn(s).standard_cauchy((400, 8)) for s in (1, 2)),
    "words": tuple((drawn(s).random((400, 200)) < 0.01).astype(np.float32) for s in (1, 2)),
    "one-hot": tuple(np.eye(12)[drawn(s).integers(0, 12, 300)] for s in (1, 2)),
    "counts": tuple(drawn(s).poisson(2.0, (300, 12)).astype(np.float32) for s in (1, 2)),
    "a constant": tuple(np.ones((100, 4)) for _ in (1, 2)),
    "few rows": (drawn(1).normal(size=(40, 30)), drawn(2).normal(size=(20, 30))),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_differs_by_nature_is_no_fault(name):
    assert found(*RIGHT[name]).verdict in (Verdict.OK, Verdict.HINT)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("rows", [60, 200])
def test_series_cut_in_time_are_no_fault(seed, rows):
    walk = np.cumsum(drawn(seed).normal(0.003, 0.02, (1000 + rows, (3, 8)[seed % 2])), 0)
    walk = np.exp(walk) if seed % 3 else walk
    walk = (walk - walk[:1000].mean(0)) / walk[:1000].std(0)
    assert found(walk[:1000], walk[1000:]).verdict is not Verdict.BAD


@pytest.mark.parametrize("seed", range(12))
def test_another_laboratory_is_worth_a_look(seed):
    g = drawn(seed)
    val = g.normal(size=(300, 15)) * g.lognormal(0, 0.5, 15) + g.normal(0, 2, 15)
    assert found(g.normal(size=(800, 15)), val).verdict is Verdict.HINT


@pytest.mark.parametrize("seed", range(20))
def test_random_splits_agree(seed):
    x = drawn(seed).lognormal(0, 1.5, (260, 10))
    assert found(x[:200], x[200:]).verdict is Verdict.OK


def test_other_shares_of_the_classes_are_no_shift():
    g = drawn(3)
    labels = g.random(2000) < 0.5, g.random(600) < 0.1
    x, val = (g.normal(size=(len(y), 6)) + 2.0 * y[:, None] for y in labels)
    assert found(x, val, tuple(y.astype(int) for y in labels)).verdict is Verdict.OK
    assert found(x, val).verdict is Verdict.HINT  # without the labels it cannot be known


def test_the_grid_of_pixels_is_found_under_any_scaling():
    levels = np.arange(200, dtype=np.float32) / 255
    for scale, offset in ((1.0, 0.0), (255.0, 0.0), (4.4, -2.1)):
        seen = grid(levels * np.float32(scale) + np.float32(offset))
        assert seen is not None
        assert seen.step == pytest.approx(scale / 255, rel=1e-4)
    assert grid(drawn(0).random(5000)) is None
    assert grid(np.array([0.0, 1.0])) is None


def test_round_numbers_are_told_from_those_of_many_digits():
    g = drawn(1)
    assert places_of(g.integers(0, 100, 200).astype(np.float32)) == 0
    assert places_of(np.round(g.normal(size=200), 2).astype(np.float32)) == 2
    assert places_of(g.normal(size=200)) is None
    assert places_of(np.ones(200)) is None


def test_lengths_that_a_batch_was_padded_to_are_no_shift():
    texts = [torch.randint(1, 50, (int(n),)) for n in drawn(1).integers(3, 30, 300)]

    def padded(rows):
        ids = torch.nn.utils.rnn.pad_sequence([x for x, _ in rows], batch_first=True)
        return {"input_ids": ids, "label": torch.tensor([y for _, y in rows])}

    rows = [(x, i % 2) for i, x in enumerate(texts)]
    loaders = [DataLoader(rows[:200], 4, collate_fn=padded), DataLoader(rows[200:], 100, collate_fn=padded)]
    assert run(CHECK, Bench(train_loader=loaders[0], val_loader=loaders[1])).finding.verdict is not Verdict.HINT
