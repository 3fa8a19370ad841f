"""How far a signal may fall, and what is said when it falls further."""

import pytest
import torch
from torch import nn

from nbrecipe import toys
from nbrecipe.finding import Verdict
from nbrecipe.registry import get_check
from nbrecipe.runner import run

CHECK = get_check("vanishing-signal")


def judged(model, **more):
    return run(CHECK, toys.classify(model, **more)).finding


def deep(depth, std=None, act=nn.ReLU, width=128):
    net = toys.mlp((20, *[width] * depth, 5), act=act)
    for layer in net:
        if isinstance(layer, nn.Linear) and std is not None:
            with torch.no_grad():
                layer.weight.copy_(torch.randn(layer.weight.shape, generator=toys.seeded()) * std)
                layer.bias.zero_()
    return net


@pytest.mark.parametrize(
    ("depth", "verdict"), [(2, Verdict.OK), (5, Verdict.OK), (6, Verdict.OK), (10, Verdict.HINT), (14, Verdict.BAD)]
)
def test_torch_s_own_init_is_a_fault_only_where_it_stops_training(depth, verdict):
    assert judged(deep(depth)).verdict is verdict


@pytest.mark.parametrize("depth", [2, 6, 20])
def test_a_matching_init_holds_at_any_depth(depth):
    assert judged(deep(depth, (2 / 128) ** 0.5)).verdict is Verdict.OK


def test_a_fall_is_the_product_of_the_layers():
    told = judged(deep(4, 0.001))
    gain = 0.001 * (128 / 2) ** 0.5  # of the root mean square, for a fan-in of 128 behind ReLU
    first = 0.001 * 20**0.5
    share = 0.5 - 1 / (2 * torch.pi)  # of the second moment is variance, behind ReLU
    assert told.verdict is Verdict.BAD
    assert told.seen["ratio"] == pytest.approx(first * gain**3 * share**0.5, rel=0.7)
    assert told.where == "net[0]"
    assert "He's init gives 0.316" in told.why


def test_weights_that_training_moved_are_only_a_hint():
    net = deep(14)
    bench = toys.classify(net)
    bench.loss_fn(net(bench.batch[0]), bench.batch[1]).backward()
    bench.optimizer.step()
    assert run(CHECK, bench).finding.verdict is Verdict.HINT


def test_batch_norm_and_residual_connections_keep_it():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.head = nn.Linear(20, 32), nn.Linear(32, 5)
            self.blocks = nn.ModuleList(deep(1, 1e-4, width=32)[:2] for _ in range(12))
            for block in self.blocks:
                block[0] = nn.Linear(32, 32)
                nn.init.normal_(block[0].weight, std=1e-5)

        def forward(self, x):
            x = self.stem(x)
            for block in self.blocks:
                x = x + block(x)
            return self.head(x)

    assert judged(Residual()).verdict is Verdict.OK
    layers = [part for _ in range(12) for part in (nn.Linear(20, 20), nn.BatchNorm1d(20), nn.ReLU())]
    assert judged(nn.Sequential(*layers, nn.Linear(20, 5))).verdict is Verdict.OK


def test_what_other_checks_judge_is_named_and_not_claimed():
    zero = deep(2)
    nn.init.zeros_(zero[2].weight)
    nn.init.zeros_(zero[2].bias)
    told = judged(zero)
    assert (told.verdict, told.message) == (Verdict.HINT, "no signal passes `net[2]`: its weights start at one value")
    off = deep(2)
    nn.init.constant_(off[2].bias, -50.0)
    told = judged(off)
    assert (told.verdict, told.message) == (Verdict.HINT, "no signal passes the units behind `net[2]`: all are off")


@pytest.mark.parametrize("scale", [1e-5, 1e5])
def test_the_size_of_the_inputs_is_no_fall(scale):
    fine = toys.classify()
    x, y = fine.batch
    net = deep(3, (2 / 128) ** 0.5)  # without biases the net is linear in the scale
    plain, scaled = (run(CHECK, toys.bench(net, x * k, y, fine.loss_fn)).finding for k in (1.0, scale))
    assert scaled.verdict is Verdict.OK
    assert scaled.seen["signal"] == pytest.approx(plain.seen["signal"], rel=1e-3)
    bounded = run(CHECK, toys.bench(toys.mlp(act=nn.Tanh), x * 1e5, y, fine.loss_fn)).finding
    assert bounded.verdict is Verdict.OK
