"""How many units may sit at their ends: shares against the normal distribution."""

import math

import pytest
import torch
from torch import nn

from nbrecipe import toys
from nbrecipe.checks.init.saturated_units import HEALTHY
from nbrecipe.finding import Verdict
from nbrecipe.registry import get_check
from nbrecipe.runner import run

CHECK = get_check("saturated-units")


def beyond(edge, std=1.0):
    """P(|z| > edge) for a normal z."""
    return math.erfc(edge / std / math.sqrt(2))


def one_layer(act, std, fan_in=20):
    """Pre-activations of this standard deviation, on inputs of standard deviation 1."""
    net = nn.Sequential(nn.Linear(fan_in, 400), act, nn.Linear(400, 5))
    with torch.no_grad():
        net[0].weight.copy_(torch.randn(400, fan_in, generator=toys.seeded()) * std / fan_in**0.5)
        net[0].bias.zero_()
    return net


EDGES = {"tanh": math.atanh(0.97), "sigmoid": math.log(0.97 / 0.03), "hardtanh": 1.0}
ACTS = {"tanh": nn.Tanh(), "sigmoid": nn.Sigmoid(), "hardtanh": nn.Hardtanh()}


@pytest.mark.parametrize("kind", list(EDGES))
@pytest.mark.parametrize("std", [1.0, 3.0, 8.0])
def test_the_share_is_that_of_a_normal_distribution(kind, std):
    told = run(CHECK, toys.classify(one_layer(ACTS[kind], std))).finding
    assert told.seen["shares"][0] == pytest.approx(beyond(EDGES[kind], std), abs=0.06)
    assert HEALTHY[kind] == pytest.approx(beyond(EDGES[kind]), rel=0.05)


@pytest.mark.parametrize("kind", list(EDGES))
def test_xavier_holds_and_eight_times_as_much_is_a_fault(kind):
    verdicts = [run(CHECK, toys.classify(one_layer(ACTS[kind], std))).finding.verdict for std in (1.0, 5 / 3, 8.0)]
    assert verdicts == [Verdict.OK, Verdict.OK, Verdict.BAD]


def test_the_inputs_are_blamed_where_they_are_too_large():
    fine = toys.classify()
    x, y = fine.batch
    told = run(CHECK, toys.bench(toys.mlp(act=nn.Tanh), x * 100, y, fine.loss_fn)).finding
    assert told.verdict is Verdict.BAD
    assert told.fix == "Scale the inputs to mean 0 and standard deviation 1."
    assert told.why.startswith("the inputs of `net[0]` have a root mean square of ")


def test_the_weights_are_blamed_with_the_lines_that_mend_them():
    net = one_layer(nn.Tanh(), 10.0)
    told = run(CHECK, toys.classify(net)).finding
    assert told.code == 'nn.init.xavier_normal_(net[0].weight, gain=nn.init.calculate_gain("tanh"))'
    exec(told.code, {"nn": nn, "net": net})
    assert run(CHECK, toys.classify(net)).finding.verdict is Verdict.OK


def test_gates_seen_through_a_view_are_gates():
    class Squeeze(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.gate, self.head = nn.Conv2d(1, 8, 3), nn.Linear(8, 8), nn.Linear(8, 5)
            nn.init.constant_(self.gate.bias, 6.0)

        def forward(self, x):
            x = self.conv(x)
            return self.head((x * torch.sigmoid(self.gate(x.mean((2, 3))))[:, :, None, None]).mean((2, 3)))

    assert run(CHECK, toys.images(Squeeze())).finding.verdict is Verdict.OK
