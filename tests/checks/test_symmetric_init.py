"""Symmetry: what stays equal, what only starts so, and that the line to paste mends it."""

import pytest
import torch
from torch import nn

from nbrecipe import toys
from nbrecipe.finding import Verdict
from nbrecipe.registry import get_check
from nbrecipe.runner import run

CHECK = get_check("symmetric-init")


def judged(model, **more):
    return run(CHECK, toys.classify(model, **more)).finding


def constant(net, value, bias=0.0):
    for layer in net.modules():
        if isinstance(layer, nn.Linear):
            nn.init.constant_(layer.weight, value)
            nn.init.constant_(layer.bias, bias)
    return net


@pytest.mark.parametrize("act", [nn.ReLU, nn.Tanh, nn.GELU, nn.Sigmoid])
@pytest.mark.parametrize("value", [0.0, 0.01, 0.5, -0.1])
def test_one_value_everywhere_is_a_fault(act, value):
    told = judged(constant(toys.mlp(act=act), value))
    assert told.verdict is Verdict.BAD
    assert "net[" in told.where


def test_the_message_counts_the_units_and_the_line_mends_it():
    net = constant(toys.mlp(), 0.02)
    told = judged(net)
    assert told.message == (
        "**32 of 32** units of `net[0]` start equal and stay equal, step after step, as in 1 more; "
        "random weights differ from the start"
    )
    torch.manual_seed(0)
    exec(told.code, {"nn": nn, "net": net})
    assert judged(net).verdict is Verdict.OK


@pytest.mark.parametrize("part", [0, 2, 4])
def test_one_constant_layer_among_random_ones_holds(part):
    net = toys.mlp()
    constant(net[part], 0.05)
    assert judged(net).verdict is Verdict.OK


def test_zeros_that_are_right_hold():
    class Residual(nn.Module):
        """Branches that end in zeros, a gate at zero, norms at one."""

        def __init__(self):
            super().__init__()
            self.stem, self.head = nn.Linear(20, 16), constant(nn.Linear(16, 5), 0.0)
            self.inner = nn.ModuleList(nn.Linear(16, 16) for _ in range(3))
            self.outer = nn.ModuleList(constant(nn.Linear(16, 16), 0.0) for _ in range(3))
            self.gate, self.norm = nn.Parameter(torch.zeros(1)), nn.LayerNorm(16)

        def forward(self, x):
            x = self.stem(x)[:, None].repeat(1, 3, 1)
            for inner, outer in zip(self.inner, self.outer, strict=True):
                x = x + outer(torch.relu(inner(self.norm(x))))
            return self.head((x + self.gate * x.flip(1)).mean(1) + x[:, 0])

    told = judged(Residual())
    assert told.verdict is Verdict.OK
    assert told.message.startswith("no unit stays a copy of another; ")


def test_both_factors_of_a_low_rank_update_at_zero_are_a_fault():
    class Update(nn.Module):
        def __init__(self):
            super().__init__()
            self.base = toys.mlp((20, 5)).requires_grad_(False)
            self.down, self.up = nn.Linear(20, 4, bias=False), nn.Linear(4, 5, bias=False)
            nn.init.zeros_(self.down.weight)
            nn.init.zeros_(self.up.weight)

        def forward(self, x):
            return self.base(x) + self.up(self.down(x))

    assert judged(Update()).verdict is Verdict.BAD


def test_a_zero_head_over_many_classes_of_which_the_batch_has_few_holds():
    net = toys.mlp((20, 32, 200))
    constant(net[2], 0.0)
    assert judged(net).verdict is Verdict.OK


def test_a_table_of_positions_that_stays_equal_is_a_hint():
    class Placed(nn.Module):
        """The mean over positions tells none of them apart."""

        def __init__(self):
            super().__init__()
            self.stem, self.places, self.head = nn.Linear(20, 16), nn.Parameter(torch.zeros(4, 16)), nn.Linear(16, 5)

        def forward(self, x):
            return self.head((self.stem(x)[:, None] + self.places).mean(1))

    assert judged(Placed()).verdict is Verdict.HINT


def test_a_frozen_model_is_skipped_with_the_reason():
    told = judged(toys.mlp().requires_grad_(False))
    assert told.verdict is Verdict.SKIPPED
    assert told.message == "there are no gradients to compare: no parameter is trainable"
