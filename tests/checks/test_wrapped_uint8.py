"""Bytes that wrapped round are named; scans, drawings, noise, masks, palettes and dark pictures are not."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_images
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe.bench import Bench
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

CHECK = all_checks()["wrapped-uint8"]


def found(x):
    x = torch.as_tensor(np.ascontiguousarray(x))
    data = TensorDataset(x, torch.arange(len(x)) % 3)
    return run(CHECK, Bench(train_loader=DataLoader(data, batch_size=16))).finding


def photographs(size=48):
    """Patches of two photographs, (N, 3, size, size) bytes."""
    patches = [
        image[i : i + size, j : j + size].transpose(2, 0, 1)
        for image in load_sample_images().images
        for i in range(0, image.shape[0] - size, size)
        for j in range(0, image.shape[1] - size, size)
    ]
    return np.stack(patches)


PHOTOGRAPHS = photographs()


@pytest.mark.parametrize("change", [-60, -40, -20, 30, 50])
def test_photographs_that_were_changed_in_bytes_are_named(change):
    wrapped = (PHOTOGRAPHS.astype(np.int64) + change).astype(np.uint8)
    for x in (wrapped, wrapped.astype(np.float32), (wrapped / 255).astype(np.float32)):
        assert found(x).verdict in (Verdict.BAD, Verdict.HINT)
    clipped = np.clip(PHOTOGRAPHS.astype(np.int64) + change, 0, 255).astype(np.uint8)
    assert found(clipped).verdict is Verdict.OK


def jpeg(image, quality=60):
    out = io.BytesIO()
    Image.fromarray(image).save(out, "jpeg", quality=quality)
    return np.asarray(Image.open(out))


def scans(count=60, size=48, seed=0):
    g = np.random.default_rng(seed)
    page = np.full((count, size, size), 255, np.uint8)
    for image in page:
        for _ in range(12):
            i, j = g.integers(0, size - 8, 2)
            image[i : i + g.integers(1, 8), j : j + g.integers(1, 8)] = g.integers(0, 12)
    return page


def noisy_paper():
    g = np.random.default_rng(1)
    page = scans().astype(np.int64)
    return np.where(page > 128, page - g.integers(0, 16, page.shape), page + g.integers(0, 16, page.shape)).astype(
        np.uint8
    )


G = np.random.default_rng(0)
DARK = (PHOTOGRAPHS // 6).astype(np.uint8)
STARS = np.where(G.random(DARK.shape) < 0.005, 255, DARK).astype(np.uint8)
RIGHT = {
    "photographs": PHOTOGRAPHS,
    "photographs of much contrast": np.clip((PHOTOGRAPHS.astype(int) - 128) * 3 + 128, 0, 255).astype(np.uint8),
    "negatives": 255 - PHOTOGRAPHS,
    "dark": DARK,
    "stars": STARS,
    "salt and pepper": np.where(G.random(PHOTOGRAPHS.shape) < 0.02, G.choice([0, 255], PHOTOGRAPHS.shape), PHOTOGRAPHS),
    "noise": G.integers(0, 256, (80, 3, 32, 32)),
    "scans": scans(),
    "scans with noise": noisy_paper(),
    "scans as jpeg": np.stack([jpeg(page) for page in scans()]),
    "poor jpeg": np.stack([jpeg(page, 15) for page in scans()]),
    "masks": np.where(PHOTOGRAPHS[:, :1] > 120, 255, 0),
    "labels by number": PHOTOGRAPHS[:, :1] // 64,
    "ignored borders": np.where(PHOTOGRAPHS[:, :1] % 7 == 0, 255, PHOTOGRAPHS[:, :1] // 64),
    "palette": np.random.default_rng(2).permutation(256).astype(np.uint8)[PHOTOGRAPHS[:, :1]],
    "floats": PHOTOGRAPHS / 255 + G.normal(size=PHOTOGRAPHS.shape) * 0.1,
    "normalised": ((PHOTOGRAPHS / 255 - 0.45) / 0.225).astype(np.float32),
    "black squares": np.where(np.arange(48)[:, None] // 12 % 2 == np.arange(48) // 12 % 2, PHOTOGRAPHS, 0),
    "edges": np.abs(np.diff(PHOTOGRAPHS.astype(int), axis=-1)),
}


@pytest.mark.parametrize("name", RIGHT)
def test_other_pictures_are_fine(name):
    x = np.asarray(RIGHT[name])
    x = x.astype(np.uint8) if x.dtype.kind in "iu" else x
    x = x[:, None] if x.ndim == 3 else x
    assert found(x).verdict in (Verdict.OK, Verdict.SKIPPED)


def hues():
    """Angles of colour in one channel of three: they go round by nature."""
    return np.stack([np.asarray(Image.fromarray(x.transpose(1, 2, 0)).convert("HSV")) for x in PHOTOGRAPHS])


def test_hues_go_round_by_nature():
    assert found(hues()).verdict is not Verdict.BAD


def test_the_rows_that_are_told_wrapped():
    x = (PHOTOGRAPHS.astype(np.int64) - 50).astype(np.uint8)
    dark = (PHOTOGRAPHS < 50).reshape(len(x), -1).mean(1)
    finding = found(x)
    assert finding.verdict is Verdict.BAD
    assert dark[finding.seen["rows"]].min() > 0.05


def test_rows_of_numbers_are_no_pictures():
    assert found(G.normal(size=(50, 6))).verdict is Verdict.SKIPPED
