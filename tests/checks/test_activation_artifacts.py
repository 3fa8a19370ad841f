"""Nets whose maps are fine, whatever they are made of, and layers that leave their mark on them."""

import pytest
import torch
from torch import nn

from nbrecipe.bench import Bench
from nbrecipe.checks.tuning.activation_artifacts import check
from nbrecipe.finding import Verdict
from nbrecipe.runner import run


def bench(net, side=32, channels=1, **more):
    g = torch.Generator().manual_seed(0)
    x = nn.functional.avg_pool2d(torch.randn(24, channels, side + 4, side + 4, generator=g), 5, stride=1) * 5
    return Bench(model=net, batch=(x, x), loss_fn=lambda out, x: out.float().square().mean(), **more)


def trained(net, **more):
    """The net after a few steps that rebuild its input, so that nothing is as it was drawn."""
    given = bench(net, **more)
    x, optimizer = given.batch[0], torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(12):
        optimizer.zero_grad()
        out = net(x)
        (out - x).square().mean().backward() if out.shape == x.shape else out.square().mean().backward()
        optimizer.step()
    return bench(net, trained="`fit` in cell 3", **more)


def made(*layers, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            *(layer() if callable(layer) and not isinstance(layer, nn.Module) else layer for layer in layers)
        )


FINE = {
    "convolutions": lambda: made(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1)),
    "batch norm": lambda: made(nn.Conv2d(1, 8, 5, padding=2), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 1, 1)),
    "strides": lambda: made(nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1), nn.ReLU()),
    "no padding": lambda: made(nn.Conv2d(1, 8, 5), nn.SiLU(), nn.Conv2d(8, 8, 5)),
    "depthwise": lambda: made(
        nn.Conv2d(1, 8, 1), nn.Conv2d(8, 8, 7, padding=3, groups=8), nn.GELU(), nn.Conv2d(8, 1, 1)
    ),
    "interpolation": lambda: made(
        nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU(), nn.Upsample(scale_factor=2), nn.Conv2d(8, 1, 3, padding=1)
    ),
    "tanh": lambda: made(nn.Conv2d(1, 8, 3, padding=1), nn.Tanh(), nn.Conv2d(8, 1, 3, padding=1)),
    "pooling": lambda: made(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3, padding=1)),
}


@pytest.mark.parametrize("name", FINE)
@pytest.mark.parametrize("seed", range(2))
def test_nets_that_are_fine_raise_nothing(name, seed):
    torch.manual_seed(seed)
    assert run(check, trained(FINE[name]())).verdict is Verdict.OK


def test_a_kernel_that_does_not_divide_by_its_stride_leaves_a_checkerboard():
    net = made(nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU(), nn.ConvTranspose2d(8, 8, 3, 2, 1, 1))
    with torch.no_grad():
        net[2].weight.abs_()
    found = run(check, bench(net, trained="`fit` in cell 3")).finding
    assert found.verdict is Verdict.HINT
    assert found.message == (
        "**8 of 8** channels behind `model[2]` show a checkerboard: odd and even rows and columns differ in the mean "
        "over all examples"
    )
    assert found.where == "`model[2]`".strip("`")


def test_an_untrained_net_and_one_without_maps_are_skipped():
    up = made(nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU(), nn.ConvTranspose2d(8, 8, 3, 2, 1, 1))
    for net, why in (
        (up, "nothing was learned there yet"),
        (made(nn.Flatten(), nn.Linear(1024, 5)), "no feature maps"),
    ):
        found = run(check, bench(net)).finding
        assert found.verdict is Verdict.SKIPPED
        assert why in found.message
