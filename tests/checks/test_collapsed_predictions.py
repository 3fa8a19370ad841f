"""Which models answer one thing for all rows by fault, and which are right to, or may be."""

from __future__ import annotations

from typing import Any

import evaluated
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.checks.evaluation.collapsed_predictions import check
from nbrecipe.finding import Finding, Verdict
from nbrecipe.runner import run


class Changed(nn.Module):
    """A net that is given something else than its input."""

    def __init__(self, net: nn.Module, change: Any) -> None:
        super().__init__()
        self.net, self.change = net, change

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net(self.change(x))
        return out


class MajorityBaseline(Changed):
    """A model that is there to answer one thing."""


def judged(given: Any, trained: str = "`fit` in cell 3") -> Finding:
    return run(check, given.replace(trained=trained)).finding


def collapsed(net: nn.Module, rows: Any = None, **more: Any) -> Any:
    data = evaluated.rows_of(toys.classify()) if rows is None else rows
    return evaluated.fitted(net, data, nn.CrossEntropyLoss(), **more)


def painted(net, share, steps=60):
    """Images whose right third is bright and, in as many as `share` says, of class 1; a net of one convolution."""
    draws = torch.Generator().manual_seed(0)
    x = torch.randn(60, 1, 9, 9, generator=draws)
    y = torch.zeros(60, 9, 9, dtype=torch.long)
    there = torch.rand(60, generator=draws) < share
    y[there, :, 6:] = 1
    x = x + 3.0 * y.unsqueeze(1)
    loss, opt = nn.CrossEntropyLoss(), torch.optim.Adam(net.parameters(), 0.05)
    for _ in range(steps):
        opt.zero_grad()
        loss(net(x), y).backward()
        opt.step()
    data = TensorDataset(x, y)
    return Bench(model=net, loss_fn=loss, train_loader=DataLoader(data, 20), val_loader=DataLoader(data, 20))


def test_images_answered_as_background_alone_are_a_hint():
    net = nn.Conv2d(1, 2, 3, padding=1)
    given = painted(net, 0.4)
    with torch.no_grad():
        net.bias.copy_(torch.tensor([9.0, -9.0]))
    found = judged(given)
    assert found.verdict is Verdict.HINT
    assert "none is answered as `1`" in found.message.replace("*", "")


@pytest.mark.parametrize(("share", "steps"), [(0.4, 60), (0.4, 0), (0.0, 60)], ids=["learned", "fresh", "one class"])
def test_images_answered_as_they_are_or_not_learned_yet_raise_nothing(share, steps):
    assert judged(painted(nn.Conv2d(1, 2, 3, padding=1), share, steps)).verdict in (Verdict.OK, Verdict.SKIPPED)


@pytest.mark.parametrize(
    "change",
    [torch.zeros_like, lambda x: x.clamp(3, 3), lambda x: (x / 255).round(), lambda x: torch.full_like(x, 0.5)],
)
def test_inputs_that_are_lost_are_a_fault(change):
    found = judged(collapsed(Changed(toys.mlp(), change)))
    assert found.verdict is Verdict.BAD
    assert "**the same** for every row" in found.message
    assert "a cheap model finds the classes" in found.why


def test_the_optimizer_tells_that_weights_were_trained():
    given = collapsed(Changed(toys.mlp(), torch.zeros_like), epochs=20)
    assert judged(given, trained="").verdict is Verdict.BAD
    assert judged(given.replace(optimizer=None), trained="").verdict is Verdict.HINT


def test_dead_units_and_yes_or_no():
    given = evaluated.fitted(toys.mlp((10, 32, 16, 1)), evaluated.rows_of(toys.binary()), nn.BCEWithLogitsLoss())
    with torch.no_grad():
        given.get("model")[2].bias.fill_(-1e4)
    assert judged(given).verdict is Verdict.BAD


def test_outputs_that_vary_are_a_hint():
    given = collapsed(toys.mlp())
    with torch.no_grad():
        given.get("model")[-1].bias[2] = 60.0
    found = judged(given)
    assert found.verdict is Verdict.HINT
    assert "answers `2` for **100.0 %**" in found.message


def test_a_model_that_is_meant_to_answer_one_thing_is_a_hint():
    assert judged(collapsed(MajorityBaseline(toys.mlp(), torch.zeros_like))).verdict is Verdict.HINT


class Bias(nn.Module):
    """Nothing but a bias."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(5))

    def forward(self, x: Tensor) -> Tensor:
        return self.bias.expand(len(x), 5)


def test_a_bias_alone_is_a_hint():
    assert judged(collapsed(Bias())).verdict is Verdict.HINT


def test_inputs_zeroed_by_the_loader_tell_nothing():
    given = collapsed(toys.mlp())
    _, y = evaluated.rows_of(toys.classify()).tensors
    blind = given.replace(val_loader=DataLoader(TensorDataset(torch.zeros(len(y), 20), y), 64))
    assert judged(blind).verdict is Verdict.HINT


def test_labels_without_signal():
    x = torch.randn(256, 20, generator=toys.seeded(1))
    y = torch.randint(5, (256,), generator=toys.seeded(2))
    found = judged(collapsed(Changed(toys.mlp(), torch.zeros_like), TensorDataset(x, y)))
    assert found.verdict is Verdict.HINT
    assert "does not find the classes" in found.why


def test_a_common_class_with_signal_is_a_hint_where_answers_lean_to_it():
    x = torch.randn(600, 20, generator=toys.seeded(1))
    y = (x[:, 0] > 1.0).long()
    given = collapsed(toys.mlp((20, 16, 2)), TensorDataset(x, y))
    with torch.no_grad():
        given.get("model")[-1].bias[0] += 30.0
    assert judged(given).verdict is Verdict.HINT


def test_few_rows_and_one_class_are_skipped():
    given = collapsed(toys.mlp())
    x, y = evaluated.rows_of(toys.classify()).tensors
    for rows in (TensorDataset(x[:9], y[:9]), TensorDataset(x[y == 1], y[y == 1])):
        assert judged(given.replace(val_loader=DataLoader(rows, 64))).verdict is Verdict.SKIPPED
