"""Labels that fit when shifted are named with the shift; series, sorted rows and hard tasks are left alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes, load_digits, load_iris, load_wine
from torch.utils.data import DataLoader, Subset, TensorDataset, random_split

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

CHECK = all_checks()["misaligned-labels"]
DIGITS = load_digits()
IMAGES, LABELS = torch.tensor(DIGITS.images, dtype=torch.float32)[:, None] / 16, torch.tensor(DIGITS.target)


def found(data):
    loader = data if isinstance(data, DataLoader) else DataLoader(data, batch_size=64, shuffle=True)
    return run(CHECK, Bench(train_loader=loader)).finding


def pairs(x, y):
    return TensorDataset(torch.as_tensor(x), torch.as_tensor(y))


def classes(rows=600, seed=0):
    return toys.classify(rows=rows, seed=seed).train_data.tensors


@pytest.mark.parametrize("k", [-3, -2, -1, 1, 2, 3])
def test_every_shift_of_digits_in_their_order_is_named(k):
    finding = found(pairs(IMAGES, LABELS.roll(k)))
    assert finding.verdict is Verdict.BAD, finding.message
    assert finding.seen["shift"] == k
    assert finding.code == {
        1: "inputs, labels = inputs[:-1], labels[1:]", -1: "inputs, labels = inputs[1:], labels[:-1]",
    }.get(k, finding.code)  # fmt: skip


def test_a_header_dropped_from_the_images_is_told_in_words():
    finding = found(pairs(IMAGES[1:], LABELS[:-1]))
    assert "the label of a row fits the input one row before" in finding.message


@pytest.mark.parametrize("split", ["random", "subset of subset"])
def test_a_random_part_is_judged_by_the_order_of_the_whole(split):
    whole = pairs(IMAGES, LABELS.roll(1))
    part = random_split(whole, [0.8, 0.2], generator=toys.seeded())[0]
    finding = found(part if split == "random" else Subset(part, range(900)))
    assert (finding.verdict, finding.seen["shift"]) == (Verdict.BAD, 1)


@pytest.mark.parametrize("seed", range(4))
def test_vectors_whose_labels_lag_are_a_fault_and_those_that_lead_worth_a_look(seed):
    x, y = classes(seed=seed)
    assert found(pairs(x, y.roll(2))).verdict is Verdict.BAD
    assert found(pairs(x, y.roll(-2))).verdict is Verdict.HINT


def test_numbers_that_lag_are_a_fault():
    x, y = toys.regress(rows=500).train_data.tensors
    finding = found(pairs(x, y.roll(1)))
    assert (finding.verdict, finding.seen["shift"]) == (Verdict.BAD, 1)
    assert "of the variance of" in finding.message


@pytest.mark.parametrize("at", [400, 900, 1500])
def test_a_row_lost_on_the_way_is_named_by_where(at):
    random = torch.randperm(len(IMAGES), generator=toys.seeded())
    x, y = IMAGES[random], LABELS[random]
    finding = found(pairs(x[:-1], torch.cat([y[:at], y[at + 1 :]])))
    assert finding.verdict is Verdict.BAD, finding.message
    if at == 400:  # most labels are off: all of them are told
        assert finding.seen["shift"] == -1
    else:
        assert abs(finding.seen["first"] - at) < 12


def series(rows=800, length=10, seed=0):
    random = np.random.default_rng(seed)
    steps = random.normal(size=rows + length + 5)
    walk = steps.cumsum()
    wave = np.sin(np.arange(len(steps)) / 3) + 0.1 * steps
    return steps, walk, wave


def windows(values, length=10):
    x = np.stack([values[i : i + length] for i in range(len(values) - length)]).astype(np.float32)
    return x, values[length:]


def frames(rows=600):
    """A dot that walks round: the label is the quarter in which it stands, half a second late."""
    angle = torch.arange(rows) / 25
    place = torch.stack([angle.cos(), angle.sin()], 1) * 5 + 8
    grid = torch.stack(torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij"), -1)
    images = (-(grid[None] - place[:, None, None]).square().sum(-1) / 6).exp()[:, None]
    return images, ((place[:, 0] > 8).long() * 2 + (place[:, 1] > 8).long()).roll(2)


STEPS, WALK, WAVE = series()
ONE = torch.randn(800, 1, generator=toys.seeded(4))
MANY = torch.randn(800, 6, generator=toys.seeded(5))
X, Y = classes()
RIGHT = {
    "digits in their order": lambda: (IMAGES, LABELS),
    "digits as vectors": lambda: (IMAGES.flatten(1), LABELS),
    "digits sorted": lambda: (IMAGES[LABELS.argsort()], LABELS.sort().values),
    "sorted and shifted": lambda: (X[Y.argsort()], Y.sort().values),
    "iris": lambda: (np.float32(load_iris().data), load_iris().target),
    "wine": lambda: (np.float32(load_wine().data), load_wine().target),
    "diabetes": lambda: (np.float32(load_diabetes().data), np.float32(load_diabetes().target)),
    "labels by chance": lambda: (IMAGES, torch.randint(10, (len(IMAGES),), generator=toys.seeded())),
    "noise": lambda: (MANY, torch.randint(2, (800,), generator=toys.seeded())),
    "next value of noise": lambda: windows(STEPS),
    "next value of a walk": lambda: windows(WALK),
    "next value of a wave": lambda: windows(WAVE),
    "sign of the next step": lambda: (windows(STEPS)[0], (windows(STEPS)[1] > 0).astype(int)),
    "up or down of a walk": lambda: (windows(WALK)[0], (STEPS[10:] > 0).astype(int)),
    "value of the moment": lambda: (WAVE[:, None].astype(np.float32), WAVE),
    "frames with a late label": frames,
    "every second row the other class": lambda: (MANY + (torch.arange(800) % 2)[:, None] * 3, torch.arange(800) % 2),
    "classes in turn": lambda: (MANY[:, :5] + 3 * torch.eye(5)[torch.arange(800) % 5], torch.arange(800) % 5),
    "slow regimes": lambda: (MANY + (torch.arange(800) // 100 % 2)[:, None] * 3, torch.arange(800) // 100 % 2),
    "a majority": lambda: (MANY, (torch.arange(800) % 40 == 0).long()),
}
#: tasks of time where the label rightly stands beside another moment
OF_TIME = {
    "tomorrow's sign from today's numbers": lambda: (MANY, (MANY[:, 0].roll(-1) > 0).long()),
    "one number, the next sign": lambda: (ONE, (ONE[:, 0].roll(-1) > 0).long()),
    "three steps ahead": lambda: (MANY, MANY[:, 2].roll(-3)),
    "an echo in slow noise": lambda: (WAVE[:, None].astype(np.float32), np.roll(WAVE, 3)),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_stands_in_its_place_is_left_alone(name):
    finding = found(pairs(*RIGHT[name]()))
    assert finding.verdict is Verdict.OK, finding.message


@pytest.mark.parametrize("name", OF_TIME)
def test_what_is_asked_of_another_moment_is_no_fault(name):
    finding = found(pairs(*OF_TIME[name]()))
    assert finding.verdict in (Verdict.OK, Verdict.HINT), finding.message


def test_an_echo_that_is_read_in_order_is_no_fault():
    x = MANY
    finding = found(DataLoader(pairs(x, (x[:, 0] > 0).long().roll(3)), batch_size=50))
    assert (finding.verdict, finding.seen["shift"]) == (Verdict.HINT, 3)
    assert "a memory" in finding.why


def test_few_rows_and_tasks_without_a_label_of_a_row_are_skipped():
    assert found(pairs(X[:60], Y[:60])).message.startswith("needs 100 rows with a label in their order")
    assert run(CHECK, toys.next_token()).finding.verdict is Verdict.SKIPPED


@pytest.mark.parametrize("seed", range(30))
def test_rows_in_no_order_are_quiet_whatever_the_seed(seed):
    for bench in (toys.classify(seed=seed), toys.regress(seed=seed), toys.binary(seed=seed)):
        assert run(CHECK, bench).finding.verdict is Verdict.OK
    x, _ = classes(300, seed)
    by_chance = torch.randint(4, (300,), generator=toys.seeded(seed))
    assert found(pairs(x, by_chance)).verdict is Verdict.OK
