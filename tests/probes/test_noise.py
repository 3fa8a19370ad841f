"""Moran's I against real shuffles, its error rates, and what share of structure filters are said to hold."""

import pytest
import torch
from torch import nn

from nbrecipe.probes.weights import noise
from nbrecipe.statistics.families import holm


def drawn(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def smooth(count, channels=1, side=9, seed=0):
    return nn.functional.avg_pool2d(drawn(count, channels, side + 4, side + 4, seed=seed), 5, stride=1)


def shuffled(one, count, seed=1):
    """Copies of a filter, each channel of each shuffled by itself."""
    flat = one.flatten(2)
    places = torch.rand(count, *flat.shape[1:], generator=torch.Generator().manual_seed(seed)).argsort(-1)
    return flat.expand(count, -1, -1).gather(2, places).view(count, *one.shape[1:])


@pytest.mark.parametrize("shape", [(1, 3, 3), (3, 5, 5), (1, 7, 7), (1, 28, 28), (2, 1, 9), (1, 4, 16)])
def test_mean_and_variance_are_those_of_all_shuffles(shape):
    """3000 shuffles: the mean of z has a standard error of 0.018, its deviation one of 0.013 for normal tails."""
    seen = noise.moran(shuffled(drawn(1, *shape).pow(3), 3000))
    assert abs(float(seen.z.mean())) < 0.08
    assert abs(float(seen.z.std()) - 1) < 0.06
    assert seen.expected == pytest.approx(-1 / (shape[1] * shape[2] - 1))


def test_the_index_is_one_for_smooth_pictures_none_for_noise_and_minus_one_for_a_chessboard():
    slope = torch.linspace(-1, 1, 30).expand(1, 1, 30, 30)
    board = (torch.arange(8)[:, None] + torch.arange(8)) % 2 * 2.0 - 1
    assert float(noise.moran(slope).index) > 0.9
    assert float(noise.moran(board[None, None]).index) == pytest.approx(-1)
    assert abs(float(noise.moran(drawn(1, 1, 40, 40)).index)) < 0.1


def test_a_constant_filter_is_smooth_and_too_few_weights_are_not_scored():
    assert float(noise.moran(torch.full((1, 1, 5, 5), 0.3)).index) == 1
    assert noise.moran(drawn(4, 1, 1, 3)) is None
    assert noise.moran(torch.zeros(0, 1, 5, 5)) is None


def test_channels_weigh_by_their_variance():
    loud, soft = smooth(1), drawn(1, 1, 9, 9) * 1e-3
    assert float(noise.moran(torch.cat([loud, soft], 1)).index) == pytest.approx(
        float(noise.moran(loud).index), abs=1e-4
    )


@pytest.mark.parametrize("shape", [(1, 5, 5), (3, 7, 7), (1, 16, 16)])
def test_of_a_hundred_nets_of_noise_few_have_a_filter_that_is_called_structured(shape):
    """1 % by Holm; kurtosis and small kernels make the normal approximation a little too light in its tails."""
    nets = [noise.moran(drawn(64, *shape, seed=seed)).p.numpy() for seed in range(100)]
    assert sum(bool((holm(p) <= noise.ALPHA).any()) for p in nets) <= 6


def test_the_share_of_structure_is_found_again_and_bounded():
    images = smooth(300, side=9)
    learned = torch.randn(200, 300, generator=torch.Generator().manual_seed(1)) @ (images - images.mean(0)).flatten(1)
    learned = learned.view(200, 1, 9, 9) / learned.norm(dim=1)[:, None, None, None]
    fuzz = drawn(200, 1, 9, 9, seed=2)
    fuzz = fuzz / fuzz.flatten(1).norm(dim=1)[:, None, None, None]
    known = noise.power(images, 200)
    for part in (0.0, 0.25, 0.5):
        mixed = noise.moran(part**0.5 * learned + (1 - part) ** 0.5 * fuzz)
        told = noise.share(mixed, known)
        assert told.estimate == pytest.approx(part, abs=0.08)
        assert told.estimate < told.most


def test_power_is_computed_none_for_three_by_three_and_for_inputs_whose_neighbours_are_not_alike():
    assert noise.power(smooth(300, side=9), 64).pooled > 0.99
    assert noise.power(smooth(300, side=3)[..., :3, :3], 32).pooled < 0.5
    assert noise.power(drawn(300, 1, 9, 9), 64).pooled < 0.05
    assert noise.least_bound(noise.power(drawn(300, 1, 9, 9), 64), 64) > 0.4
    assert noise.power(torch.ones(10, 1, 9, 9), 64) is None
    assert noise.power(drawn(10, 1, 9, 9) * float("nan"), 64) is None
