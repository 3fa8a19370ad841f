"""Programs of many kinds whose inputs are lost on the way, and right ones of which none is accused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import evaluated
import pytest
import torch
from evaluated import Dicts, Recurrent, Siamese, Two, Words, fitted, rows_of, tokens
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.checks.evaluation.input_independent import check
from nbrecipe.finding import Verdict
from nbrecipe.runner import run


class OtherIds(Words):
    """The ids are lost, and the labels are not."""

    def forward(self, input_ids: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
        return super().forward(torch.zeros_like(input_ids), labels)


class Places(Recurrent):
    """Places stand for the tokens."""

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        places = torch.arange(ids.shape[1]).expand_as(ids)
        return super().forward(places, torch.full_like(lengths, ids.shape[1]))


class SameTwice(Siamese):
    """The first input is compared with itself."""

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        return super().forward(first, first)


class Neither(Two):
    """Both inputs are masked."""

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return super().forward(left * 0, right * 0)


class Changed(nn.Module):
    """A net that is given something else than its input."""

    def __init__(self, net: nn.Module, change: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.net, self.change = net, change

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net(self.change(x))
        return out


def vectors(change: Callable[[Tensor], Tensor]) -> Bench:
    return fitted(Changed(toys.mlp(), change), rows_of(toys.classify()), nn.CrossEntropyLoss(), epochs=0)


def ids(model: nn.Module) -> Bench:
    given, y = tokens()
    if isinstance(model, Words):
        return fitted(model, Dicts(input_ids=given, labels=y), None, epochs=0)
    rows = TensorDataset(given, torch.full((len(y),), 10), y)
    return fitted(model, rows, nn.CrossEntropyLoss(), epochs=0)


def pairs() -> Bench:
    x, y = rows_of(toys.classify(rows=400, classes=2)).tensors
    same = (y[:200] == y[200:]).float()[:, None]
    return fitted(SameTwice(), TensorDataset(x[:200], x[200:], same), nn.BCEWithLogitsLoss(), epochs=0)


def both() -> Bench:
    x, y = rows_of(toys.classify()).tensors
    return fitted(Neither(), TensorDataset(x[:, :12], x[:, 12:], y), nn.CrossEntropyLoss(), epochs=0)


def huge() -> Bench:
    given = toys.regress(mean=3e5, scale=1e5)
    net = Changed(given.get("model"), torch.zeros_like)
    return fitted(net, rows_of(given), nn.MSELoss(), epochs=0)


def dead_backbone() -> Bench:
    net = toys.convnet()
    net[:9].requires_grad_(False)
    for parameter in net[:9].parameters():
        parameter.data.zero_()
    return fitted(net, rows_of(toys.images()), nn.CrossEntropyLoss(), epochs=0)


BROKEN: dict[str, Callable[[], Bench]] = {
    "other ids": lambda: ids(OtherIds()),
    "places for tokens": lambda: ids(Places()),
    "one input compared with itself": pairs,
    "two inputs masked": both,
    "clamped": lambda: vectors(lambda x: x.clamp(5, 5)),
    "divided by 255 and rounded": lambda: vectors(lambda x: (x / 255).round()),
    "a softmax over one value": lambda: vectors(lambda x: x[..., None].softmax(-1)[..., 0]),
    "an empty tensor of its shape": lambda: vectors(torch.zeros_like),
    "huge targets": huge,
    "a frozen backbone of zeros": dead_backbone,
}
RIGHT: list[Any] = [
    evaluated.vectors, evaluated.own_loss, evaluated.lengths, evaluated.two_inputs, evaluated.siamese,
    evaluated.autoencoder, evaluated.huge_targets, evaluated.numbers, evaluated.quantile, evaluated.several_labels,
    evaluated.noise_by_heart, evaluated.numbers_of_noise, evaluated.frozen_backbone, evaluated.lazy,
    evaluated.a_handful_of_rows, evaluated.head_of_zeros, evaluated.smoothed, evaluated.segmentation,
    evaluated.later_in_time, evaluated.common_class, evaluated.monte_carlo,
]  # fmt: skip


@pytest.mark.parametrize("make", BROKEN.values(), ids=BROKEN)
def test_inputs_that_are_lost_are_a_fault(make):
    found = run(check, make()).finding
    assert found.verdict is Verdict.BAD, found.message
    assert "equal row by row" in found.message


@pytest.mark.parametrize("make", RIGHT, ids=lambda make: make.__name__)
def test_right_programs_are_not_accused(make):
    found = run(check, make()).finding
    assert found.verdict in (Verdict.OK, Verdict.HINT), found.message
