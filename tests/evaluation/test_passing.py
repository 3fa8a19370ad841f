"""One pass over a loader: loss and answers are those of all rows at once, and nothing of the user's moves."""

from __future__ import annotations

import random

import models
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset, WeightedRandomSampler

from nbrecipe.batches import BadInput
from nbrecipe.bench import Bench, Missing
from nbrecipe.evaluation.passing import answers_of, passed
from nbrecipe.task import Kind

WEIGHT = torch.tensor([1.0, 2.0, 0.5, 3.0, 1.5])


def mean(answers):
    return answers.loss.sum() / answers.weight.sum()


def state(bench):
    """Everything that must be as it was, in bytes and plain values."""
    model = bench.model
    tensors = [t.clone() for t in model.state_dict().values()]
    return (
        [t.numpy().tobytes() for t in tensors],
        [(name, m.training) for name, m in model.named_modules()],
        {key: id(value) for key, value in vars(bench.val_loader).items()},
        torch.get_rng_state().numpy().tobytes(),
        random.getstate(),
        np.random.get_state()[1].tobytes(),
        torch.is_grad_enabled(),
    )


@pytest.mark.parametrize("kind", models.ALL)
def test_the_loss_is_that_of_all_rows_at_once_though_the_last_batch_is_ragged(kind):
    bench = models.ALL[kind](size=7)
    out, y = models.whole(bench)
    assert mean(answers_of(bench)) == pytest.approx(float(bench.loss_fn(out, y)), rel=1e-5)


@pytest.mark.parametrize(
    "loss_fn",
    [
        nn.CrossEntropyLoss(weight=WEIGHT),
        nn.CrossEntropyLoss(weight=WEIGHT, label_smoothing=0.1, ignore_index=3),
        lambda out, y: F.cross_entropy(out, y, weight=WEIGHT),
        lambda out, y: F.nll_loss(F.log_softmax(out, 1), y, ignore_index=1),
        lambda out, y: F.cross_entropy(out, y, reduction="none").mean(),
        lambda out, y: F.mse_loss(out.softmax(1), F.one_hot(y, 5).float()),
        lambda out, y: (out.logsumexp(1) - out[torch.arange(len(y)), y]).mean(),
    ],
)
def test_every_way_to_write_the_loss_gives_the_mean_over_examples(loss_fn):
    bench = models.classes(loss_fn, size=32)
    out, y = models.whole(bench)
    assert mean(answers_of(bench)) == pytest.approx(float(loss_fn(out, y)), rel=1e-5)


def test_probabilities_answers_and_rows_of_classes():
    bench = models.classes()
    out, y = models.whole(bench)
    answers = answers_of(bench)
    assert answers.kind is Kind.CLASSES
    assert answers.name == "net"
    assert np.allclose(answers.probabilities, out.softmax(1).numpy(), atol=1e-6)
    assert answers.answer.tolist() == out.argmax(1).tolist()
    assert answers.target.tolist() == y.tolist()
    assert answers.right.tolist() == (out.argmax(1) == y).tolist()
    assert answers.rows.tolist() == list(range(150))


def test_tokens_and_pixels_are_counted_by_example():
    bench = models.tokens(size=8)
    out, y = models.whole(bench)
    answers = answers_of(bench)
    assert answers.entries.tolist() == (y != 0).sum(1).tolist()
    assert answers.right.tolist() == ((out.argmax(2) == y) & (y != 0)).sum(1).tolist()
    bench = models.masks(size=8)
    out, y = models.whole(bench)
    answers = answers_of(bench)
    assert answers.right.tolist() == (out.argmax(1) == y).flatten(1).sum(1).tolist()
    assert answers.pixels[:, 2].sum(0).tolist() == [int((y == c).sum()) for c in range(3)]


def test_a_shuffled_loader_tells_the_rows_that_it_drew():
    bench = models.classes(shuffle=True)
    answers = answers_of(bench)
    _x, y = bench.val_loader.dataset.tensors
    assert sorted(answers.rows.tolist()) == list(range(150))
    assert answers.rows.tolist() != list(range(150))
    assert answers.target.tolist() == y[answers.rows].tolist()


def test_workers_are_used_and_rows_known():
    bench = models.classes(size=40, shuffle=True, num_workers=2)
    answers = answers_of(bench)
    y = bench.val_loader.dataset.tensors[1]
    assert answers.target.tolist() == y[answers.rows].tolist()


@pytest.mark.parametrize("kind", models.ALL)
def test_everything_is_as_it_was(kind):
    bench = models.ALL[kind](shuffle=True)
    bench.model.append(nn.BatchNorm1d(5)) if kind == "classes" else None
    before = state(bench)
    passed(bench)
    assert state(bench) == before


class Raising(Dataset):
    def __init__(self, at, error):
        self.at, self.error = at, error

    def __len__(self):
        return 100

    def __getitem__(self, i):
        if i == self.at:
            raise self.error
        return torch.full((4,), float(i)), i % 3


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("broken")])
def test_after_an_interrupt_and_an_error_too(error):
    model = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 3))
    data = DataLoader(Raising(70, error), batch_size=16, shuffle=False)
    bench = Bench(model=model, loss_fn=nn.CrossEntropyLoss(), val_loader=data, names={"val_loader": "val_dl"})
    before = state(bench)
    if isinstance(error, KeyboardInterrupt):
        found = passed(bench)
        assert found.extent == "the first 64 of 100 rows"
        assert len(found.answers) == 64
        assert found.stopped == "interrupted"
    else:
        with pytest.raises(ValueError, match="broken"):
            passed(bench)
    assert state(bench) == before


def test_nan_predictions_are_no_answers():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, x):
            return torch.where(x[:, :1] > 1, torch.nan, self.layer(x))

    torch.manual_seed(0)
    x = torch.randn(100, 4)
    none = int((x[:, 0] > 1).sum())
    found = passed(models.made(Model(), nn.CrossEntropyLoss(), x, torch.randint(3, (100,))))
    assert found.none == none > 0
    assert int((found.answers.answer == -1).sum()) == none
    numbers = passed(models.made(Model(), nn.MSELoss(), x, torch.randn(100, 3)))
    assert numbers.none == none


def test_many_classes_are_kept_as_answers_alone(monkeypatch):
    from nbrecipe.evaluation import tally

    bench = models.classes(count=30, rows=200)
    whole = answers_of(bench)
    monkeypatch.setattr(tally, "BOUND", 1000)
    few = answers_of(bench)
    assert few.probabilities is None
    assert few.answer.tolist() == whole.answer.tolist()
    own = whole.probabilities[np.arange(200), whole.target][:, None]
    assert few.near.tolist() == ((whole.probabilities > own).sum(1) < 5).tolist()


class Stream(IterableDataset):
    def __iter__(self):
        generator = torch.Generator().manual_seed(0)
        for i in range(50):
            yield torch.randn(4, generator=generator), i % 3


@pytest.mark.parametrize(
    "data",
    [
        {"val_loader": DataLoader(Stream(), batch_size=8)},
        {"val_loader": [(torch.randn(8, 4), torch.randint(3, (8,))) for _ in range(5)]},
        {"val_data": TensorDataset(torch.randn(50, 4), torch.randint(3, (50,)))},
        {"val_data": (np.random.randn(50, 4), np.random.randint(3, size=50))},
        {"val_data": [(torch.randn(4), 1), (torch.randn(4), 2)]},
        {
            "val_loader": DataLoader(
                TensorDataset(torch.randn(9, 4), torch.randint(3, (9,))), batch_sampler=[[0, 1], [5]]
            )
        },
    ],
)
def test_whatever_gives_batches_is_read(data):
    answers = answers_of(Bench(model=nn.Linear(4, 3), loss_fn=nn.CrossEntropyLoss(), **data))
    assert len(answers) == len(answers.target) > 0


def test_rows_that_a_sampler_repeats_are_told():
    data = TensorDataset(torch.randn(50, 4), torch.randint(3, (50,)))
    sampler = WeightedRandomSampler(torch.ones(50), 50)
    answers = answers_of(
        Bench(model=nn.Linear(4, 3), loss_fn=nn.CrossEntropyLoss(), val_loader=DataLoader(data, 16, sampler=sampler))
    )
    assert answers.target.tolist() == data.tensors[1][answers.rows].tolist()


def test_a_models_own_loss_is_understood():
    class Own(models.Tokens):
        def forward(self, input_ids, labels=None):
            logits = super().forward(input_ids)
            loss = F.cross_entropy(logits[:, :-1].reshape(-1, models.VOCABULARY), labels[:, 1:].reshape(-1))
            return {"loss": loss, "logits": logits}

    torch.manual_seed(0)
    ids = torch.randint(models.VOCABULARY, (40, 9))
    rows = [{"input_ids": row, "labels": row} for row in ids]
    bench = Bench(model=Own(), val_loader=DataLoader(rows, batch_size=16))
    answers = answers_of(bench)
    assert answers.kind is Kind.NEXT_TOKEN
    assert mean(answers) == pytest.approx(float(bench.model(ids, ids)["loss"].detach()), rel=1e-5)


@pytest.mark.parametrize(
    ("bench", "sentence"),
    [
        (
            lambda: models.made(nn.Linear(4, 3), nn.CrossEntropyLoss(), torch.randn(0, 4), torch.zeros(0).long()),
            "empty",
        ),
        (
            lambda: models.made(nn.Linear(4, 3), nn.CrossEntropyLoss(), torch.randn(9, 4), torch.arange(9)),
            "class index 8",
        ),
        (
            lambda: models.made(nn.Linear(5, 3), nn.CrossEntropyLoss(), torch.randn(9, 4), torch.zeros(9).long()),
            "forward",
        ),
        (lambda: models.made(nn.Linear(4, 3), None, torch.randn(9, 4), torch.zeros(9).long()), "no loss"),
    ],
)
def test_what_cannot_be_run_is_one_sentence(bench, sentence):
    with pytest.raises(BadInput, match=sentence):
        passed(bench())


def test_a_wrong_label_in_a_later_batch_is_one_sentence_too():
    y = torch.zeros(100).long()
    y[90] = 7
    with pytest.raises(BadInput, match="class index 7, but the model has 3 outputs"):
        passed(models.made(nn.Linear(4, 3), nn.CrossEntropyLoss(), torch.randn(100, 4), y))


def test_no_data_and_iterators():
    with pytest.raises(Missing):
        passed(Bench(model=nn.Linear(4, 3), loss_fn=nn.CrossEntropyLoss()))
    with pytest.raises(BadInput, match="iterator"):
        passed(Bench(model=nn.Linear(4, 3), loss_fn=nn.CrossEntropyLoss(), val_loader=iter([])))
