"""Randomness in eval mode: which of it is dropout that nobody switched off."""

import random

import numpy as np
import pytest
import torch
from checks.healthy import KINDS
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from nbrecipe import toys
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

CHECK = all_checks()["dropout-in-eval"]


class Net(nn.Module):
    def __init__(self, between=None, **parts):
        super().__init__()
        self.body, self.head = toys.mlp((20, 32)), toys.mlp((32, 5))
        self.between = between
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.head(self.between(self, torch.relu(self.body(x))))


def verdict(net, **more):
    return run(CHECK, toys.classify(net, **more)).finding


class Stubborn(nn.Dropout):
    def train(self, mode=True):
        return super().train(True)


HIDDEN = [nn.Dropout(0.4)]
FAULTS = {
    "feature dropout": lambda net, x: F.dropout1d(x[:, None], 0.3)[:, 0],
    "told nothing but p": lambda net, x: F.dropout(x, p=0.1),
    "over several lines": lambda net, x: F.dropout(
        x,
        p=0.3,
    ),
    "in a list": lambda net, x: net.hidden[0](x),
    "global": lambda net, x: HIDDEN[0](x),
    "attention": lambda net, x: F.scaled_dot_product_attention(x[None], x[None], x[None], None, 0.3)[0],
    "beside other noise": lambda net, x: F.dropout(x + 0.1 * torch.randn_like(x), 0.3),
}


@pytest.mark.parametrize("between", FAULTS.values(), ids=FAULTS.keys())
def test_dropout_that_nobody_switched_off_is_a_fault(between):
    found = verdict(Net(between, hidden=[nn.Dropout(0.3)]))
    assert found.verdict is Verdict.BAD, found.message
    assert "drops" in found.message or "is no part of the model" in found.message


QUIET = {
    "nothing": lambda net, x: x,
    "told": lambda net, x: F.dropout(x, 0.3, net.training),
    "never drops": lambda net, x: F.dropout(x, 0.0),
    "alpha told nothing": lambda net, x: F.alpha_dropout(x, 0.3),
    "no effect": lambda net, x: x + 0 * F.dropout(x, 0.3),
    "checkpoint": lambda net, x: checkpoint(net.layer, x, use_reentrant=False),
    "noise in train mode": lambda net, x: x + torch.randn_like(x) if net.training else x,
}


@pytest.mark.parametrize("between", QUIET.values(), ids=QUIET.keys())
def test_what_agrees_twice_is_fine(between):
    assert verdict(Net(between, layer=nn.Dropout(0.5))).verdict is Verdict.OK


MEANT = {
    "told to": lambda net, x: F.dropout(x, 0.3, training=True),
    "stays on": lambda net, x: net.stubborn(x),
    "mask of its own": lambda net, x: x * (torch.rand_like(x) > 0.3),
    "sampled code": lambda net, x: x + torch.exp(x) * torch.randn_like(x),
    "gumbel": lambda net, x: F.gumbel_softmax(x),
    "bernoulli": lambda net, x: torch.bernoulli(x.sigmoid()),
    "distribution": lambda net, x: torch.distributions.Normal(x, 1.0).rsample(),
}


@pytest.mark.parametrize("between", MEANT.values(), ids=MEANT.keys())
def test_sampling_that_may_be_meant_is_a_hint(between):
    found = verdict(Net(between, stubborn=Stubborn(0.3)))
    assert found.verdict is Verdict.HINT, found.message


def test_a_state_that_moves_from_pass_to_pass_is_not_dropout():
    class Counting(Net):
        count = 0

        def forward(self, x):
            Counting.count += 1
            return super().forward(x) + Counting.count

    assert verdict(Counting(QUIET["nothing"])).verdict is Verdict.OK


def test_a_count_of_passes_that_the_model_keeps_is_not_dropout():
    class Annealed(Net):
        count = 0

        def forward(self, x):
            self.count += 1
            return super().forward(x) * min(1.0, self.count / 100)

    found = verdict(Annealed(QUIET["nothing"]))
    assert found.verdict is Verdict.OK
    assert found.message == "passes in eval mode differ by what each leaves behind in the model, so it is not dropout"


@pytest.mark.parametrize("source", [random.random, np.random.rand, lambda: torch.rand(()).item()])
def test_noise_of_any_source_is_a_hint(source):
    assert verdict(Net(lambda net, x: x + source())).verdict is Verdict.HINT


def test_the_place_is_told():
    found = verdict(Net(FAULTS["told nothing but p"]))
    assert found.code == "F.dropout(x, 0.1, training=self.training)"
    outer = verdict(nn.Sequential(nn.Identity(), Net(FAULTS["in a list"], hidden=[nn.Dropout(0.3)])))
    assert outer.where == "net[1]"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_no_alarm_for_healthy_nets(kind):
    bench = kind(0)
    bench.model.train()
    assert run(CHECK, bench).verdict in (Verdict.OK, Verdict.HINT, Verdict.SKIPPED)
    assert bench.model.training
