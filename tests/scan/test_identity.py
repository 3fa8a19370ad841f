"""A data set is known again by its contents."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset

from nbrecipe.scan.identity import fingerprint

X, Y = torch.randn(300, 3, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(300) % 7


class Pairs(Dataset):
    def __init__(self, names=None, noise=0.0):
        self.names, self.noise = names, noise

    def __len__(self):
        return len(X)

    def __getitem__(self, row):
        x = X[row] + self.noise * torch.randn(3, 8, 8)
        return (x, Y[row]) if self.names is None else dict(zip(self.names, (x, Y[row]), strict=True))


class Streamed(IterableDataset):
    def __iter__(self):
        return iter(zip(X, Y, strict=True))


SAME = [
    TensorDataset(X, Y),
    DataLoader(TensorDataset(X, Y), 32),
    DataLoader(TensorDataset(X, Y), 7, shuffle=True, drop_last=True),
    DataLoader(Pairs(), 16, collate_fn=lambda rows: tuple(torch.stack(part) for part in zip(*rows, strict=True))),
    (X, Y),
    (X.numpy(), Y.numpy()),
    {"image": X, "label": Y},
    Pairs(),
    Pairs(("image", "label")),
    Subset(TensorDataset(X, Y), range(300)),
    [(x, int(y)) for x, y in zip(X, Y, strict=True)],
]  # fmt: skip


@pytest.mark.parametrize("place", range(len(SAME)))
def test_one_data_set_is_known_whatever_hands_it_out(place):
    assert fingerprint(SAME[place]) == fingerprint((X, Y)) != ""


@pytest.mark.parametrize(
    "other",
    [(X[:299], Y[:299]), (X.flip(0), Y), (X, (Y + 1) % 7), (X + 0.001, Y), (X,), TensorDataset(X[1:], Y[1:])],
)
def test_another_data_set_has_another(other):
    assert fingerprint(other) not in ("", fingerprint((X, Y)))


def test_an_augmented_set_is_known_by_what_stays():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = fingerprint(Pairs(noise=0.1))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(4)
    assert fingerprint(Pairs(noise=0.1)) == first != ""
    assert fingerprint(Pairs()) != first


def test_nothing_is_told_of_what_cannot_be_read():
    assert fingerprint(iter([(X, Y)])) == fingerprint(3) == fingerprint([]) == fingerprint(None) == ""


def test_a_stream_is_known_by_its_first_rows():
    assert fingerprint(Streamed()) == fingerprint(DataLoader(Streamed(), 8)) != ""
    assert fingerprint(Streamed()) != fingerprint((X, Y))


def test_tables_and_texts_are_known():
    table = pd.DataFrame({"a": np.arange(50) / 3, "b": ["x", "yy"] * 25, "c": [None, 1.0] * 25})
    assert fingerprint(table) == fingerprint(table.rename(columns={"a": "z"})) == fingerprint(table.copy()) != ""
    assert fingerprint(table) != fingerprint(table.assign(b="x"))
    texts = ["a text", "another"] * 20
    assert fingerprint(list(zip(texts, [0, 1] * 20, strict=True))) != fingerprint(
        list(zip(texts, [1, 0] * 20, strict=True))
    )


def test_rows_that_raise_do_not_stand_in_the_way():
    class Torn(Pairs):
        def __getitem__(self, row):
            if row % 50 == 0:
                raise OSError("truncated")
            return super().__getitem__(row)

    assert fingerprint(Torn()) == fingerprint(Torn()) not in ("", fingerprint(Pairs()))
