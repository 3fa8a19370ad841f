"""`show_batch` shows what goes into a model, judges it, and leaves everything as it was."""

import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import nbrecipe
from nbrecipe import toys, verbs
from nbrecipe.batches import BadInput
from nbrecipe.session import Session


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(verbs, "SESSION", Session())


def shown(given, **more):
    return nbrecipe.show_batch(given.model, given.train_loader, loss=given.loss_fn, **more)


def test_four_batches_of_a_loader_are_shown_and_judged():
    answer = shown(toys.images())
    assert answer.title == "What goes into `model`"
    assert len(answer.shown.pages) == 4
    assert list(answer.results) == ["unscaled-input", "double-normalization", "scrambled-image", "corrupted-input"]
    assert answer.ok
    assert verbs.SESSION.report.results.keys() == answer.results.keys()


@pytest.mark.parametrize(("count", "pages"), [(1, 1), (2, 2), (99, 4)])
def test_as_many_batches_as_asked_for_and_there_are(count, pages):
    assert len(shown(toys.images(), batches=count).shown.pages) == pages


def test_a_batch_alone_is_one_page():
    given = toys.classify()
    answer = nbrecipe.show_batch(given.model, batch=given.batch, loss=given.loss_fn)
    assert len(answer.shown.pages) == 1


def test_later_batches_are_read_as_the_first_is():
    rows = torch.randn(70, 28, 12)
    loader = DataLoader(TensorDataset(rows, torch.rand(70, 1)), batch_size=32)
    answer = nbrecipe.show_batch(nn.LSTM(12, 4, batch_first=True), loader, loss=lambda out, target: out[0].sum())
    assert [[type(view).__name__ for view in page.views] for page in answer.shown.pages] == [["Series"]] * 3


class Noisy(Dataset):
    """Draws from three generators, and counts."""

    def __init__(self):
        self.count = 0
        self.own = np.random.default_rng(0)

    def __len__(self):
        return 64

    def __getitem__(self, i):
        self.count += 1
        return torch.randn(6) + random.random() + float(self.own.normal()), i % 3


class WritesInto(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))

    def forward(self, x):
        return self.body(x.mul_(2))


def state(model, data):
    numbers = (
        random.getstate(),
        torch.get_rng_state().tolist(),
        repr(np.random.get_state()),
        repr(data.own.bit_generator.state),
    )
    weights = [tensor.clone() for tensor in (*model.parameters(), *model.buffers())]
    hooks = [len(module._forward_pre_hooks) + len(module._forward_hooks) for module in model.modules()]
    return numbers, data.count, [module.training for module in model.modules()], hooks, weights


@pytest.mark.parametrize("loss", [nn.CrossEntropyLoss(), lambda out, target: 1 / 0])
def test_everything_of_the_users_is_as_it_was_after_an_error_too(loss):
    data, model = Noisy(), WritesInto()
    loader = DataLoader(data, batch_size=16, shuffle=True)
    batch = (torch.ones(16, 6), torch.arange(16) % 3)
    before = state(model, data)
    first = nbrecipe.show_batch(model, loader, loss=loss)
    second = nbrecipe.show_batch(model, loader, loss=loss)
    nbrecipe.show_batch(model, batch=batch, loss=loss)
    after = state(model, data)
    assert before[:4] == after[:4]
    assert all(torch.equal(a, b) for a, b in zip(before[4], after[4], strict=True))
    assert first.shown.pages == second.shown.pages, "the same batches each time"
    assert batch[0].max() == 1


def test_what_fails_is_told_beside_what_went_in():
    answer = nbrecipe.show_batch(nn.Linear(4, 2), batch=(torch.rand(3, 5), torch.zeros(3, 2)), loss=nn.MSELoss())
    assert "The step fails on this batch: mat1 and mat2 shapes cannot be multiplied" in str(answer)
    assert "(3, 5)" in str(answer)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: nbrecipe.show_batch(), "no model here: assign one (`model = ...`) or name it"),
        (
            lambda: nbrecipe.show_batch(nn.Linear(2, 2)),
            "no batch here: give a loader (`train=loader`) or a batch (`batch=(x, y)`)",
        ),
        (
            lambda: nbrecipe.show_batch(nn.Linear(2, 2), [1], train=[2]),
            "the loader was given twice: once by position, once as `train`",
        ),
        (
            lambda: nbrecipe.show_batch(nn.Linear(2, 2), [1], batches=0),
            "`batches` is a number of batches, 1 or more; 0 was given",
        ),
        (
            lambda: nbrecipe.show_batch(nn.Linear(2, 2), [1], mean=0.5),
            "to un-normalise takes both a mean and a std; only one of them was given",
        ),
        (
            lambda: nbrecipe.show_batch(nn.Linear(2, 2), iter([1])),
            "`train_loader` is an iterator: reading it would use up its batches; give one with --batch",
        ),
        (lambda: nbrecipe.show_batch(nn.Linear(2, 2), []), "`train_loader` is empty: it gives no batch"),
    ],
)
def test_errors_of_use_are_one_sentence(call, sentence):
    with pytest.raises(BadInput) as error:
        call()
    assert str(error.value) == sentence


def test_an_interrupt_keeps_the_batches_seen():
    class Slow(TensorDataset):
        def __getitem__(self, i):
            if i == 20:
                raise KeyboardInterrupt
            return super().__getitem__(i)

    loader = DataLoader(Slow(torch.rand(64, 6), torch.arange(64) % 3), batch_size=8)
    answer = nbrecipe.show_batch(nn.Linear(6, 3), loader, loss=nn.CrossEntropyLoss())
    assert len(answer.shown.pages) == 2
    assert answer.note == "interrupted after 2 batches; your model is as it was"


def test_it_prints_saves_and_draws_itself(tmp_path):
    answer = shown(toys.images())
    assert str(answer).startswith("What goes into `model`: 4 hold")
    assert answer.picture().startswith(b"\x89PNG")
    assert answer.plot().axes
    page = answer.save_html(tmp_path / "batch.html").read_text("utf-8")
    assert page.startswith("<!doctype html>")
    assert len(page) < 300_000
    assert len(answer.to_dict()["findings"]) == 4
