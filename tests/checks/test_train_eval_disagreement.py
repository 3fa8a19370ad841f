"""Running statistics that cost something, those that do not, and those that are meant."""

from __future__ import annotations

from typing import Any

import evaluated
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe import toys
from nbrecipe.bench import Bench, Cell
from nbrecipe.checks.evaluation import train_eval_disagreement as module
from nbrecipe.finding import Finding, Verdict
from nbrecipe.runner import run


def judged(given: Bench) -> Finding:
    return run(module.check, given).finding


def normed(momentum: float | None = 0.1, **more: Any) -> nn.Sequential:
    net = toys.mlp((20, 32, 5))
    return nn.Sequential(net[0], nn.BatchNorm1d(32, momentum=momentum, **more), net[1], net[2])


def fitted(momentum: float | None = 0.1, epochs: int = 12, **more: Any) -> Bench:
    return module._trained(normed(momentum, **more), epochs, shift=8.0)


@pytest.mark.parametrize("momentum", [0.0005, 0.001, 0.002])
def test_a_momentum_that_hardly_moves_is_a_fault(momentum):
    found = judged(fitted(momentum))
    assert found.verdict is Verdict.BAD
    left = (1 - momentum) ** 144
    assert f"after 144 batches {100 * left:.0f} % of them is still the 0 and 1" in found.why


def test_a_checkpoint_without_buffers_is_a_fault():
    given = fitted()
    given.get("model")[1].reset_running_stats()
    found = judged(given)
    assert found.verdict is Verdict.BAD
    assert "no batch ever reached them" in found.why


def test_the_line_to_paste_mends_it():
    given = fitted(0.001)
    found = judged(given)
    exec(found.code, {"nn": nn, "torch": torch, "net": given.get("model"), "train_dl": given.train_loader})
    given.get("model").eval()
    assert judged(given.replace()).verdict is Verdict.OK


@pytest.mark.parametrize("momentum", [0.01, 0.03, 0.1, 0.5, None])
def test_a_momentum_with_time_enough_is_right(momentum):
    assert judged(fitted(momentum, epochs=40)).verdict is Verdict.OK


def test_statistics_on_their_way_are_a_hint():
    assert judged(fitted(0.01, epochs=3)).verdict is Verdict.HINT


def test_inputs_that_a_loop_prepares_are_a_hint():
    given = fitted(0.001)
    x, y = given.train_data.tensors
    raw = DataLoader(TensorDataset(x * 40 + 100, y), 32)
    assert judged(given.replace(train_loader=raw, val_loader=raw)).verdict is not Verdict.BAD
    assert judged(evaluated.normalised_in_the_loop()).verdict is Verdict.HINT


def test_norms_that_are_kept_still_on_purpose_are_a_hint():
    cell = Cell(1, "for m in net.modules():\n    if isinstance(m, nn.BatchNorm1d):\n        m.eval()")
    given = fitted()
    given.get("model")[1].reset_running_stats()
    assert judged(given.replace(cells=(cell,))).verdict is Verdict.HINT


def test_statistics_of_another_place_that_are_right_there():
    assert judged(module.adapted_to_validation()).verdict is Verdict.OK


def other(kind: str) -> Bench:
    if kind == "frozen":
        given = fitted(0.001)
        given.get("model")[1].requires_grad_(False)
        return given
    if kind == "no statistics":
        return fitted(track_running_stats=False)
    if kind == "no shift":
        return fitted(affine=False)
    if kind == "dropout":
        net = normed()
        return module._trained(nn.Sequential(net[0], net[1], net[2], nn.Dropout(0.5), net[3]), 20, shift=8.0)
    if kind == "layer norm":
        net = toys.mlp((20, 32, 5))
        return module._trained(nn.Sequential(net[0], nn.LayerNorm(32), net[1], net[2]), 2)
    return fitted().replace(train_loader=iter(fitted().get("train_loader")))


@pytest.mark.parametrize("kind", ["frozen", "no statistics", "no shift", "dropout", "layer norm", "an iterator"])
def test_others_are_right_or_skipped(kind):
    assert judged(other(kind)).verdict in (Verdict.OK, Verdict.SKIPPED)


def test_a_model_without_training_data_is_skipped():
    found = judged(fitted().replace(train_loader=None))
    assert found.verdict is Verdict.SKIPPED
    assert "train_loader" in found.message


def test_numbers_are_compared_by_their_loss():
    given = toys.regress(
        nn.Sequential(nn.Linear(10, 32), nn.BatchNorm1d(32, momentum=0.001), nn.ReLU(), nn.Linear(32, 1))
    )
    with torch.no_grad():
        given.get("model")[0].bias.add_(8.0 * (-1.0) ** torch.arange(32))
    made = evaluated.fitted(given.get("model"), given.train_data, nn.MSELoss(), epochs=40)
    found = judged(made)
    assert found.verdict is Verdict.BAD
    assert "loss of 192 training rows in eval mode" in found.message
