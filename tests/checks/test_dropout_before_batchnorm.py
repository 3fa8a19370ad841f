"""The variance that batch norm sees in training and in evaluation, in orders that shift it and orders that do not."""

from __future__ import annotations

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.checks.model.dropout_before_batchnorm import check
from nbrecipe.finding import Verdict
from nbrecipe.runner import run
from nbrecipe.trace import Watcher


def flat(*middle):
    return toys.classify(nn.Sequential(nn.Linear(20, 32), nn.ReLU(), *middle, nn.ReLU(), nn.Linear(32, 5)))


def pictures(*middle):
    head = [nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)]
    return toys.images(nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), *middle, *head))


def frozen(bench):
    bench.model.eval()
    return bench


def norm_in_eval():
    bench = flat(nn.Dropout(0.5), nn.BatchNorm1d(32))
    bench.model[3].eval()
    return bench


SHIFTED = {
    "dropout": lambda: flat(nn.Dropout(0.3), nn.BatchNorm1d(32)),
    "through a layer": lambda: flat(nn.Dropout(0.5), nn.Linear(32, 32), nn.BatchNorm1d(32)),
    "maps": lambda: pictures(nn.Dropout2d(0.5), nn.BatchNorm2d(8)),
    "through a convolution": lambda: pictures(nn.Dropout(0.5), nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8)),
    "in eval mode now": lambda: frozen(flat(nn.Dropout(0.5), nn.BatchNorm1d(32))),
}
RIGHT = {
    "behind": lambda: flat(nn.BatchNorm1d(32), nn.Dropout(0.5)),
    "without dropout": lambda: flat(nn.BatchNorm1d(32)),
    "of nothing": lambda: flat(nn.Dropout(0.0), nn.BatchNorm1d(32)),
    "little": lambda: flat(nn.Dropout(0.02), nn.BatchNorm1d(32)),
    "a layer norm between": lambda: flat(nn.Dropout(0.2), nn.LayerNorm(32), nn.BatchNorm1d(32)),
    "a whole convnet": lambda: toys.images(toys.convnet(dropout=0.5)),
}


@pytest.mark.parametrize("name", SHIFTED)
def test_a_shift_is_measured_and_both_places_are_named(name):
    torch.manual_seed(0)
    finding = run(check, SHIFTED[name]()).finding
    assert finding.verdict is Verdict.HINT, finding.message
    assert finding.seen["ratio"] > 1.1
    assert finding.fix.startswith("Put `net[2]` behind the last batch norm")


@pytest.mark.parametrize("name", RIGHT)
def test_what_does_not_shift_it_raises_no_alarm(name):
    torch.manual_seed(0)
    finding = run(check, RIGHT[name]()).finding
    assert finding.verdict is Verdict.OK, finding.message


@pytest.mark.parametrize(("make", "told"), [
    (toys.classify, "the model has no batch norm with running statistics"),
    (lambda: flat(nn.Dropout(0.5), nn.BatchNorm1d(32, track_running_stats=False)),
     "the model has no batch norm with running statistics"),
])  # fmt: skip
def test_what_cannot_be_judged_is_skipped(make, told):
    finding = run(check, make()).finding
    assert finding.verdict is Verdict.SKIPPED
    assert finding.message == told


def test_a_norm_kept_in_eval_mode_learns_no_variance():
    assert run(check, norm_in_eval()).verdict is Verdict.OK


def test_the_ratio_is_that_of_theory():
    """Centred inputs right before the norm: dropping a share p makes their variance 1 / (1 - p) times as large."""
    net = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(20), nn.Linear(20, 5))
    finding = run(check, toys.classify(net, rows=1024, size=1024)).finding
    assert finding.seen["ratio"] == pytest.approx(2.0, rel=0.05)


def after_training(*middle, val=True):
    """A small net with this in its middle, watched while it learned digits, as its bench is after `%%watch`."""
    torch.manual_seed(0)
    digits = load_digits()
    images, labels = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16, torch.tensor(digits.target)
    net = nn.Sequential(nn.Conv2d(1, 16, 3), nn.ReLU(), *middle, nn.ReLU(), nn.Flatten(), nn.Linear(576, 10))
    optimizer, loss_fn = torch.optim.Adam(net.parameters(), 1e-3), nn.CrossEntropyLoss()
    loader = DataLoader(TensorDataset(images[:768], labels[:768]), 32)
    with Watcher({}) as watcher:
        for _ in range(4):
            for inputs, target in loader:
                optimizer.zero_grad()
                loss_fn(net(inputs), target).backward()
                optimizer.step()
    held_out = DataLoader(TensorDataset(images[768:], labels[768:]), 128) if val else None
    return Bench(model=net, loss_fn=loss_fn, train_loader=loader, val_loader=held_out, trace=watcher.trace)


@pytest.mark.parametrize("val", [True, False])
def test_after_training_the_loss_that_it_costs_is_told_and_the_model_is_as_it_was(val):
    bench = after_training(nn.Dropout(0.5), nn.BatchNorm2d(16), val=val)
    before = {name: value.clone() for name, value in bench.model.state_dict().items()}
    finding = run(check, bench).finding
    assert finding.verdict is Verdict.BAD, finding.message
    assert ("1029 validation rows" if val else "768 training rows") in finding.message
    assert finding.seen["without"] * 1.1 < finding.seen["dropping"]
    assert all(torch.equal(value, before[name]) for name, value in bench.model.state_dict().items())


@pytest.mark.parametrize(
    "middle",
    [
        pytest.param(lambda: [nn.Dropout(0.1), nn.Conv2d(16, 16, 1), nn.BatchNorm2d(16)], id="little, a layer between"),
        pytest.param(lambda: [nn.BatchNorm2d(16), nn.Dropout(0.5)], id="behind"),
        pytest.param(lambda: [nn.Dropout(0.02), nn.BatchNorm2d(16)], id="hardly any"),
    ],
)
def test_what_costs_little_is_no_fault(middle):
    assert run(check, after_training(*middle())).finding.verdict is not Verdict.BAD


def test_a_loss_that_cannot_be_had_leaves_the_hint():
    bench = after_training(nn.Dropout(0.5), nn.BatchNorm2d(16)).replace(val_loader=[torch.zeros(3)])
    assert run(check, bench).verdict is Verdict.HINT
