"""The bench gives what was handed over, draws a batch where none was, and remembers what was measured."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from nbrecipe import toys
from nbrecipe.batches import BadInput
from nbrecipe.bench import Bench, Missing


def test_what_was_not_handed_over_is_named():
    with pytest.raises(Missing) as lack:
        Bench().get("optimizer")
    assert lack.value.needed == "optimizer"
    assert Bench().find("optimizer") is None


def test_a_batch_is_drawn_from_the_loader_and_drawn_once():
    bench = toys.classify(batch=None)
    x, y = bench.get("batch")
    assert x.shape == (64, 20)
    assert y.shape == (64,)
    assert bench.get("batch")[0] is x


def test_drawing_a_batch_moves_no_random_numbers():
    data = TensorDataset(torch.randn(32, 3), torch.arange(32))
    own = torch.Generator().manual_seed(3)
    for loader in (DataLoader(data, 8, shuffle=True), DataLoader(data, 8, shuffle=True, generator=own)):
        bench = Bench(model=nn.Linear(3, 2), train_loader=loader)
        before = torch.get_rng_state(), own.get_state()
        with bench.untouched():
            bench.get("batch")
        assert torch.equal(before[0], torch.get_rng_state())
        assert torch.equal(before[1], own.get_state())


def test_a_loader_with_workers_starts_none(monkeypatch):
    def refuse(*args: object) -> None:
        raise AssertionError("a worker was started")

    monkeypatch.setattr(torch.utils.data.dataloader._MultiProcessingDataLoaderIter, "__init__", refuse)
    loader = DataLoader(TensorDataset(torch.randn(16, 3)), 4, num_workers=2)
    (x,) = Bench(train_loader=loader).get("batch")
    assert x.shape == (4, 3)


def test_a_stream_with_a_fresh_iterator_each_time_is_read():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter(torch.arange(12.0))

    assert Bench(train_loader=DataLoader(Stream(), 4)).get("batch").tolist() == [0, 1, 2, 3]


def test_an_iterator_is_refused_because_reading_uses_it_up():
    batches = iter([(torch.ones(2, 3), torch.ones(2))])
    with pytest.raises(BadInput, match=r"^`train_dl` is an iterator: reading it would use up"):
        Bench(train_loader=batches, names={"train_loader": "train_dl"}).get("batch")
    assert len(list(batches)) == 1


def test_a_measurement_is_taken_once_and_forgotten_when_something_changes():
    taken: list[Bench] = []
    bench = toys.classify()
    bench.once(taken.append)
    bench.once(taken.append)
    bench.replace(loss_fn=None).once(taken.append)
    assert len(taken) == 2


def test_messages_use_the_users_own_names():
    assert toys.classify().name("model") == "net"
    assert Bench().name("model") == "model"
