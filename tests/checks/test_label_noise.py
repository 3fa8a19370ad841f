"""Flipped labels stand at the top of the ranking; clean and hard data are no fault."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import datasets as known
from sklearn.datasets import load_diabetes, load_digits, make_blobs, make_classification, make_moons
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe import toys
from nbrecipe.bench import Bench, Cell
from nbrecipe.experiments.simple.noise import train_noise
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

CHECK = all_checks()["label-noise"]


def bench(x, y, **more):
    data = TensorDataset(torch.as_tensor(np.asarray(x), dtype=torch.float32), torch.as_tensor(y))
    return Bench(train_loader=DataLoader(data, batch_size=64, shuffle=True), **more)


def found(x, y, **more):
    return run(CHECK, bench(x, y, **more)).finding


def flipped(y, share, classes, seed):
    """Labels of which some are those of another class, and the places of those."""
    random = np.random.default_rng(seed)
    y, rows = np.array(y), random.choice(len(y), int(share * len(y)), replace=False)
    y[rows] = (y[rows] + random.integers(1, classes, len(rows))) % classes
    return y, rows


DIGITS = load_digits()


@pytest.mark.parametrize("seed", range(8))
def test_flipped_digits_stand_within_the_first_tenth_of_the_ranking(seed):
    y, rows = flipped(DIGITS.target, 0.05, 10, seed)
    seen = bench(DIGITS.images, y).once(train_noise)
    first = seen.rows.rows[seen.order[: len(y) // 10]]
    assert np.isin(rows, first).mean() >= 0.9
    suggested = {s.row: s.suggested for s in seen.suspects(len(y) // 10)}
    assert np.mean([suggested[row] == DIGITS.target[row] for row in rows if row in suggested]) > 0.9


@pytest.mark.parametrize("seed", range(3))
def test_five_in_a_hundred_are_worth_a_look_with_their_rows(seed):
    y, rows = flipped(DIGITS.target, 0.05, 10, seed)
    finding = found(DIGITS.images, y)
    assert finding.verdict is Verdict.HINT
    assert finding.seen["low"] < 0.05 < finding.seen["high"]
    told = [row for row, *_ in finding.seen["suspects"]]
    assert np.isin(told[:50], rows).mean() > 0.9
    assert f"row {told[0]} (" in finding.message


@pytest.mark.parametrize("share", [0.2, 0.3, 0.4])
def test_much_noise_spread_evenly_is_a_fault_unless_it_is_meant(share):
    y, _ = flipped(DIGITS.target, share, 10, 0)
    assert found(DIGITS.images, y).verdict is Verdict.BAD
    meant = found(DIGITS.images, y, cells=(Cell(1, "noise_rate = 0.3"),))
    assert meant.verdict is Verdict.HINT
    assert "it may be meant" in meant.why


@pytest.mark.parametrize("share", [0.02, 0.06, 0.09])
def test_below_a_tenth_it_is_never_a_fault(share):
    for seed in range(3):
        y, _ = flipped(DIGITS.target, share, 10, seed)
        assert found(DIGITS.images, y).verdict in (Verdict.OK, Verdict.HINT)


def overlapping(spread, classes=5):
    return make_blobs(800, 8, centers=classes, cluster_std=spread, center_box=(-3, 3), random_state=0)


def made(**more):
    return make_classification(**{"n_samples": 800, "n_informative": 6, "random_state": 0, "flip_y": 0.0} | more)


def coin(rows=800):
    """An outcome that is a coin toss with odds that the input sets."""
    x = torch.randn(rows, 5, generator=toys.seeded(1))
    return x, (torch.rand(rows, generator=toys.seeded(2)) < torch.sigmoid(2 * x[:, 0])).long()


def mixed_up(share=0.3):
    """Two of ten classes that people mix up: not errors at random."""
    y = DIGITS.target.copy()
    nines = np.flatnonzero(y == 9)
    y[nines[: int(share * len(nines))]] = 3
    return DIGITS.images, y


def coarse():
    """Images of which hardly anything is left."""
    random = np.random.default_rng(0)
    return DIGITS.images + 8 * random.normal(size=DIGITS.images.shape), DIGITS.target


CLEAN = {
    "digits": lambda: (DIGITS.images, DIGITS.target),
    "digits as vectors": lambda: (DIGITS.data, DIGITS.target),
    "iris": lambda: known.load_iris(return_X_y=True),
    "wine": lambda: known.load_wine(return_X_y=True),
    "breast cancer": lambda: known.load_breast_cancer(return_X_y=True),
    "moons": lambda: make_moons(400, noise=0.1, random_state=0),
    "circles": lambda: known.make_circles(400, noise=0.05, factor=0.5, random_state=0),
    "blobs": lambda: overlapping(0.5),
    "rare": lambda: made(weights=[0.93]),
    "even or odd": lambda: (DIGITS.images, DIGITS.target % 2),
}
HARD = {
    "overlapping moons": lambda: make_moons(600, noise=0.4, random_state=0),
    "overlapping blobs": lambda: overlapping(2.0),
    "blobs in one another": lambda: overlapping(4.0),
    "many clusters": lambda: made(n_classes=4, n_clusters_per_class=3),
    "five classes": lambda: made(n_classes=5, class_sep=0.7),
    "no class can be told": lambda: made(n_classes=4, class_sep=0.01),
    "coin": coin,
    "two classes mixed up": mixed_up,
    "images in noise": coarse,
    "even or odd in noise": lambda: (coarse()[0], DIGITS.target % 2),
    "diabetes in quarters": lambda: (load_diabetes().data, np.digitize(load_diabetes().target, [87, 140, 211])),
    "labels by chance": lambda: (DIGITS.images, torch.randint(10, (1797,), generator=toys.seeded())),
}


@pytest.mark.parametrize("name", CLEAN)
def test_clean_data_are_fine(name):
    finding = found(*CLEAN[name]())
    assert finding.verdict is Verdict.OK, finding.message


@pytest.mark.parametrize("name", HARD)
def test_a_hard_task_is_no_fault(name):
    finding = found(*HARD[name]())
    assert finding.verdict in (Verdict.OK, Verdict.HINT), finding.message


def test_texts_and_tokens_have_suspects_too():
    random = np.random.default_rng(0)
    words = [["good", "fine", "lovely"], ["bad", "awful", "poor"], ["plain", "usual", "average"]]
    y = random.integers(3, size=300)
    texts = [f"the {random.choice(['room', 'bed', 'view'])} was {random.choice(words[c])}" for c in y]
    given, rows = flipped(y, 0.05, 3, 0)
    seen = Bench(train_data=[{"text": t, "label": int(c)} for t, c in zip(texts, given, strict=True)]).once(train_noise)
    assert set(rows) <= set(seen.rows.rows[seen.order[:30]])
    ids = {w: i for i, w in enumerate(sorted({w for t in texts for w in t.split()}), start=20)}
    tokens = [(torch.tensor([ids[w] for w in t.split()]), int(c)) for t, c in zip(texts, given, strict=True)]
    seen = Bench(train_data=tokens).once(train_noise)
    assert set(rows) <= set(seen.rows.rows[seen.order[:30]])


def test_what_cannot_be_judged_is_skipped():
    assert run(CHECK, toys.regress()).finding.message.startswith("the label is a number")
    assert found(DIGITS.images[:60], DIGITS.target[:60]).message.startswith("needs 100 rows and 10 of each class")
    assert run(CHECK, toys.next_token()).finding.verdict is Verdict.SKIPPED


def test_a_missing_library_is_named_with_what_installs_it(monkeypatch):
    from nbrecipe import libraries

    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(libraries.importlib, "import_module", missing)
    finding = found(DIGITS.images, DIGITS.target)
    assert finding.verdict is Verdict.SKIPPED
    assert finding.message == 'scikit-learn is missing: `pip install "nbrecipe[data]"` brings it'
