"""How many units may be off: what chance explains, and what it does not."""

import pytest
import torch
from torch import nn

from nbrecipe import toys
from nbrecipe.checks.init.dead_units import _chance
from nbrecipe.finding import Verdict
from nbrecipe.registry import get_check
from nbrecipe.runner import run

CHECK = get_check("dead-units")


def with_dead(count, width=100):
    net = toys.mlp((20, width, 5))
    with torch.no_grad():
        net[0].bias[:count] = -50.0
    return run(CHECK, toys.classify(net)).finding


@pytest.mark.parametrize(
    ("count", "verdict"),
    [(0, Verdict.OK), (20, Verdict.OK), (40, Verdict.HINT), (55, Verdict.HINT), (75, Verdict.BAD), (100, Verdict.BAD)],
)
def test_more_than_chance_explains_is_a_fault(count, verdict):
    told = with_dead(count)
    assert told.verdict is verdict
    assert told.seen["off"] == [count]
    assert told.seen["examples"] == (256 if count > 10 else 64)


def test_chance_is_that_of_fair_coins():
    assert _chance(10, 10) == 2**-10
    assert _chance(0, 5) == 1
    assert _chance(2, 3) == 0.5


def test_units_that_inputs_hardly_move_are_off_for_half_and_no_fault():
    verdicts = []
    for seed in range(20):
        x = torch.ones(256, 20) + 1e-4 * torch.randn(256, 20, generator=toys.seeded(seed))
        net = toys.mlp((20, 60, 60, 5), seed=seed)
        bench = toys.bench(net, x, torch.arange(256) % 5, nn.CrossEntropyLoss())
        verdicts.append(run(CHECK, bench).finding.verdict)
    assert Verdict.BAD not in verdicts
    assert Verdict.HINT in verdicts


def test_functional_units_and_clamps_are_seen():
    class Net(nn.Module):
        def __init__(self, unit):
            super().__init__()
            self.a, self.b, self.unit = nn.Linear(20, 40), nn.Linear(40, 5), unit
            nn.init.constant_(self.a.bias, -50.0)

        def forward(self, x):
            return self.b(self.unit(self.a(x)))

    units = [torch.relu, nn.functional.relu6, lambda x: x.clamp(min=0), nn.ReLU(inplace=True), lambda x: x.relu_()]
    for unit in units:
        told = run(CHECK, toys.classify(Net(unit))).finding
        assert told.verdict is Verdict.BAD
        assert told.code == "nn.init.zeros_(net.a.bias)"
    told = run(CHECK, toys.classify(Net(nn.functional.gelu))).finding
    assert told.message == "there are no ReLU units"


def test_channels_are_the_units_of_a_convolution():
    net = toys.convnet(norm=False)
    with torch.no_grad():
        next(p for name, p in net.named_parameters() if name.endswith("bias")).fill_(-50.0)
    told = run(CHECK, toys.images(net)).finding
    assert told.verdict is Verdict.HINT or told.verdict is Verdict.BAD
    assert told.seen["units"][0] == told.seen["off"][0] == 8
