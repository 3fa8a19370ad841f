"""Images cut anew by `view` and `reshape`, proven by the way back."""

import inputs
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.finding import Verdict
from nbrecipe.registry import get_check
from nbrecipe.runner import run

CHECK = get_check("scrambled-image")


def found(x, net=None, count=None):
    given = inputs.labelled(net or inputs.conv(x.shape[1]), x)
    if count is not None:
        given = given.replace(batch=(x[:count], torch.arange(count) % 3))
    return run(CHECK, given).finding


def photos(seed=0, channels=3, height=16, width=16):
    """(N, H, W, C) of images whose channels are much alike, as those of photographs are."""
    grey = inputs.smooth(seed, 48, 1, height, width)
    return (0.8 * grey + 0.2 * inputs.smooth(seed + 9, 48, channels, height, width)).permute(0, 2, 3, 1).contiguous()


BACK, TURNED = "cut as (N, H, W, C) again", "cut as 12 rows of 20 again"
PLANTED = {
    "viewed": (photos().view(48, 3, 16, 16), BACK),
    "viewed, larger": (photos(0, 3, 32, 32).view(48, 3, 32, 32), BACK),
    "viewed, with alpha": (photos(0, 4).view(48, 4, 16, 16), BACK),
    "viewed, then normalised": (inputs.by_statistics("ImageNet", photos().view(48, 3, 16, 16)), BACK),
    "height for width": (photos(0, 3, 12, 20).permute(0, 3, 1, 2).reshape(48, 3, 20, 12), TURNED),
    "grey, height for width": (photos(0, 1, 12, 20).permute(0, 3, 1, 2).reshape(48, 1, 20, 12), TURNED),
    "examples last": (photos().permute(1, 2, 3, 0).reshape(48, 3, 16, 16), "cut as (H, W, C, N) again"),
}  # fmt: skip


@pytest.mark.parametrize(("x", "told"), PLANTED.values(), ids=PLANTED)
def test_a_planted_cut_is_a_fault_and_the_way_back_is_named(x, told):
    finding = found(x)
    assert finding.verdict is Verdict.BAD, finding.message
    assert told in finding.message


@pytest.mark.parametrize("seed", range(20))
def test_the_same_images_permuted_raise_no_alarm(seed):
    x = photos(seed, 3, 16 + 4 * (seed % 2), 16).permute(0, 3, 1, 2)
    assert found(x).verdict is Verdict.OK


@pytest.mark.parametrize("height", [16, 20])
def test_noise_whose_channels_have_levels_of_their_own_is_no_fault(height):
    levels = torch.rand(48, 3, 1, 1, generator=toys.seeded(1))
    noise = torch.rand(48, 3, height, 16, generator=toys.seeded(2))
    assert found(0.4 * noise + levels).verdict is Verdict.OK


def test_a_view_inside_the_model_is_seen():
    class Views(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = inputs.conv(3)

        def forward(self, image):
            return self.body(image.reshape(-1, 3, 16, 16))

    assert found(photos(), Views()).verdict is Verdict.BAD


def test_few_images_prove_nothing():
    assert found(photos().view(48, 3, 16, 16), count=3).verdict is Verdict.HINT


def test_noise_where_the_data_set_keeps_smooth_images_is_a_hint():
    class Kept(Dataset):
        def __init__(self):
            self.data = (photos().numpy() * 255).astype(np.uint8)

        def __len__(self):
            return len(self.data)

        def __getitem__(self, i):
            g = toys.seeded(i)
            values = torch.from_numpy(self.data[i]).flatten()[torch.randperm(768, generator=g)]
            return values.view(3, 16, 16) / 255, i % 3

    bench = Bench(model=inputs.conv(3), loss_fn=nn.CrossEntropyLoss(), train_loader=DataLoader(Kept(), batch_size=16))
    finding = run(CHECK, bench).finding
    assert finding.verdict is Verdict.HINT
    assert "those of the data set's own images by" in finding.message


def test_rows_are_no_images():
    finding = run(CHECK, toys.classify()).finding
    assert (finding.verdict, finding.message) == (Verdict.SKIPPED, "no input has the shape of an image")
