"""Normalised twice, or with the statistics of another scale: proven by undoing it."""

import inputs
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.decoding.normalisation import KNOWN
from nbrecipe.finding import Verdict
from nbrecipe.registry import get_check
from nbrecipe.runner import run

CHECK = get_check("double-normalization")


def found(bench):
    return run(CHECK, bench).finding


def times(name, count, channels=3, seed=0, top=1.0):
    x = inputs.smooth(seed, 48, channels, 16, 16)
    mean, std = (top * torch.tensor(each)[:, None, None] for each in KNOWN[name])
    for _ in range(count):
        x = (x - mean) / std
    return x


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("count", [1, 2])
def test_twice_is_a_fault_and_once_is_none(name, count):
    channels = len(KNOWN[name][0])
    finding = found(inputs.labelled(inputs.conv(channels), times(name, count, channels)))
    assert finding.verdict is (Verdict.OK if count == 1 else Verdict.BAD), finding.message


@pytest.mark.parametrize("name", KNOWN)
def test_statistics_of_bytes_on_images_from_0_to_1_are_a_fault(name):
    channels = len(KNOWN[name][0])
    finding = found(inputs.labelled(inputs.conv(channels), times(name, 1, channels, top=255.0)))
    assert finding.verdict is Verdict.BAD
    assert "times 255 were taken off images from 0 to 1" in finding.message


@pytest.mark.parametrize(("most", "verdict"), [(1.0, Verdict.BAD), (0.95, Verdict.HINT)])
def test_images_resized_after_reading_are_no_whole_bytes_and_found_where_they_reach_both_ends(most, verdict):
    x = torch.nn.functional.interpolate(inputs.smooth(0, 32, 3, 16, 16), size=20, mode="bilinear")
    low, high = x.amin((0, 2, 3), keepdim=True), x.amax((0, 2, 3), keepdim=True)
    x = (x - low) / (high - low) * most
    twice = inputs.by_statistics("ImageNet", inputs.by_statistics("ImageNet", x))
    assert found(inputs.labelled(inputs.conv(3), twice)).verdict is verdict


class Normalize:
    def __init__(self, mean, std):
        self.mean, self.std = mean, std


class Own(TensorDataset):
    def __init__(self, *tensors):
        super().__init__(*tensors)
        self.transform = Normalize((0.31, 0.29, 0.33), (0.21, 0.17, 0.19))


@pytest.mark.parametrize(
    ("count", "most", "verdict"),
    [
        (0, 1.0, Verdict.OK),
        (1, 1.0, Verdict.OK),
        (2, 1.0, Verdict.BAD),
        (2, 0.8137, Verdict.HINT),
        (1, 0.8137, Verdict.OK),
    ],
)
def test_statistics_of_the_users_own_are_found_in_the_transform(count, most, verdict):
    x = inputs.smooth(0, 48, 3, 16, 16) * most
    for _ in range(count):
        x = (x - torch.tensor([0.31, 0.29, 0.33])[:, None, None]) / torch.tensor([0.21, 0.17, 0.19])[:, None, None]
    loader = DataLoader(Own(x, torch.arange(48) % 3), batch_size=48)
    bench = Bench(model=inputs.conv(3), loss_fn=nn.CrossEntropyLoss(), train_loader=loader)
    finding = found(bench)
    assert finding.verdict is verdict
    if count == 2:
        assert "undoing `Normalize` in `train_loader.dataset` twice gives images from 0.0 to " in finding.message


def test_a_norm_right_behind_the_first_layer_makes_it_a_hint():
    finding = found(inputs.labelled(inputs.conv(3, norm=True), times("ImageNet", 2)))
    assert finding.verdict is Verdict.HINT
    assert finding.why == "a normalisation right behind the first layer hides most of it"


def test_columns_that_lie_close_together_far_from_0_are_a_hint():
    raw = 1000 + 50 * torch.randn(64, 8, generator=toys.seeded())
    z = (raw - raw.mean(0)) / raw.std(0)
    again = (z - raw.mean(0)) / raw.std(0)
    finding = found(inputs.labelled(toys.mlp((8, 16, 3)), again))
    assert finding.verdict is Verdict.HINT
    assert finding.message.startswith("100 % of the features of `input` lie closer together than 0.05")
