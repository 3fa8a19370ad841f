"""Texts that a collate function filled up are compared without what was filled up, where that is certain."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

import nbrecipe
from nbrecipe.scan.reading import scan
from nbrecipe.scan.sources.opening import open_source

ROWS, SIZE = 200, 8


class Texts(Dataset):
    """Rows of ids from 1 on, of many lengths; the last twenty stand there before."""

    def __init__(self, end=0, low=1):
        g = np.random.default_rng(0)
        rows = [g.integers(low, 90, g.integers(5, 40)).tolist() + ([end] if end else []) for _ in range(ROWS - 20)]
        self.rows = rows + rows[::9]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return torch.tensor(self.rows[i]), sum(self.rows[i]) % 3


def padded(rows, value=0, left=False):
    if left:
        return pad_sequence([row.flip(0) for row in rows], batch_first=True, padding_value=value).flip(1)
    return pad_sequence(rows, batch_first=True, padding_value=value)


def plain(batch, **how):
    return padded([ids for ids, _ in batch], **how), torch.tensor([label for _, label in batch])


def with_mask(batch, left=False, value=0, inverted=False):
    ids = [ids for ids, _ in batch]
    mask = padded([torch.ones_like(one) for one in ids], left=left)
    labels = torch.tensor([label for _, label in batch])
    marks = {"key_padding_mask": mask == 0} if inverted else {"attention_mask": mask}
    return {"input_ids": padded(ids, value, left), **marks, "labels": labels}


def next_token(batch):
    ids = padded([ids for ids, _ in batch])
    targets = padded([torch.roll(ids, -1) for ids, _ in batch], value=-100)
    return {"input_ids": ids, "attention_mask": (ids != 0).long(), "labels": targets}


def read(data, collate, size=SIZE):
    return scan(open_source(DataLoader(data, batch_size=size, shuffle=True, collate_fn=collate), "train_dl"))


CERTAIN = {
    "filled up behind": (Texts(), plain),
    "filled up in front": (Texts(), lambda batch: plain(batch, left=True)),
    "by an id of its own": (Texts(), lambda batch: plain(batch, value=99)),
    "masked": (Texts(), with_mask),
    "masked in front": (Texts(), lambda batch: with_mask(batch, left=True)),
    "by the id that ends texts, masked": (Texts(end=95), lambda batch: with_mask(batch, value=95)),
    "by an id that texts have, masked": (Texts(low=0), with_mask),
    "a mask of what was filled up": (Texts(), lambda batch: with_mask(batch, inverted=True)),
    "targets at every place": (Texts(), next_token),
}


@pytest.mark.parametrize("size", [1, 7, 8])
@pytest.mark.parametrize("name", CERTAIN)
def test_copies_are_found_whatever_their_batches_hold(name, size):
    data, collate = CERTAIN[name]
    part = read(data, collate, size).part
    assert len(part.copies.groups()) == 20
    ids = next(column for column in part.plan.inputs if column in ("input", "input_ids"))
    lengths = [len(row) for row in data.rows]
    assert part.spreads[f"{ids}"].mean[0] == pytest.approx(np.mean(lengths))
    source = read(data, collate, size).source
    for row in (0, 3, ROWS - 1):
        assert np.asarray(source.example(row)[ids]).tolist() == data.rows[row]


def test_they_are_told_on_the_page():
    loader = DataLoader(Texts(), batch_size=SIZE, collate_fn=plain)
    told = nbrecipe.inspect_data(loader).results["duplicate-examples"].finding
    assert told.verdict.value in ("bad", "hint")
    assert told.seen["equal"] == 20


class ByLength(Texts):
    """Batches of one length each, with an id at the end of every row; nothing is filled up."""

    def __init__(self):
        super().__init__()
        g = np.random.default_rng(0)
        self.rows = [[*g.integers(1, 90, 5 + i // SIZE % 9).tolist(), 0] for i in range(ROWS)]


def of_one_width(batch):
    ids, labels = plain(batch)
    return torch.nn.functional.pad(ids, (0, 40 - ids.shape[1])), labels


UNCERTAIN = {
    "one width": (Texts(), of_one_width, 40),
    "the id that ends texts": (Texts(end=95), lambda batch: plain(batch, value=95), None),
    "an id that texts have": (Texts(low=0), plain, None),
    "one length in each batch": (ByLength(), plain, None),
}


@pytest.mark.parametrize("name", UNCERTAIN)
def test_what_is_not_certain_stays_as_it_came(name):
    data, collate, width = UNCERTAIN[name]
    source = read(data, collate).source
    for low in (0, 80, 160):
        (block,) = source.blocks(low, low + SIZE)
        given, _ = collate([data[i] for i in range(low, low + SIZE)])
        assert [np.asarray(row).tolist() for row in block.columns["input"]] == given.tolist()
        assert width is None or given.shape[1] == width


def test_images_and_features_are_no_texts():
    def twice(batch):
        return torch.stack([x for x, _ in batch]), torch.tensor([y for _, y in batch])

    tables = [(torch.randint(0, 3, (6,), generator=torch.Generator().manual_seed(i)), i % 2) for i in range(64)]
    part = read(tables, twice).part
    assert part.spreads["input"].names != ("length",)
