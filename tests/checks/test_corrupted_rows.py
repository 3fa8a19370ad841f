"""Rows of a data set that cannot be read, are blank or not finite are named by number, where it has been read."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.finding import Verdict
from nbrecipe.registry import get_check
from nbrecipe.runner import run
from nbrecipe.scan import held

CHECK = get_check("corrupted-input")


def found(data, **more):
    loader = data if isinstance(data, DataLoader) else DataLoader(data, batch_size=16, shuffle=True)
    bench = Bench(train_loader=loader, names={"train_loader": "train_dl"}, **more)
    bench.once(held.train_scan)
    return run(CHECK, bench).finding


def pictures(rows=200):
    return torch.rand(rows, 1, 10, 10, generator=toys.seeded())


def labelled(x, y=None):
    return TensorDataset(x, torch.arange(len(x)) % 3 if y is None else y)


class Files(Dataset):
    """Some of whose rows raise."""

    def __init__(self, lost):
        self.x, self.lost = pictures(), lost

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        if i in self.lost:
            raise OSError("image file is truncated")
        return self.x[i], i % 3


def test_rows_that_raise_are_named():
    finding = found(Files({7, 150}))
    assert finding.verdict is Verdict.BAD
    assert finding.seen["rows"] == [7, 150]
    assert "row 7: OSError: image file is truncated" in finding.message


def test_rows_that_a_sampler_leaves_out_may_raise():
    kept = [i for i in range(200) if i not in (7, 150)]
    loader = DataLoader(Files({7, 150}), batch_size=16, sampler=torch.utils.data.SubsetRandomSampler(kept))
    assert found(loader).verdict is Verdict.HINT


def test_blank_images_with_different_labels_are_named():
    x = pictures()
    x[[5, 60, 121]] = 0
    finding = found(labelled(x))
    assert finding.verdict is Verdict.BAD
    assert finding.seen["rows"] == [5, 60, 121]
    assert "hold 0 throughout, and their labels differ" in finding.message


def test_one_blank_image_is_worth_a_look():
    x = pictures()
    x[42] = 0.5
    finding = found(labelled(x))
    assert finding.verdict is Verdict.HINT
    assert finding.seen["rows"] == [42]


def test_a_class_that_is_blank_by_nature_is_named_as_such():
    x, y = pictures(), torch.arange(200) % 3
    x[y == 2] = 0
    finding = found(labelled(x, y))
    assert finding.verdict is Verdict.HINT
    assert "they are class `2`, and all of it" in finding.message


def test_texts_of_nothing_are_named():
    texts = [(f"a text, number {i}", i % 2) for i in range(100)]
    texts[10], texts[33] = ("", 0), ("  ", 1)
    finding = found(texts)
    assert finding.seen["rows"] == [10, 33]


def test_a_missing_value_beyond_the_first_batch_is_named():
    x = torch.randn(300, 5, generator=toys.seeded())
    x[222, 3] = torch.nan
    data = labelled(x)
    finding = found(data)
    assert finding.verdict is Verdict.HINT
    assert finding.seen["rows"] == [222]
    given = {"model": toys.mlp((5, 8, 3)), "loss_fn": nn.CrossEntropyLoss(), "batch": (x[:16], torch.arange(16) % 3)}
    assert found(data, **given).verdict is Verdict.BAD


class Fills(nn.Module):
    """Knows of gaps."""

    def __init__(self):
        super().__init__()
        self.body = toys.mlp((5, 8, 3))

    def forward(self, x):
        return self.body(x.nan_to_num())


def test_a_model_that_knows_of_gaps_is_no_fault():
    x = torch.randn(300, 5, generator=toys.seeded())
    x[::20, 3] = torch.nan
    given = {"model": Fills(), "loss_fn": nn.CrossEntropyLoss(), "batch": (x[1:17], torch.arange(16) % 3)}
    assert found(labelled(x), **given).verdict is Verdict.HINT


G = np.random.default_rng(0)
RIGHT = {
    "images": labelled(pictures()),
    "the same image twice": labelled(torch.cat([pictures(), pictures()])),
    "rows of zeros among words": labelled(torch.as_tensor((G.random((300, 40)) < 0.02).astype(np.float32))),
    "small images": labelled(torch.zeros(100, 1, 4, 4)),
    "texts": [(f"text {i}", i % 2) for i in range(100)],
    "numbers": labelled(torch.randn(100, 6, generator=toys.seeded())),
    "counts": labelled(torch.as_tensor(G.poisson(0.3, (300, 8)).astype(np.float32))),
    "a mask of minus infinity": [
        {"x": torch.randn(5), "attn_mask": torch.tensor([0.0, -torch.inf, 0.0]), "label": i % 2} for i in range(60)
    ],
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_rows_are_fine(name):
    finding = found(RIGHT[name])
    assert finding.verdict is Verdict.OK, finding.message


def test_a_data_set_that_nobody_has_read_is_not_read():
    x = pictures()
    x[[100, 150]] = 0
    finding = run(CHECK, Bench(train_loader=DataLoader(labelled(x), batch_size=16))).finding
    assert finding.verdict is Verdict.SKIPPED
    assert finding.message == "needs `model`"
