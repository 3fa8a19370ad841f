"""Class weights against the frequency of the classes: faults, choices, and the rate of false alarms."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Sampler, TensorDataset, WeightedRandomSampler

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.checks.loss.inverted_class_weights import agreement, by_chance, fitted
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

SHARES = (0.6, 0.2, 0.1, 0.06, 0.04)


def given(shares: tuple[float, ...] = SHARES) -> tuple[Bench, Tensor]:
    made = toys.classify(weights=shares, classes=len(shares), rows=800)
    return made, torch.bincount(made.train_data.tensors[1], minlength=len(shares)).float()


def told(bench: Bench) -> tuple[Verdict, str]:
    found = run(all_checks()["inverted-class-weights"], bench).finding
    return found.verdict, found.message + found.why


def with_weights(weight: Tensor) -> Bench:
    return given()[0].replace(loss_fn=nn.CrossEntropyLoss(weight))


def test_frequencies_are_bad_in_a_function_and_with_nll_too():
    made, counts = given()
    share = counts / counts.sum()
    assert told(made.replace(loss_fn=lambda o, y: F.cross_entropy(o, y, share)))[0] is Verdict.BAD
    net = nn.Sequential(toys.mlp(), nn.LogSoftmax(1))
    assert told(made.replace(model=net, loss_fn=nn.NLLLoss(share)))[0] is Verdict.BAD
    assert told(made.replace(loss_fn=nn.CrossEntropyLoss(share, label_smoothing=0.1)))[0] is Verdict.BAD


def test_frequencies_rounded_to_two_digits_are_bad():
    _, counts = given()
    rounded = (100 * counts / counts.sum()).round() / 100
    assert told(with_weights(rounded))[0] is Verdict.BAD


def test_an_order_that_grows_and_no_power_is_a_hint():
    weight = torch.tensor([1.0, 2.4, 2.5, 3.0, 9.0])[given()[1].argsort().argsort()]
    verdict, text = told(with_weights(weight))
    assert verdict is Verdict.HINT
    assert "weights in a random order do so once in 120 times" in text


@pytest.mark.parametrize(
    "weight",
    [
        lambda n: n.sum() / n,
        lambda n: 1 / n.sqrt(),
        lambda n: 1 - n / n.sum(),
        lambda n: n.max() / n,
        lambda n: 1 / torch.log(1.02 + n / n.sum()),
        lambda n: (1 - 0.99) / (1 - 0.99**n),
        lambda n: n.median() / n,
        lambda n: torch.ones_like(n),
        lambda n: (n.sum() / n).clamp(max=5),
        lambda n: torch.tensor([1.0, 1, 1, 1, 10]),
        lambda n: torch.tensor([0.1, 1, 1, 1, 1]),
        lambda n: torch.tensor([0.0, 1, 1, 1, 1]),
    ],
    ids=range(12),
)
def test_the_usual_weights_are_right(weight):
    _, counts = given()
    verdict, text = told(with_weights(weight(counts)))
    assert verdict is Verdict.OK, text


def test_weights_that_undo_a_balanced_sampler_are_right():
    made, counts = given()
    data, loss_fn = made.train_data, nn.CrossEntropyLoss(counts / counts.sum())
    drawn = WeightedRandomSampler((1 / counts)[data.tensors[1]].tolist(), len(data))
    assert told(made.replace(train_loader=DataLoader(data, 64, sampler=drawn), loss_fn=loss_fn))[0] is Verdict.OK

    class Balanced(Sampler[list[int]]):
        def __iter__(self) -> Iterator[list[int]]:
            rows = [(data.tensors[1] == c).nonzero()[:, 0].tolist() for c in range(5)]
            for start in range(8):
                yield [row[(start * 8 + i) % len(row)] for row in rows for i in range(8)]

        def __len__(self) -> int:
            return 8

    loader = DataLoader(data, batch_sampler=Balanced())
    assert told(made.replace(train_loader=loader, loss_fn=loss_fn))[0] is Verdict.OK


def test_no_weights_soft_labels_and_numbers_are_skipped():
    weight = torch.rand(5)
    assert told(toys.classify())[0] is Verdict.SKIPPED
    assert told(toys.regress())[0] is Verdict.SKIPPED
    soft = toys.classify(loss_fn=lambda o, y: F.cross_entropy(o, F.one_hot(y, 5).float(), weight))
    assert told(soft)[0] is Verdict.SKIPPED


def test_a_small_batch_of_two_classes_tells_nothing():
    x, y = torch.randn(8, 20), torch.tensor([0, 0, 0, 0, 0, 1, 1, 1])
    made = toys.classify(classes=2, loss_fn=nn.CrossEntropyLoss(torch.tensor([2.0, 1.0])))
    made = made.replace(batch=(x, y), train_loader=DataLoader(TensorDataset(x, y), 8), train_data=None)
    assert told(made)[0] is Verdict.OK


def test_orders_are_counted_out():
    for classes in (2, 3, 5):
        n = torch.arange(classes).double()
        found = [agreement(n, torch.tensor(order).double()) for order in itertools.permutations(range(classes))]
        for agree in set(found):
            assert by_chance(agree, classes) == pytest.approx(sum(a >= agree for a in found) / math.factorial(classes))
    assert by_chance(38, 13) == pytest.approx(by_chance(32, 12), rel=0.5)  # both sides of the switch, 0.49 of all pairs


def test_other_weights_fit_a_power_at_the_stated_rate():
    g = torch.Generator().manual_seed(0)
    fits, draws = 0, 4000
    for _ in range(draws):
        classes = int(torch.randint(3, 8, (1,), generator=g))
        n = torch.exp(4 * torch.rand(classes, generator=g)).double() * 10
        weight = torch.exp(4 * torch.rand(classes, generator=g)).double()
        fits += fitted(n, weight) is not None
    assert fits <= 10  # one in a thousand: 4 of these, and 11 or more with a probability of 0.003


def test_a_thousand_classes_are_judged():
    g = torch.Generator().manual_seed(0)
    n = (1000 / torch.arange(1, 1001)).round()
    assert by_chance(agreement(n, torch.rand(1000, generator=g)), 1000) > 1e-3
    assert by_chance(agreement(n, n**0.3), 1000) < 1e-9


def weighed(rate: float, weight: float, rows: int = 1000) -> Verdict:
    """What is said of a binary loss with this weight, where exactly this share of the labels is positive."""
    y = (torch.arange(rows) < rate * rows).float()[:, None]
    given = toys.bench(nn.Linear(3, 1), torch.randn(rows, 3), y, nn.BCEWithLogitsLoss(pos_weight=torch.tensor(weight)))
    return run(all_checks()["inverted-class-weights"], given).verdict


@pytest.mark.parametrize(
    ("rate", "weight", "verdict"),
    [
        (0.13, 0.13 / 0.87, "bad"),
        (0.87, 0.87 / 0.13, "bad"),
        (0.13, 0.87 / 0.13, "ok"),
        (0.2, 0.25, "hint"),  # the odds, and a round number too
        (0.13, 0.16, "hint"),
        (0.13, 1.0, "ok"),
        (0.5, 3.0, "ok"),
        (0.45, 0.45 / 0.55, "ok"),  # as good as balanced
        (0.9, 0.5, "ok"),
    ],
)
def test_the_weight_of_positives_is_the_inverse_of_their_odds(rate, weight, verdict):
    assert weighed(rate, weight) == verdict
