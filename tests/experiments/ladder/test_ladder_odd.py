"""The ladder on data that newcomers bring: labels of several kinds, ids end to end, a model that is called `model`."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import nbrecipe
from nbrecipe.batches import BadInput
from nbrecipe.scan.sources.opening import open_source


def test_several_labels_are_told_by_their_places():
    g = torch.Generator().manual_seed(1)
    x = torch.randn(300, 6, generator=g)
    y = ((x @ torch.randn(6, 4, generator=g) - torch.arange(4.0)) > 0).float()
    train, val = TensorDataset(x[:200], y[:200]), TensorDataset(x[200:], y[200:])
    found = nbrecipe.baseline(train, val)
    assert found.shown.looks
    told = [one.told for look in found.shown.looks for one in look.rows]
    assert any(": 0, 1" in words or ": none" in words for words in told), told


def test_a_model_called_model_is_told_from_what_it_knows_without_inputs():
    g = torch.Generator().manual_seed(0)
    x = torch.randn(120, 4, generator=g)
    y = (x[:, 0] > 0).long()
    train, val = (DataLoader(TensorDataset(x[part], y[part]), batch_size=20) for part in (slice(80), slice(80, None)))
    names = {"model": "model"}
    found = nbrecipe.baseline(train, val, model=nn.Linear(4, 2), loss_fn=nn.CrossEntropyLoss(), names=names)
    called = {rung.id: rung.answers.name for rung in found.ladder.rungs}
    assert called["inputs zeroed"] == "inputs zeroed"
    assert called["inputs of other rows"] == "inputs of other rows"
    assert called["model"] == "model"


WORDS = ["good", "fine", "bad", "poor", "it", "was", "so"]


def end_to_end(rows):
    ids = [torch.tensor([WORDS.index(word) for word in text.split()]) for text, _ in rows]
    starts = torch.tensor([0, *map(len, ids[:-1])]).cumsum(0)
    return torch.cat(ids), starts, torch.tensor([label for _, label in rows])


def texts(count):
    random = np.random.default_rng(0)
    rows = []
    for i in range(count):
        words = [*random.choice(WORDS[4:], random.integers(0, 4)), WORDS[2 * (i % 2)], WORDS[2 * (i % 2) + 1]]
        rows.append((" ".join(words), i % 2))
    return rows


def test_ids_that_lie_end_to_end_belong_to_their_rows():
    rows = texts(60)
    source = open_source(DataLoader(rows, batch_size=8, collate_fn=end_to_end), "train")
    read = [one for block in source.blocks() for one in block.columns["input[0]"]]
    assert [torch.as_tensor(np.asarray(one)).tolist() for one in read] == [
        [WORDS.index(word) for word in text.split()] for text, _ in rows
    ]


def test_rows_lie_in_the_second_axis_where_time_comes_first():
    x = torch.arange(240.0).reshape(12, 5, 4)
    rows = [(x[i], i % 2) for i in range(12)]

    def time_first(some):
        return torch.stack([one for one, _ in some], 1), torch.tensor([label for _, label in some])

    source = open_source(DataLoader(rows, batch_size=3, collate_fn=time_first), "train")
    read = np.concatenate([np.asarray(block.columns["input"]) for block in source.blocks()])
    assert np.array_equal(read, x.numpy())
    assert np.array_equal(np.asarray(source.example(7)["input"]), x[7].numpy())


def test_the_ladder_reads_them():
    train, val = (DataLoader(part, batch_size=8, collate_fn=end_to_end) for part in (texts(120)[:80], texts(120)[80:]))
    found = nbrecipe.baseline(train, val)
    assert found.scores["majority"] == 0.5
    assert found.scores["linear"] == 1


@pytest.mark.parametrize(("share", "told"), [(0.95, True), (0.6, False), (1, False)])
def test_accuracy_is_put_in_doubt_where_one_class_has_nearly_all_rows(share, told):
    x = np.random.default_rng(0).normal(size=(200, 3))
    y = (np.arange(200) >= share * 200).astype(int)
    found = nbrecipe.baseline((x, y))
    assert any("accuracy says little" in note for note in found.shown.notes) is told
    assert not any("accuracy says little" in n for n in nbrecipe.baseline((x, y), metric="macro F1").shown.notes)


def test_rows_without_a_target_are_not_counted():
    x = np.random.default_rng(0).normal(size=(60, 3))
    y = np.where(np.arange(60) % 6, x[:, 0], np.nan)
    found = nbrecipe.baseline((x, y))
    assert ", on 50 rows;" in found.shown.standings.caption


class Interrupted(Dataset):
    """Reading its tenth row is interrupted."""

    def __len__(self):
        return 40

    def __getitem__(self, i):
        if i == 10:
            raise KeyboardInterrupt
        return torch.ones(3), i % 2


def test_an_interrupt_before_the_first_rung_is_one_sentence():
    with pytest.raises(BadInput, match="interrupted while the data were read, before the first baseline"):
        nbrecipe.baseline(Interrupted())
