"""How far a signal or a gradient may grow."""

import pytest
import torch
from torch import nn

from nbrecipe import toys
from nbrecipe.finding import Verdict
from nbrecipe.registry import get_check
from nbrecipe.runner import run

CHECK = get_check("exploding-signal")


def judged(model, **more):
    return run(CHECK, toys.classify(model, **more)).finding


def deep(depth, std, act=nn.ReLU, width=128):
    net = toys.mlp((20, *[width] * depth, 5), act=act)
    for layer in net:
        if isinstance(layer, nn.Linear):
            with torch.no_grad():
                layer.weight.copy_(torch.randn(layer.weight.shape, generator=toys.seeded()) * std)
                layer.bias.zero_()
    return net


def test_growth_is_the_product_of_the_layers():
    told = judged(deep(3, 1.0))
    assert told.verdict is Verdict.BAD
    expected = (20 * 64 * 64 * 64 * (1 - 1 / torch.pi)) ** 0.5  # fan-in halved behind each ReLU; the variance's share
    assert told.seen["growth"] == pytest.approx(expected, rel=0.4)
    assert "He's init gives" in told.why


@pytest.mark.parametrize("depth", [1, 4, 20])
@pytest.mark.parametrize("factor", [0.7, 1.0, 1.1])
def test_he_s_init_and_its_neighbours_hold(depth, factor):
    assert judged(deep(depth, factor * (2 / 128) ** 0.5)).verdict is Verdict.OK


def test_a_gradient_that_grows_on_its_way_down_is_told_as_such():
    told = judged(deep(16, 1.0, nn.Tanh))
    assert told.verdict is Verdict.BAD
    assert told.message.startswith("the gradient grows **")


def test_overflow_names_the_layer():
    told = judged(deep(30, 1e3))
    assert told.verdict is Verdict.BAD
    assert told.message.startswith("the signal overflows at `net[")


def test_inputs_of_any_size_are_not_growth():
    fine = toys.classify()
    x, y = fine.batch
    for scale in (1e-3, 255.0, 1e6):
        assert run(CHECK, toys.bench(toys.mlp(), x * scale, y, fine.loss_fn)).finding.verdict is Verdict.OK


def test_a_large_last_layer_alone_is_left_to_the_loss_at_init():
    net = toys.mlp()
    with torch.no_grad():
        net[4].weight.mul_(1e4)
    assert judged(net).verdict is Verdict.OK
