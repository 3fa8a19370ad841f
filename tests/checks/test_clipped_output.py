"""Ranges of outputs and of targets: which of them do not fit, and which only look as if."""

import pytest
import torch
from checks.healthy import KINDS
from torch import nn
from torch.nn import functional as F

from nbrecipe import toys
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

CHECK = all_checks()["clipped-output"]


def ending(*units):
    return nn.Sequential(*toys.mlp((10, 32, 16, 1)), *units)


class Squeezed(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = ending()

    def forward(self, x):
        return torch.relu(self.body(x)).squeeze(1)[:, None]


FAULTS = {
    "relu": lambda: toys.regress(ending(nn.ReLU())),
    "relu behind views": lambda: toys.regress(Squeezed()),
    "tanh and large targets": lambda: toys.regress(ending(nn.Tanh()), scale=10.0),
    "sigmoid and targets of either sign": lambda: toys.regress(ending(nn.Sigmoid()), nn.L1Loss()),
    "softplus": lambda: toys.regress(ending(nn.Softplus()), nn.HuberLoss()),
    "rectified logits": lambda: toys.binary(ending(nn.ReLU())),
}


def positive(net, loss_fn=None):
    given = toys.regress(net)
    x, y = given.train_data.tensors
    return toys.bench(net, x, y.abs(), loss_fn or nn.MSELoss())


FINE = {
    "linear": lambda: toys.regress(),
    "relu inside": lambda: toys.regress(toys.mlp((10, 32, 1))),
    "relu and positive targets": lambda: positive(ending(nn.ReLU())),
    "tanh and standardised targets": lambda: toys.regress(ending(nn.Tanh()), scale=0.2),
    "tanh made larger": lambda: toys.regress(ending(nn.Tanh(), nn.Linear(1, 1)), scale=10.0),
    "logit": lambda: toys.binary(),
    "sigmoid and yes or no": lambda: toys.binary(ending(nn.Sigmoid()), nn.MSELoss()),
    "sigmoid into logits": lambda: toys.binary(ending(nn.Sigmoid())),
}


UNKNOWN = {
    "classes": lambda: toys.classify(nn.Sequential(toys.mlp(), nn.ReLU())),
    "scaled inside the loss": lambda: toys.regress(
        ending(nn.Sigmoid()), lambda out, y: F.mse_loss(100 * out - 50, y), scale=10.0
    ),
    "probabilities": lambda: toys.binary(ending(nn.Sigmoid()), nn.BCELoss()),
}


@pytest.mark.parametrize(
    ("build", "verdict"),
    [
        *(pytest.param(build, Verdict.BAD, id=f"out of reach: {what}") for what, build in FAULTS.items()),
        *(pytest.param(build, Verdict.OK, id=f"in reach: {what}") for what, build in FINE.items()),
        *(pytest.param(build, Verdict.SKIPPED, id=f"no range known: {what}") for what, build in UNKNOWN.items()),
    ],
)
def test_targets_are_held_against_the_range_of_the_outputs(build, verdict):
    found = run(CHECK, build()).finding
    assert found.verdict is verdict, found.message


def test_a_few_targets_outside_are_a_hint():
    net = ending(nn.Sigmoid())
    x, y = torch.randn(200, 10), torch.rand(200, 1)
    y[:3] = 1.2
    assert run(CHECK, toys.bench(net, x, y, nn.MSELoss(), size=200)).verdict is Verdict.HINT


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_no_alarm_for_healthy_nets(kind):
    assert run(CHECK, kind(0)).verdict in (Verdict.OK, Verdict.SKIPPED)
