"""Losses against the kind of their targets: faults, and targets that only look wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nbrecipe import toys
from nbrecipe.bench import Bench, Cell
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

CALLED = (Cell(1, "for x, y in train_dl:\n    loss = criterion(net(x), y)\n"),)
G = toys.seeded(0)
X = torch.randn(64, 10, generator=G)
NUMBERS = X[:, :3] + X[:, 3:6]
COUNTS = torch.poisson(torch.full((256,), 3.0), generator=G).long()
RATINGS = torch.multinomial(torch.tensor([0.05, 0.1, 0.15, 0.4, 0.3]), 256, replacement=True, generator=G)
SHARES = torch.rand(64, 3, generator=G).softmax(1)
SEVERAL = (torch.rand(64, 3, generator=G) < 0.5).float()
PIXELS = (torch.rand(64, 10, generator=G) * 255).round()


def of(width: int, y: Tensor, loss_fn: Callable[..., Tensor], rows: Tensor = X) -> Bench:
    return toys.bench(toys.mlp((10, 16, width)), rows, y, loss_fn)


def one(y: Tensor, loss_fn: Callable[..., Tensor] | None = None) -> Bench:
    x = torch.randn(len(y), 10, generator=toys.seeded(1))
    return of(1, y, loss_fn or (lambda o, t: F.mse_loss(o[:, 0], t.float())), x)


def policy(out: Tensor, y: Tensor) -> Tensor:
    """REINFORCE: the advantage stands at the action that was taken."""
    advantage = torch.linspace(-2, 2, len(y))
    return F.cross_entropy(out, F.one_hot(y, 5) * advantage[:, None])


def distilled(out: Tensor, y: Tensor) -> Tensor:
    soft = F.one_hot(y, 5) * 0.8 + 0.04
    return F.kl_div((out / 2).log_softmax(1), soft, reduction="batchmean")


def levels(out: Tensor, y: Tensor) -> Tensor:
    """Ordinal regression by one yes or no for each step."""
    return F.binary_cross_entropy_with_logits(out, (y[:, None] > torch.arange(4)).float())


def masked(out: Tensor, y: Tensor) -> Tensor:
    """-1 stands for a missing answer, whose weight is 0."""
    return F.binary_cross_entropy_with_logits(out, y, weight=(y >= 0).float())


def maps(loss_fn: Callable[..., Tensor], *after: nn.Module) -> Bench:
    y = (torch.rand(8, 1, 6, 6, generator=toys.seeded(2)) < 0.5).float()
    return toys.bench(nn.Sequential(nn.Conv2d(1, 1, 1), *after), torch.rand(8, 1, 6, 6), y, loss_fn)


CASES: dict[str, tuple[Verdict, Callable[[], Bench]]] = {
    "cross-entropy of one output": (Verdict.BAD, lambda: toys.binary(loss_fn=nn.CrossEntropyLoss())),
    "cross-entropy of one channel": (Verdict.BAD, lambda: maps(nn.CrossEntropyLoss())),
    "softmax over one channel": (Verdict.BAD, lambda: maps(nn.BCELoss(), nn.Softmax(1))),
    "sigmoid over one channel": (Verdict.OK, lambda: maps(nn.BCELoss(), nn.Sigmoid())),
    "cross-entropy of numbers": (Verdict.BAD, lambda: of(3, NUMBERS, nn.CrossEntropyLoss())),
    "cross-entropy of numbers, squeezed": (
        Verdict.BAD, lambda: one(X[:, 0], lambda o, y: F.cross_entropy(o.squeeze(), y)),
    ),
    "softmax over the batch": (
        Verdict.HINT, lambda: one(SEVERAL[:, 0], lambda o, y: F.cross_entropy(o.squeeze(), y)),
    ),
    "a ranking of the batch": (
        Verdict.OK, lambda: one(X[:, 0], lambda o, y: F.cross_entropy(o.squeeze(), y.softmax(0))),
    ),
    "BCE of numbers": (Verdict.BAD, lambda: of(3, NUMBERS, nn.BCEWithLogitsLoss())),
    "BCE of masks of 255": (Verdict.BAD, lambda: of(3, 255 * SEVERAL, nn.BCEWithLogitsLoss())),
    "BCE of standardised pixels": (Verdict.BAD, lambda: of(10, (PIXELS - 33) / 78, nn.BCEWithLogitsLoss())),
    "BCE of pixels": (Verdict.OK, lambda: of(10, PIXELS / 255, nn.BCEWithLogitsLoss())),
    "BCE of pixels, rounded": (Verdict.OK, lambda: of(10, PIXELS / 254.99, nn.BCEWithLogitsLoss())),
    "BCE of interpolated pixels": (Verdict.HINT, lambda: of(10, PIXELS / 240, nn.BCEWithLogitsLoss())),
    "BCE of what is missing": (Verdict.OK, lambda: of(3, SEVERAL - (X[:, :3] > 1).float() * 2, masked)),
    "BCE of -1 that nobody masks": (Verdict.BAD, lambda: of(3, 2 * SEVERAL - 1, nn.BCEWithLogitsLoss())),
    "several labels": (Verdict.OK, lambda: of(3, SEVERAL, nn.BCEWithLogitsLoss())),
    "several labels in cross-entropy": (Verdict.HINT, lambda: of(3, SEVERAL, nn.CrossEntropyLoss())),
    "counts in cross-entropy": (Verdict.HINT, lambda: of(3, (10 * SHARES).round(), nn.CrossEntropyLoss())),
    "shares": (Verdict.OK, lambda: of(3, SHARES, nn.CrossEntropyLoss())),
    "one-hot": (Verdict.OK, lambda: of(3, F.one_hot(X[:, :3].argmax(1), 3).float(), nn.CrossEntropyLoss())),
    "half precision": (Verdict.OK, lambda: of(3, SHARES.bfloat16().float(), nn.CrossEntropyLoss())),
    "policy gradient": (Verdict.HINT, lambda: toys.classify(loss_fn=policy)),
    "distillation": (Verdict.OK, lambda: toys.classify(loss_fn=distilled)),
    "ordinal regression": (Verdict.OK, lambda: toys.classify(toys.mlp((20, 16, 4)), levels)),
    "counts": (Verdict.OK, lambda: one(COUNTS)),
    "counts, Poisson": (Verdict.SKIPPED, lambda: one(COUNTS, lambda o, y: F.poisson_nll_loss(o[:, 0], y.float()))),
    "ratings": (Verdict.OK, lambda: one(RATINGS)),
    "ages": (Verdict.OK, lambda: one((18 + 60 * torch.rand(256, generator=G)).long())),
    "class indices": (Verdict.HINT, lambda: one(torch.randint(7, (256,), generator=G))),
    "yes or no by squares": (Verdict.OK, lambda: one((X[:, 0] > 0).long())),
    "an ensemble of five": (
        Verdict.OK, lambda: of(5, X[:, :1], lambda o, y: F.mse_loss(o, y.expand(-1, 5))),
    ),
    "brier score": (
        Verdict.OK, lambda: toys.classify(loss_fn=lambda o, y: F.mse_loss(o.softmax(1), F.one_hot(y, 5).float())),
    ),
    "reconstruction": (Verdict.OK, lambda: of(10, X, nn.MSELoss())),
    "tokens": (Verdict.OK, toys.next_token),
    "a loss by hand": (Verdict.SKIPPED, lambda: one(COUNTS, lambda o, y: (o[:, 0] - y).abs().mean())),
    "log-softmax": (Verdict.OK, lambda: toys.classify(nn.Sequential(toys.mlp(), nn.LogSoftmax(1)), nn.NLLLoss())),
}  # fmt: skip


@pytest.mark.parametrize(("expected", "make"), CASES.values(), ids=CASES)
def test_a_loss_and_its_targets(expected, make):
    found = run(all_checks()["wrong-loss-kind"], make().replace(cells=CALLED)).finding
    assert found.verdict is expected, found.message


def test_class_indices_of_equal_shares_are_told_at_the_stated_rate():
    told = 0
    for seed in range(40):
        y = torch.randint(7, (256,), generator=toys.seeded(seed))
        told += run(all_checks()["wrong-loss-kind"], one(y)).verdict is Verdict.HINT
    assert told >= 39


def test_the_line_to_paste_has_the_user_s_name():
    found = run(all_checks()["wrong-loss-kind"], of(3, NUMBERS, nn.CrossEntropyLoss())).finding
    assert found.code == "criterion = torch.nn.MSELoss()"
