"""Copies among units: found, followed, and told from what only looks like them."""

import torch
from torch import nn

from nbrecipe import toys
from nbrecipe.probes.passes.symmetry import copies, suspects
from nbrecipe.probes.passes.twins import lasting_twins


def test_copies_are_counted_wherever_they_stand():
    rows = torch.randn(50, 7, generator=toys.seeded())
    assert copies(rows) == 0
    rows[30] = rows[4]
    rows[41] = rows[4]
    rows[9] = rows[12]
    assert copies(rows) == 5


def test_rounding_is_no_difference_and_one_percent_is():
    rows = torch.randn(1, 6, generator=toys.seeded()).repeat(4, 1) * torch.tensor([[1.0], [1 + 1e-6], [1.01], [3.0]])
    assert copies(rows, tolerance=1e-3) == 2


def test_units_lie_along_the_axis_of_their_layer():
    net = nn.ModuleList([nn.Embedding(9, 4), nn.ConvTranspose2d(3, 5, 2), nn.Linear(3, 6), nn.LayerNorm(4)])
    for layer in net:
        nn.init.ones_(layer.weight)
    assert [(s.name, s.axis, s.equal) for s in suspects(net)] == [
        ("0.weight", 1, 4),
        ("1.weight", 1, 5),
        ("2.weight", 0, 6),
    ]


def lasting(model, **more):
    bench = toys.classify(model, **more)
    with bench.untouched():
        return {twins.name: (twins.still, twins.units) for twins in lasting_twins(bench)}


def test_half_of_a_layer_copied_is_half_of_it_lasting():
    net = toys.mlp((20, 32, 5))
    with torch.no_grad():
        net[0].weight[16:] = net[0].weight[0]
        net[0].bias[16:] = net[0].bias[0]
        net[2].weight[:, 16:] = net[2].weight[:, :1]
    still, units = lasting(net)["0.weight"]
    assert units == 32
    assert 15 <= still <= 17


def test_equal_weights_below_different_ones_are_told_apart():
    net = toys.mlp((20, 32, 5))
    nn.init.ones_(net[0].weight)
    assert lasting(net) == {}


def test_a_class_that_the_batch_lacks_is_no_copy():
    net = toys.mlp((20, 32, 50))
    nn.init.zeros_(net[2].weight)
    nn.init.zeros_(net[2].bias)
    assert lasting(net, classes=3) == {}


def test_the_weights_are_afterwards_as_before():
    net = toys.mlp((20, 32, 5))
    for weight in net.parameters():
        nn.init.constant_(weight, 0.1)
    before = [p.detach().clone() for p in net.parameters()]
    bench = toys.classify(net)
    assert lasting_twins(bench)
    assert all(torch.equal(p, old) for p, old in zip(net.parameters(), before, strict=True))
