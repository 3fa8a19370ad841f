"""Inputs of the wrong size, planted: what is a fault, what a hint, and what is said."""

import inputs
import pytest
import torch
from torch import nn

from nbrecipe import toys
from nbrecipe.finding import Verdict
from nbrecipe.registry import get_check
from nbrecipe.runner import run

CHECK = get_check("unscaled-input")


def found(bench):
    return run(CHECK, bench).finding


def bytes_of(seed, channels=3):
    return (inputs.smooth(seed, 48, channels, 16, 16) * 255).round()


class Ends(nn.Module):
    """No norm, and an average at the end."""

    def __init__(self, first):
        super().__init__()
        self.first, self.head = first, nn.Linear(8, 3)

    def forward(self, x):
        x = torch.relu(self.first(x.float()))
        return self.head(x.flatten(2).mean(2) if x.ndim > 2 else x)


PLANTED = {
    "bytes as floats": (inputs.conv(3), bytes_of(0)),
    "bytes as bytes": (Ends(nn.Conv2d(3, 8, 3)), bytes_of(0).byte()),
    "grey bytes": (inputs.conv(1), bytes_of(1, 1)),
    "bytes laid flat": (nn.Sequential(nn.Flatten(), *toys.mlp((256, 8, 3))), bytes_of(2, 1)),
    "incomes": (toys.mlp((4, 16, 3)), torch.rand(48, 4, generator=toys.seeded()) * 5e4),
    "one column of many": (
        toys.mlp((4, 16, 3)), torch.rand(48, 4, generator=toys.seeded()) * torch.tensor([1, 1, 1, 300.0])
    ),
    "a sequence": (inputs.Last(2), torch.rand(48, 20, 2, generator=toys.seeded()) * 100),
    "bytes normalised as if from 0 to 1": (inputs.conv(3), inputs.by_statistics("ImageNet", bytes_of(0))),
}  # fmt: skip


@pytest.mark.parametrize(("net", "x"), PLANTED.values(), ids=PLANTED)
def test_a_planted_size_is_a_fault(net, x):
    finding = found(inputs.labelled(net, x))
    assert finding.verdict is Verdict.BAD, finding.message
    assert "where weights are drawn for **1**" in finding.message


def test_the_fault_of_bytes_says_what_to_write():
    finding = found(inputs.labelled(inputs.conv(3), bytes_of(0)))
    assert finding.message.startswith("`input` enters `net[0]` as bytes, with a root mean square of **")
    assert (finding.fix, finding.code) == ("Divide by 255, once, before they enter.", "x = x / 255")
    assert finding.where == "net[0]"


def test_statistics_that_explain_the_size_are_named():
    finding = found(inputs.labelled(*PLANTED["bytes normalised as if from 0 to 1"]))
    assert finding.why == "these are bytes of which the statistics of ImageNet, for values from 0 to 1, were taken off"


def test_the_largest_feature_is_named():
    given = inputs.labelled(*PLANTED["one column of many"])
    assert found(given).why.startswith("the largest is feature 3, with ")
    given.train_loader.dataset.feature_names = ["age", "rooms", "urban", "income"]
    assert found(given).why.startswith("the largest is `income`, with ")


HINTS = {
    "a norm further on": (nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), *inputs.conv(8, norm=True)), bytes_of(0)),
    "a single layer": (nn.Linear(4, 3), torch.rand(48, 4, generator=toys.seeded()) * 100),
    "digits from 0 to 16": (toys.mlp((64, 16, 3)), torch.rand(48, 64, generator=toys.seeded()) * 16),
}


@pytest.mark.parametrize(("net", "x"), HINTS.values(), ids=HINTS)
def test_what_may_be_meant_is_a_hint(net, x):
    assert found(inputs.labelled(net, x)).verdict is Verdict.HINT


def test_a_trained_net_is_used_to_its_inputs():
    given = inputs.labelled(inputs.conv(3), bytes_of(0))
    assert found(given.replace(trained="`net.load_state_dict` in cell 3")).verdict is Verdict.HINT


def test_weights_that_make_up_for_the_size_are_a_hint():
    net = inputs.conv(3)
    with torch.no_grad():
        net[0].weight.div_(100)
    assert found(inputs.labelled(net, bytes_of(0))).verdict is Verdict.HINT
