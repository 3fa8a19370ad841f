"""Scrambled images and inputs that are not scaled are told of the data alone, where no model is given."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.finding import Verdict
from nbrecipe.registry import get_check
from nbrecipe.runner import run
from nbrecipe.scan import held


def found(name, data, **more):
    bench = Bench(train_data=data, names={"train_data": "train_set"}, **more)
    bench.once(held.train_scan)
    return run(get_check(name), bench).finding


def blobs(rows=120, side=16, seed=0):
    """(rows, side, side, 3) smooth images in colour, from 0 to 1."""
    noise = torch.rand(rows, 3, side + 4, side + 4, generator=toys.seeded(seed))
    smooth = nn.functional.avg_pool2d(noise, 5, stride=1).permute(0, 2, 3, 1).contiguous()
    return (smooth - smooth.amin()) / (smooth.amax() - smooth.amin())


def labelled(x):
    return TensorDataset(x, torch.arange(len(x)) % 3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8])
def test_images_that_were_viewed_are_scrambled(dtype):
    x = (blobs() * 255).to(dtype)
    finding = found("scrambled-image", labelled(x.view(len(x), 3, 16, 16)))
    assert finding.verdict is Verdict.BAD
    assert "cut as (N, H, W, C) again, the same values correlate by" in finding.message


@pytest.mark.parametrize(
    "x",
    [
        blobs().permute(0, 3, 1, 2),
        blobs(),
        torch.rand(120, 3, 16, 16, generator=toys.seeded()),
        blobs()[..., 0][:, None],
        blobs()[..., :1].permute(0, 3, 1, 2).expand(-1, 3, -1, -1),
        torch.zeros(120, 3, 16, 16),
        blobs(side=24)[:, :16].permute(0, 3, 1, 2),
        blobs().permute(0, 3, 1, 2)[:, [2, 0, 1]],
        (blobs().permute(0, 3, 1, 2) > 0.5).float(),
    ],
    ids=["first", "last", "noise", "grey", "grey thrice", "blank", "wide", "other colours", "black and white"],
)
def test_images_whose_axes_were_moved_are_fine(x):
    assert found("scrambled-image", labelled(x)).verdict in (Verdict.OK, Verdict.SKIPPED)


def test_without_a_model_and_data_that_were_read_both_say_what_is_missing():
    for name in ("scrambled-image", "unscaled-input"):
        finding = run(get_check(name), Bench()).finding
        assert (finding.verdict, finding.message) == (Verdict.SKIPPED, "needs `model`")


def test_floats_of_bytes_are_worth_a_look():
    x = blobs().permute(0, 3, 1, 2) * 255
    for data in (labelled(x), DataLoader(labelled(x), batch_size=8)):
        finding = found("unscaled-input", data)
        assert (finding.verdict, finding.code) == (Verdict.HINT, "x = x / 255")
        assert finding.message.startswith("`input` of `train_set` has a root mean square of **1")
    wide = torch.randn(200, 6, generator=toys.seeded()) * torch.tensor([1.0, 1, 1, 1, 1, 4000])
    finding = found("unscaled-input", labelled(wide))
    assert finding.code == "x = (x - x_train.mean(0)) / x_train.std(0)"


@pytest.mark.parametrize(
    "data",
    [
        labelled(blobs().permute(0, 3, 1, 2)),
        labelled((blobs() * 255).to(torch.uint8)),
        labelled((blobs().permute(0, 3, 1, 2) - 0.5) / 0.2),
        labelled(torch.randint(0, 5000, (200, 12), generator=toys.seeded())),
        labelled(torch.randn(200, 6, generator=toys.seeded()) * 3),
        labelled(torch.full((200, 6), torch.nan)),
        pd.DataFrame({"pay": np.linspace(1e3, 1e5, 200), "age": np.arange(200) % 70, "label": np.arange(200) % 2}),
        (np.random.default_rng(0).normal(1000, 50, (200, 5)), np.arange(200) % 2),
        [(f"film {i}", i % 2) for i in range(200)],
    ],
    ids=["to one", "bytes", "standardised", "ids", "threes", "nothing", "frame", "arrays", "texts"],
)
def test_what_is_scaled_or_will_be_is_quiet(data):
    assert found("unscaled-input", data).verdict in (Verdict.OK, Verdict.SKIPPED)


def test_with_a_model_what_enters_it_is_judged():
    x = blobs().permute(0, 3, 1, 2) * 255
    net = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3), nn.Flatten(), nn.LazyLinear(3))
    given = {"model": net, "loss_fn": nn.CrossEntropyLoss(), "batch": (x[:16], torch.arange(16) % 3)}
    assert found("unscaled-input", labelled(x), **given).verdict is Verdict.OK
