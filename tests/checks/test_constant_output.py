"""Outputs that do not depend on the input, and those that only start out so."""

import pytest
import torch
from checks.healthy import KINDS
from torch import nn
from torch.nn import functional as F

from nbrecipe import toys
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

CHECK = all_checks()["constant-output"]


def off(net, path="0.bias"):
    nn.init.constant_(net.get_parameter(path), -100.0)
    return net


def zeroed(net, *paths):
    for path in paths:
        nn.init.zeros_(net.get_parameter(path))
    return net


FAULTS = {
    "softmax of one": lambda: toys.binary(nn.Sequential(toys.mlp((10, 16, 1)), nn.Softmax(-1)), nn.MSELoss()),
    "log-softmax of one": lambda: toys.regress(nn.Sequential(toys.mlp((10, 16, 1)), nn.LogSoftmax(1))),
    "dead units": lambda: toys.classify(off(toys.mlp((20, 32, 5)))),
    "rectified outputs that are all off": lambda: toys.regress(off(nn.Sequential(nn.Linear(10, 1), nn.ReLU()))),
}


@pytest.mark.parametrize("build", FAULTS.values(), ids=FAULTS.keys())
def test_outputs_that_no_step_tells_apart_are_a_fault(build):
    found = run(CHECK, build()).finding
    assert found.verdict is Verdict.BAD, found.message


class AdaptiveNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.gate, self.head = nn.Linear(20, 16), nn.Linear(20, 16), nn.Linear(16, 5)
        for layer in (self.gate, self.head):
            zeroed(layer, "weight", "bias")

    def forward(self, x):
        return self.head(x[:, :16] + self.gate(x) * torch.relu(self.body(x)))


FINE = {
    "zero head": lambda: toys.classify(zeroed(toys.mlp(), "4.weight", "4.bias")),
    "zero gate and head": lambda: toys.classify(AdaptiveNorm()),
    "one output": lambda: toys.binary(),
    "log-softmax of several": lambda: toys.classify(nn.Sequential(toys.mlp(), nn.LogSoftmax(1))),
    "dropout of nearly all": lambda: toys.images(toys.convnet(dropout=0.99)),
    "frozen": lambda: toys.classify(toys.mlp().requires_grad_(False)),
}


@pytest.mark.parametrize("build", FINE.values(), ids=FINE.keys())
def test_outputs_that_differ_sooner_or_later_are_fine(build):
    found = run(CHECK, build()).finding
    assert found.verdict is Verdict.OK, found.message


def test_a_net_that_is_sure_of_one_class_is_no_fault():
    net = nn.Sequential(nn.Linear(10, 1), nn.Sigmoid())
    nn.init.constant_(net[0].bias, 200.0)
    x = torch.randn(64, 10)
    assert run(CHECK, toys.bench(net, x, torch.ones(64, 1), nn.MSELoss())).verdict is Verdict.HINT


@pytest.mark.parametrize(("rows", "same"), [(1, False), (8, True)])
def test_a_batch_that_cannot_tell_is_skipped(rows, same):
    given = toys.classify(rows=rows)
    x, y = given.batch
    batch = (x[:1].expand(rows, -1) if same else x, y)
    found = run(CHECK, given.replace(batch=batch)).finding
    assert found.verdict is Verdict.SKIPPED, found.message


def test_a_model_with_a_loss_of_its_own_is_run_too():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = off(toys.mlp((20, 32, 5)))

        def forward(self, x, y):
            out = self.body(x)
            return {"logits": out, "loss": F.cross_entropy(out, y)}

    given = toys.classify(Own())
    assert run(CHECK, given.replace(loss_fn=None)).verdict is Verdict.BAD


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_no_alarm_for_healthy_nets(kind):
    assert run(CHECK, kind(0)).verdict is Verdict.OK
