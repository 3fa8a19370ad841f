"""A network with its inputs, without, and with those of other rows: one start, one budget, put back afterwards."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe import toys
from nbrecipe.batches import BadInput, feed
from nbrecipe.bench import Bench, Missing
from nbrecipe.experiments.inputless.blanking import _blank, shuffled, zeroed
from nbrecipe.experiments.inputless.experiment import independence, trained_thrice
from nbrecipe.experiments.ladder.climb import climb
from nbrecipe.twins.scores.judged import of_ladder


def fed(batch, net=None):
    return feed(net or nn.Linear(4, 2), batch, nn.CrossEntropyLoss())


def test_zeroed_inputs_leave_the_targets_as_they_are():
    x, y = torch.rand(6, 4), torch.arange(6) % 2
    seen = fed((x, y))
    zero, target = zeroed(seen.batch, seen)
    assert not zero.any()
    assert torch.equal(target, y)
    assert x.all(), "the batch itself is as it was"


def test_every_row_gets_the_inputs_of_another_row_all_of_them_of_one():
    x, y = torch.arange(12.0).reshape(6, 2), torch.arange(6)

    class Two(nn.Module):
        def forward(self, x, size):
            return x

    for seed in range(50):
        torch.manual_seed(seed)
        seen = feed(Two(), (x, x[:, 0] * 3, y), nn.CrossEntropyLoss())
        first, second, target = shuffled(seen.batch, seen)
        assert torch.equal(target, y)
        assert torch.equal(first[:, 0] * 3, second)
        assert sorted(first[:, 0].tolist()) == sorted(x[:, 0].tolist())
        assert (first[:, 0] != x[:, 0]).all()


def test_lengths_and_masks_of_a_mapping_stay():
    class Masked(nn.Module):
        def forward(self, input_ids, attention_mask):
            return input_ids

    batch = {
        "input_ids": torch.ones(3, 5).long(),
        "attention_mask": torch.ones(3, 5).long(),
        "labels": torch.ones(3).long(),
    }
    seen = feed(Masked(), batch, nn.CrossEntropyLoss())
    blank = zeroed(seen.batch, seen)
    assert len(blank["input_ids"].unique()) == 1
    assert blank["attention_mask"].all()
    assert blank["labels"].all()


class TimeFirst(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(2, 3)

    def forward(self, x):
        return self.head(x.sum(0))


def test_where_time_comes_first_rows_lie_in_the_second_axis():
    x, y = torch.arange(60.0).reshape(5, 6, 2), torch.arange(6) % 3
    seen = feed(TimeFirst(), (x, y), nn.CrossEntropyLoss())
    mixed, _ = shuffled(seen.batch, seen)
    assert (mixed != x).all()
    assert sorted(mixed[0, :, 0].tolist()) == sorted(x[0, :, 0].tolist())
    assert torch.equal(mixed[1:] - mixed[:-1], x[1:] - x[:-1]), "a row moves as a whole"


def test_ids_that_lie_end_to_end_cannot_be_exchanged():
    class Bag(nn.Module):
        def __init__(self):
            super().__init__()
            self.bag = nn.EmbeddingBag(9, 3)

        def forward(self, ids, starts):
            return self.bag(ids, starts)

    batch = torch.arange(9), torch.tensor([0, 2, 5]), torch.arange(3)
    seen = feed(Bag(), batch, nn.CrossEntropyLoss())
    with pytest.raises(BadInput, match="an input of 9 has no row for each of 3 examples, so they cannot exchange"):
        shuffled(seen.batch, seen)


def test_a_target_that_is_the_input_cannot_be_asked():
    x = torch.rand(64, 8)
    bench = toys.bench(nn.Linear(8, 8), x, x, nn.MSELoss()).replace(
        train_loader=DataLoader(TensorDataset(x), batch_size=16)
    )
    with pytest.raises(BadInput, match="no input of the batch is another tensor than the target"):
        independence(bench, 1.0)


@pytest.mark.parametrize("make", [toys.classify, toys.regress, toys.binary, lambda: toys.images(toys.convnet())])
def test_inputs_that_tell_something_help(make):
    seen = independence(make())
    assert seen.helps
    assert seen.p < 0.01
    assert len(seen.real.answers) == len(seen.zeroed.answers) == len(seen.shuffled.answers)


def test_runs_start_alike_so_that_a_model_without_inputs_has_the_very_same_losses():
    class Lost(nn.Module):
        def __init__(self):
            super().__init__()
            self.net, self.drop = toys.mlp(), nn.Dropout(0.5)

        def forward(self, x):
            return self.net(self.drop(torch.ones_like(x)))

    seen = independence(toys.classify(Lost()))
    assert (seen.real.answers.loss == seen.zeroed.answers.loss).all()
    assert seen.p == 1


def test_random_labels_are_no_help_and_the_level_of_the_test_is_kept():
    low = 0
    for seed in range(20):
        g = toys.seeded(seed)
        x, y = torch.randn(128, 6, generator=g), torch.randint(0, 3, (128,), generator=g)
        seen = independence(toys.bench(toys.mlp((6, 8, 3), seed=seed), x, y, nn.CrossEntropyLoss(), size=32), 0.5)
        low += seen.helps and seen.p < 0.05
    assert low <= 3


def test_everything_is_afterwards_as_it_was():
    bench = toys.images(toys.convnet(dropout=0.3))
    model = bench.model.train()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    bench = bench.replace(optimizer=optimizer)
    state, rng = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    held = copy.deepcopy(optimizer.state_dict())
    independence(bench)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), rng)
    assert optimizer.state_dict()["state"] == held["state"]
    assert model.training
    assert all(p.grad is None for p in model.parameters())


def test_what_is_frozen_or_pretrained_stays():
    net = toys.mlp()
    net[0].requires_grad_(False)
    kept = net[0].weight.clone()
    seen = independence(toys.classify(net))
    assert seen.start.drawn
    assert torch.equal(seen.start.state["0.weight"], kept)
    pretrained = independence(toys.classify(net).replace(pretrained=net.state_dict()))
    assert not pretrained.start.drawn


def test_without_a_training_loader_it_says_so():
    with pytest.raises(Missing):
        independence(toys.classify().replace(train_loader=None))
    x, y = torch.rand(6, 20), torch.zeros(6).long()
    with pytest.raises(BadInput, match="gives 6 rows, too few to hold some of them out"):
        independence(toys.bench(toys.mlp(), x, y, nn.CrossEntropyLoss()))


def test_on_the_ladder_the_network_without_inputs_is_two_rungs():
    given = toys.classify(rows=400)
    x, y = given.train_data.tensors
    train = DataLoader(TensorDataset(x[:300], y[:300]), 32)
    val = DataLoader(TensorDataset(x[300:], y[300:]), 32, shuffle=True)
    bench = given.replace(train_loader=train, val_loader=val, train_data=None, batch=None)
    ladder = climb(bench)
    rungs = {rung.id: rung for rung in ladder.rungs}
    blind = rungs["inputs zeroed"].answers
    assert sorted(blind.rows.tolist()) == list(range(100)), "rows are those of the data, though the loader shuffles"
    assert (blind.target[blind.rows.argsort()] == y[300:].numpy()).all()
    share = blind.right.sum() / blind.entries.sum()
    assert share == pytest.approx(float((y[300:] == y[:300].mode().values).float().mean()), abs=0.1)
    assert "drawn anew and trained" in rungs["inputs of other rows"].how
    judged = of_ladder(bench, ladder)["input-independent"].finding
    assert judged.seen["losses"]["inputs zeroed"] == bench.known(trained_thrice).zeroed.loss


class Pooled(torch.nn.Module):
    """A mean of the words that are no padding, as long as a row says, or of all where it says nothing."""

    def __init__(self):
        super().__init__()
        self.table, self.head = torch.nn.Embedding(30, 8, padding_idx=0), torch.nn.Linear(8, 3)

    def forward(self, ids, lengths=None):
        there = (ids != 0).float()[..., None]
        count = there.sum(1) if lengths is None else lengths[:, None].float()
        return self.head((self.table(ids) * there).sum(1) / count)


def test_rows_of_padding_alone_and_of_no_length_are_none():
    g = torch.Generator().manual_seed(0)
    y = torch.randint(3, (240,), generator=g)
    ids = torch.randint(1, 10, (240, 6), generator=g) + 9 * y[:, None]
    ids[:, 4:] = 0
    long = torch.full((240,), 4)
    for data in (TensorDataset(ids, y), TensorDataset(ids, long, y)):
        given = Bench(model=Pooled(), loss_fn=torch.nn.CrossEntropyLoss(), train_loader=DataLoader(data, 40))
        seen = independence(given)
        assert torch.isfinite(torch.tensor(seen.zeroed.loss))
        assert seen.helps


def test_places_where_rows_begin_stay_valid():
    begin, ids = torch.tensor([0, 3, 5]), torch.tensor([4, 9, 2, 7, 7, 3])
    assert _blank(begin).tolist() == [0, 0, 0]
    assert _blank(ids).tolist() == [2] * 6
    assert _blank(torch.zeros(3).long()).tolist() == [0, 0, 0]
    assert _blank(torch.rand(3)).tolist() == [0.0, 0.0, 0.0]
