"""What is drawn of a signal: the measured one, the gradient, and what He's and Xavier's weights would give."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nbrecipe import toys
from nbrecipe.probes.passes.flow import draw_profile, flow, profile
from nbrecipe.probes.passes.signal import signal


def profile_of(scale: float, bias: float = 0.0) -> dict[str, list[float]]:
    """Four layers of He's init, all their weights multiplied; every bias is the same."""
    net = toys.mlp((20, 256, 256, 256, 5))
    generator = toys.seeded(3)
    with torch.no_grad():
        for layer in net:
            if isinstance(layer, nn.Linear):
                layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator))
                layer.weight.mul_(scale * (2 / layer.in_features) ** 0.5)
                layer.bias.fill_(bias)
    bench = toys.classify(net)
    with bench.untouched():
        found = flow(bench.once(signal))
    assert found is not None
    return profile(found)


def test_hes_line_is_the_signal_of_a_net_with_hes_weights():
    seen = profile_of(1.0)
    assert seen["he"] == pytest.approx(seen["signal"], rel=0.1)


def test_hes_and_xaviers_lines_do_not_depend_on_the_weights_own_size():
    small, large = profile_of(0.1), profile_of(10.0)
    assert small["he"] == pytest.approx(large["he"], rel=1e-3)
    assert small["xavier"] == pytest.approx(large["xavier"], rel=1e-3)
    assert large["signal"][-1] > 1e5 * small["signal"][-1]


def test_hes_line_ends_where_the_measured_signal_is_rounding():
    """Biases of 1 dwarf a signal that shrinks 1e-4-fold in every layer: from the second on it is rounding."""
    seen = profile_of(1e-4, bias=1.0)
    assert seen["he"][0] == pytest.approx(2**0.5, rel=0.1), "all units are on, so He's factor is not halved"
    assert seen["he"][1:] == seen["xavier"][1:] == [None, None, None]


def test_the_gradient_is_told_over_that_at_the_last_layer():
    seen = profile_of(1.0)
    assert seen["gradient"][-1] == 1
    assert len(seen["gradient"]) == len(seen["layers"]) == len(seen["signal"])


def test_the_names_of_lines_stand_beside_the_last_layer_where_no_line_runs():
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    draw_profile(ax, profile_of(1e-4, bias=1.0), "C1")
    assert {text.get_text(): text.xy[0] for text in ax.texts} == {"He": 4, "Xavier": 4, "signal": 4, "gradient": 1}
