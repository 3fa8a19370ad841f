"""Labels that belong to other rows are a fault where something proves it; a task that is hard is none."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes, load_digits, load_iris, load_wine, make_circles, make_moons
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe import toys
from nbrecipe.bench import Bench, Cell
from nbrecipe.experiments.simple.groups import valleys
from nbrecipe.experiments.simple.information import informed
from nbrecipe.experiments.simple.rows import train_rows
from nbrecipe.experiments.simple.shuffling import alone, meant
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

CHECK = all_checks()["shuffled-labels"]
DIGITS = load_digits()


def loader(x, y):
    data = TensorDataset(torch.as_tensor(np.asarray(x), dtype=torch.float32), torch.as_tensor(np.asarray(y)))
    return DataLoader(data, batch_size=64, shuffle=True)


def found(x, y, **more):
    return run(CHECK, Bench(train_loader=loader(x, y), **more)).finding


def apart(y, seed=0):
    return np.random.default_rng(seed).permutation(y)


def cell(*lines):
    return (Cell(1, "\n".join(lines)),)


@pytest.mark.parametrize("seed", range(5))
def test_digits_and_labels_in_two_orders(seed):
    finding = found(DIGITS.images[:1200], apart(DIGITS.target[:1200], seed))
    assert finding.verdict is Verdict.BAD, finding.message
    assert "the images fall into 10 groups by themselves" in finding.message
    assert finding.code.startswith("order = torch.randperm(len(X))")


ALONE = [
    "y = y[torch.randperm(len(y))]",
    "labels = np.random.permutation(labels)",
    "rng.shuffle(targets)",
    "import random\nrandom.shuffle(train_labels)",
    "p = torch.randperm(n)\nq = torch.randperm(n)\nX, y = X[p], y[q]",
    "X, y = X[torch.randperm(n)], y[torch.randperm(n)]",
    "df['label'] = df['label'].sample(frac=1).values",
    "def load():\n    y = shuffle(y)\n    return X, y",
    "p = torch.randperm(n)\nX = X[p]\np = torch.randperm(n)\ny = y[p]",
]


@pytest.mark.parametrize("source", ALONE)
def test_a_cell_that_orders_one_side_is_the_cause(source):
    x, y = load_diabetes(return_X_y=True)
    finding = found(x, apart(y), cells=cell(source))
    assert finding.verdict is Verdict.BAD, finding.message
    assert finding.where.startswith("cell 1, line ")


TOGETHER = [
    "order = torch.randperm(len(X))\nX, y = X[order], y[order]",
    "X, y = shuffle(X, y, random_state=0)",
    "pairs = list(zip(X, y))\nrandom.shuffle(pairs)",
    "idx = list(range(n))\nrandom.shuffle(idx)\nX = X[idx]\ny = y[idx]",
    "idx = np.random.permutation(n)\ntrain, val = idx[:80], idx[80:]\nX_train, y_train = X[train], y[train]",
    "df = df.sample(frac=1)",
    "perm = rng.permutation(len(x))\nx = x[perm]\nlabels = labels[perm]",
    "y = y[mask]",
    "some = random.sample(labels, 5)",
    "unlabeled = unlabeled[torch.randperm(len(unlabeled))]",
    "loader = DataLoader(data, shuffle=True)",
]


@pytest.mark.parametrize("source", TOGETHER)
def test_one_order_for_both_is_no_cause(source):
    assert alone(cell(source)) is None


def test_an_order_is_followed_from_cell_to_cell():
    cells = tuple(Cell(i, s) for i, s in enumerate(["p = torch.randperm(9)", "X = X[p]", "y = y[p]", "1 +"], 1))
    assert alone(cells) is None
    assert alone((cells[0], cells[2])) is not None


MEANT = [
    "y = torch.randint(0, 10, (n,))",
    "labels = rng.integers(0, 10, size=n).astype(int)",
    "random_labels = y[torch.randperm(len(y))]",
    "y_shuffled = np.random.permutation(y)",
    "targets = np.random.choice(10, n)",
]


@pytest.mark.parametrize("source", MEANT)
def test_labels_random_on_purpose_are_no_fault(source):
    assert meant(cell(source))
    finding = found(DIGITS.images, apart(DIGITS.target), cells=cell(source))
    assert finding.verdict is Verdict.HINT
    assert "is random by its name or its making" in finding.why


@pytest.mark.parametrize("source", ["y = torch.tensor(digits.target)", "y = load()", "x = torch.randn(4)", "seed = 0"])
def test_labels_that_are_read_are_not_random_on_purpose(source):
    assert meant(cell(source)) == ""


def test_one_split_proves_the_other_wrong():
    x, y = toys.classify(rows=1200).train_data.tensors
    good, wrong = loader(x, y), loader(x, apart(y))
    finding = run(CHECK, Bench(train_loader=wrong, val_loader=good)).finding
    assert finding.verdict is Verdict.BAD
    assert "in `val_loader` the same models do" in finding.message
    finding = run(CHECK, Bench(train_loader=good, val_loader=wrong)).finding
    assert finding.verdict is Verdict.BAD
    assert "know nothing of the labels of `val_loader`" in finding.message
    assert run(CHECK, Bench(train_loader=good, val_loader=good)).finding.verdict is Verdict.OK


def test_labels_that_are_shifted_are_left_to_that_check():
    order = np.random.default_rng(0).permutation(1797)
    finding = found(DIGITS.images[order], np.roll(DIGITS.target[order], 1))
    assert finding.verdict is Verdict.HINT
    assert "shifted by 1" in finding.why


def random(seed=0):
    return np.random.default_rng(seed)


def sparse_parity(rows=800):
    x = random().integers(2, size=(rows, 40))
    return x, x[:, :3].sum(1) % 2


def modular(p=31):
    pairs = np.array(list(itertools.product(range(p), repeat=2)))
    return pairs, pairs.sum(1) % p


def same_or_not():
    first, second = random(1).permutation(1797), random(2).permutation(1797)
    second = np.where(random(3).random(1797) < 0.5, second, [random(i).choice(np.flatnonzero(DIGITS.target == c))
                      for i, c in enumerate(DIGITS.target[first])])  # fmt: skip
    together = np.concatenate([DIGITS.images[first], DIGITS.images[second]], axis=2)
    return together, (DIGITS.target[first] == DIGITS.target[second]).astype(int)


def sum_of_two():
    first, second = random(1).permutation(1797), random(2).permutation(1797)
    together = np.concatenate([DIGITS.images[first], DIGITS.images[second]], axis=2)
    return together, (DIGITS.target[first] + DIGITS.target[second]) % 10


def returns(rows=1000):
    steps = random().normal(size=rows + 10)
    return np.stack([steps[i : i + 9] for i in range(rows)]), (steps[9 : 9 + rows] > 0).astype(int)


def trial(rows=600):
    """Patients of two sexes, treated by lot."""
    sex = random().integers(2, size=rows)
    x = random(1).normal(size=(rows, 6)) + 3 * sex[:, None]
    return x, random(2).integers(3, size=rows)


def noise_images(rows=600):
    return random().normal(size=(rows, 1, 8, 8)), random(1).integers(5, size=rows)


def smooth_images(rows=800):
    """One kind of image, moved about: no groups."""
    grid = np.arange(12)
    place = random().uniform(2, 10, size=(rows, 2))
    blobs = np.exp(-(np.square(grid[:, None] - place[:, :1, None]) + np.square(grid - place[:, 1:, None])) / 6)
    return blobs[:, None], random(1).integers(4, size=rows)


def waves(rows=400):
    """Raw audio, the class hidden in the phase between two tones."""
    time, phase = np.arange(200), random().uniform(0, 6, size=(rows, 1))
    y = random(1).integers(2, size=rows)
    return (np.sin(time / 5 + phase) + np.sin(time / 3 + phase + 3 * y[:, None]))[:, :, None], y


LOOKALIKES = {
    "sparse parity": sparse_parity,
    "sums of numbers modulo": modular,
    "same digit or not": same_or_not,
    "two digits added": sum_of_two,
    "market returns": returns,
    "treated by lot": trial,
    "noise as images": noise_images,
    "one blob, no groups": smooth_images,
    "raw audio": waves,
    "noise": lambda: (random().normal(size=(500, 10)), random(1).integers(4, size=500)),
    "noise to predict": lambda: (random().normal(size=(500, 10)), random(1).normal(size=500)),
    "hashes": lambda: (random().integers(2**30, size=(400, 2)), random(1).integers(3, size=400)),
    "groups in a table": lambda: (np.repeat(np.eye(4), 200, 0) + 0, apart(np.arange(800) % 4)),
    "digits, a coin for each": lambda: (DIGITS.images, random().integers(2, size=1797)),
    "wine by chance": lambda: (load_wine().data.repeat(3, 0), apart(load_wine().target.repeat(3))),
    "a checkerboard": lambda: (
        random().uniform(size=(1500, 2)), (np.floor(random().uniform(size=(1500, 2)) * 6).sum(1) % 2).astype(int)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LOOKALIKES)
def test_that_nothing_is_found_is_no_proof(name):
    finding = found(*LOOKALIKES[name]())
    assert finding.verdict in (Verdict.OK, Verdict.HINT), finding.message


KNOWN = {
    "digits": lambda: (DIGITS.images, DIGITS.target),
    "iris": lambda: [v.repeat(2, 0) for v in load_iris(return_X_y=True)],
    "diabetes": lambda: load_diabetes(return_X_y=True),
    "moons": lambda: make_moons(300, noise=0.2, random_state=0),
    "circles": lambda: make_circles(300, noise=0.1, factor=0.5, random_state=0),
    "exclusive or": lambda: (v := random().normal(size=(500, 2)), ((v[:, 0] > 0) ^ (v[:, 1] > 0)).astype(int)),
    "one in thirty": lambda: (v := random().normal(size=(1500, 5)), (v[:, 0] > 1.85).astype(int)),
    "half of the labels wrong": lambda: (
        DIGITS.images, np.where(random().random(1797) < 0.5, apart(DIGITS.target), DIGITS.target)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_labels_that_are_known_are_fine(name):
    finding = found(*KNOWN[name]())
    assert finding.verdict is Verdict.OK, finding.message


def test_digits_stand_in_ten_groups_and_noise_in_none():
    digits = valleys(train_rows(Bench(train_loader=loader(DIGITS.images, DIGITS.target))), 10)
    noise = valleys(train_rows(Bench(train_loader=loader(*noise_images()))), 5)
    assert digits.depth < 0.5
    assert digits.p < 1e-6
    assert noise.depth > 0.8


def test_p_values_of_labels_by_chance_are_spread_as_stated():
    x = random().normal(size=(250, 6))
    p = [informed(train_rows(Bench(train_loader=loader(x, apart(np.arange(250) % 3, seed))))).p for seed in range(40)]
    assert np.mean(np.array(p) < 0.05) <= 0.2
    assert np.mean(np.array(p) > 0.2) >= 0.5


def test_few_rows_prove_nothing():
    assert found(DIGITS.images[:150], DIGITS.target[:150]).message == "needs 200 rows with a label, not 150"
    assert run(CHECK, toys.next_token()).finding.verdict is Verdict.SKIPPED
