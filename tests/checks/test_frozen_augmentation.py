"""Generators that are seeded at each reading are told; augmentation that works, or is not there, is no finding."""

import random

import numpy as np
import pytest
import torch
from augmented import Labelled, Noisy, Texts, heads
from torch.utils.data import Subset, TensorDataset

from nbrecipe.bench import Bench
from nbrecipe.finding import Verdict
from nbrecipe.registry import get_check
from nbrecipe.runner import run

CHECK = get_check("frozen-augmentation")


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


class Seeds(Labelled):
    """Calls something before it reads."""

    def __init__(self, before, transform):
        super().__init__(transform)
        self.before = before

    def __getitem__(self, index):
        self.before(index)
        return super().__getitem__(index)


def judged(data):
    return run(CHECK, Bench(train_data=data, names={"train_data": "train_ds"})).finding


def by_torch(image):
    return image * torch.rand(())


def by_numpy(image):
    return image * np.random.rand()


def by_python(image):
    return image * random.random()


@pytest.mark.parametrize(
    ("before", "transform", "who"),
    [
        (lambda i: torch.manual_seed(i), by_torch, "torch"),
        (lambda i: torch.manual_seed(0), by_torch, "torch"),
        (lambda i: np.random.seed(i), by_numpy, "numpy.random"),
        (lambda i: random.seed(0), by_python, "random"),
        (lambda i: (torch.manual_seed(i), random.seed(i)), by_torch, "random` and `torch"),
    ],
)
def test_what_is_seeded_is_named(before, transform, who):
    finding = judged(Seeds(before, transform))
    assert finding.verdict is Verdict.HINT
    assert finding.message.startswith(f"reading `train_ds` seeds `{who}` every time, and all draws")


def test_seeding_is_told_where_the_draws_vary_all_the_same():
    finding = judged(Seeds(lambda i: torch.manual_seed(0), by_numpy))
    assert finding.message == "reading `train_ds` seeds `torch` every time"


class RandomErasing:
    """A random transform that is never called."""

    def __call__(self, image):
        return image * torch.rand(())


def test_a_random_transform_that_is_never_reached_is_named():
    data = Labelled()
    data.steps = [RandomErasing()]
    finding = judged(Subset(data, range(5)))
    assert finding.verdict is Verdict.HINT
    assert finding.message == "`RandomErasing` is there, but 32 draws of 4 examples of `train_ds` show no difference"


class Caches(Labelled):
    """Augments once, and keeps what came of it."""

    def __init__(self):
        super().__init__(by_torch)
        self.kept = {}

    def __getitem__(self, index):
        if index not in self.kept:
            self.kept[index] = super().__getitem__(index)
        return self.kept[index]


RIGHT = {
    "flips": Labelled(lambda x: x.flip(-1) if heads() else x),
    "numpy": Labelled(by_numpy),
    "python": Labelled(by_python),
    "every generator": Noisy(),
    "texts": Texts(),
    "no augmentation": Labelled(),
    "tensors": TensorDataset(torch.rand(9, 3), torch.arange(9)),
    "a list": [(1.0, 2)] * 3,
    "draws that come to nothing": Labelled(lambda x: x + 0 * torch.rand(())),
    "a subset": Subset(Labelled(by_torch), [1, 2]),
}


@pytest.mark.parametrize("data", RIGHT.values(), ids=RIGHT)
def test_what_works_or_is_not_there_is_no_finding(data):
    finding = judged(data)
    assert finding.verdict is Verdict.OK, finding.message


def test_a_cache_that_is_put_back_is_not_taken_for_seeding():
    assert "seeds" not in judged(Caches()).message
