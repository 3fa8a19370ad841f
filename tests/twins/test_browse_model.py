"""`browse` with a model: losses, predictions and mistakes of every row, and the training rows nearest to one."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset

import nbrecipe
from nbrecipe.batches import BadInput

G = torch.Generator().manual_seed(0)
X = torch.randn(150, 6, generator=G)
Y = torch.randint(3, (150,), generator=G)


def net(out=3, noisy=True):
    torch.manual_seed(0)
    inner = [nn.BatchNorm1d(8), nn.Dropout(0.5)] if noisy else []
    return nn.Sequential(nn.Linear(6, 8), *inner, nn.ReLU(), nn.Linear(8, out))


def evaluated(model, x):
    mode = model.training
    model.eval()
    with torch.no_grad():
        out = model(x)
    model.train(mode)
    return out


@pytest.fixture
def browsed():
    model = net()
    loader = DataLoader(TensorDataset(X, Y), batch_size=32, shuffle=True, drop_last=True)
    return model, nbrecipe.browse(loader, model=model, loss=nn.CrossEntropyLoss(label_smoothing=0.1))


def test_every_row_has_the_users_own_loss_in_eval_mode(browsed):
    model, seen = browsed
    out = evaluated(model, X)
    expected = F.cross_entropy(out, Y, label_smoothing=0.1, reduction="none")
    assert np.allclose(seen.columns["loss"], expected.numpy(), atol=1e-6)
    assert seen.columns["prediction"].tolist() == out.argmax(1).tolist()
    assert seen.columns["wrong"].astype(bool).tolist() == (out.argmax(1) != Y).tolist()


def test_the_worst_come_first_and_wrong_ones_alone_on_demand(browsed):
    _, seen = browsed
    answer = seen.browsing.answer({"ask": "rows", **vars(seen.ask), "from": 0, "to": 150})
    losses = [float(card["loss"]) for card in answer["cards"]]
    assert losses == sorted(losses, reverse=True)
    wrong = seen.browsing.answer({"ask": "rows", "wrong": True, "from": 0, "to": 150})
    assert wrong["total"] == int(seen.columns["wrong"].sum())
    assert all(card["wrong"] for card in wrong["cards"])
    assert seen.rows("wrong and label == 1") == [
        row for row in range(150) if seen.columns["wrong"][row] and int(Y[row]) == 1
    ]
    assert f"{wrong['total']} of 150 rows wrong" in str(seen)


def test_everything_of_the_users_is_as_it_was():
    model, criterion = net(), nn.CrossEntropyLoss()
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    model.train()
    draws = torch.get_rng_state()
    seen = nbrecipe.browse(TensorDataset(X, Y), model=model, loss=criterion)
    seen.browsing.answer({"ask": "whole", "row": 3})
    assert model.training
    assert all(module.training for module in model.modules())
    assert all(torch.equal(value, kept[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), draws)
    assert all(parameter.grad is None for parameter in model.parameters())


class Ours(nn.Module):
    """Returns its own loss."""

    def __init__(self):
        super().__init__()
        self.inner = net(noisy=False)

    def forward(self, x, labels=None):
        logits = self.inner(x)
        return {"loss": F.cross_entropy(logits, labels), "logits": logits}


def by_hand(output, target):
    return ((output - target) ** 2).sum() / len(target)


FLAGS = (torch.rand(150, 3, generator=G) > 0.5).float()
CASES = {
    "arrays": (lambda: (X.numpy().astype(np.float64), Y.numpy()), net(), nn.CrossEntropyLoss(),
               lambda out: F.cross_entropy(out, Y, reduction="none"), True),
    "summed": (lambda: TensorDataset(X, Y), net(), nn.CrossEntropyLoss(reduction="sum"),
               lambda out: F.cross_entropy(out, Y, reduction="none"), True),
    "its own": (lambda: DataLoader([{"x": x, "labels": y} for x, y in zip(X, Y, strict=True)], batch_size=20),
                Ours(), None, lambda out: F.cross_entropy(out["logits"], Y, reduction="none"), True),
    "yes or no": (lambda: TensorDataset(X, FLAGS[:, 0]), nn.Sequential(net(1), nn.Flatten(0)), nn.BCEWithLogitsLoss(),
                  lambda out: F.binary_cross_entropy_with_logits(out, FLAGS[:, 0], reduction="none"), True),
    "several": (lambda: TensorDataset(X, FLAGS), net(), nn.BCEWithLogitsLoss(),
                lambda out: F.binary_cross_entropy_with_logits(out, FLAGS, reduction="none").mean(1), True),
    "a number": (lambda: TensorDataset(X, X[:, :1]), net(1), nn.MSELoss(),
                 lambda out: ((out - X[:, :1]) ** 2)[:, 0], False),
    "by hand": (lambda: TensorDataset(X, X[:, :3]), net(), by_hand,
                lambda out: ((out - X[:, :3]) ** 2).sum(1), False),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_losses_of_many_kinds_are_told_row_by_row(name):
    data, model, loss_fn, expected, judges = CASES[name]
    seen = nbrecipe.browse(data(), model=model, loss=loss_fn)
    inputs = (X, Y) if name == "its own" else (X,)
    model.eval()
    with torch.no_grad():
        wanted = expected(model(*inputs))
    assert np.allclose(seen.columns["loss"], wanted.numpy(), atol=1e-5)
    assert ("wrong" in seen.columns) == judges


def test_without_a_loss_there_are_predictions_alone():
    seen = nbrecipe.browse(TensorDataset(X, Y), model=net())
    assert "loss" not in seen.columns
    assert seen.columns["wrong"].mean() > 0.2
    assert seen.ask.sort == ""


def test_labels_that_do_not_count_are_neither_right_nor_wrong():
    labels = Y.clone()
    labels[:10] = -100
    seen = nbrecipe.browse(TensorDataset(X, labels), model=net(), loss=nn.CrossEntropyLoss())
    assert np.isnan(seen.columns["wrong"][:10]).all()
    assert np.isnan(seen.columns["loss"][:10]).all()
    assert np.isfinite(seen.columns["loss"][10:]).all()


class Holed(Dataset):
    def __len__(self):
        return 100

    def __getitem__(self, i):
        if i % 30 == 7:
            raise OSError("gone")
        return X[i], Y[i]


def test_rows_that_raise_are_left_out():
    seen = nbrecipe.browse(Holed(), model=net(), loss=nn.CrossEntropyLoss())
    assert np.flatnonzero(np.isnan(seen.columns["loss"])).tolist() == [7, 37, 67, 97]


def test_a_model_that_does_not_fit_is_refused_in_one_sentence():
    with pytest.raises(BadInput, match="the forward pass of Linear fails on this batch"):
        nbrecipe.browse(TensorDataset(X, Y), model=nn.Linear(5, 3), loss=nn.CrossEntropyLoss())
    with pytest.raises(BadInput, match="neither losses nor predictions of single rows can be told of `model`"):
        nbrecipe.browse(TensorDataset(X), model=nn.LSTM(6, 3))
    with pytest.raises(BadInput) as error:
        nbrecipe.browse(iter_rows, model=net(), loss=nn.CrossEntropyLoss())
    assert str(error.value) == "a model is run on what a Dataset or a DataLoader gives; `train_data` is of type Rows"


class Rows:
    """Examples that come one after the other."""

    def __iter__(self):
        return iter(zip(X, Y, strict=True))


iter_rows = Rows()


def test_an_interrupt_keeps_what_was_judged():
    class Slow(nn.Linear):
        calls = 0

        def forward(self, x):
            Slow.calls += 1
            if Slow.calls == 3:
                raise KeyboardInterrupt
            return super().forward(x)

    seen = nbrecipe.browse(DataLoader(TensorDataset(X, Y), batch_size=40), model=Slow(6, 3), loss=nn.CrossEntropyLoss())
    assert np.isfinite(seen.columns["loss"]).sum() == 80
    assert "Interrupted: model has judged the first 80 rows" in str(seen)


def test_the_nearest_training_rows_stand_beside_one_and_are_never_the_row_itself():
    x = X.clone()
    x[60] = x[5] + 1e-3
    seen = nbrecipe.browse(TensorDataset(x, Y), model=net(), loss=nn.CrossEntropyLoss())
    near = seen.browsing.whole(5).near
    assert near.cards[0].row == 60
    assert 5 not in [card.row for card in near.cards]
    assert near.told == "the nearest of 149 rows of train_data, by simple features of the inputs:"
    val = TensorDataset(x[5:6] + 1e-4, Y[5:6])
    other = nbrecipe.browse(val, model=net(), loss=nn.CrossEntropyLoss(), train=DataLoader(TensorDataset(x, Y)))
    assert {card.row for card in other.browsing.whole(0).near.cards[:2]} == {5, 60}
