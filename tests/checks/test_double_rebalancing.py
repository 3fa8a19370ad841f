"""Weights in the sampler, in the loss, and in both."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, Dataset, Subset, TensorDataset, WeightedRandomSampler

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

SHARES = (0.5, 0.3, 0.15, 0.05)


def told(bench):
    return run(all_checks()["double-rebalancing"], bench).finding


def rows(shares=SHARES, count=400):
    y = torch.cat([torch.full((round(share * count),), k) for k, share in enumerate(shares)])
    return TensorDataset(
        torch.randn(len(y), 6, generator=toys.seeded()), y[torch.randperm(len(y), generator=toys.seeded())]
    )


def counts_of(data):
    return torch.bincount(data.tensors[1]).double()


def bench(by_class, loss_fn, data=None, **more):
    data = rows() if data is None else data
    labels = data.tensors[1]
    sampler = WeightedRandomSampler(by_class[labels].tolist(), len(data), generator=toys.seeded())
    net = toys.mlp((6, 8, len(by_class)))
    return Bench(model=net, loss_fn=loss_fn, train_loader=DataLoader(data, 32, sampler=sampler, **more))


N = counts_of(rows())
INVERSE = N.sum() / N


class Focal(nn.Module):
    """A loss of the user's own over torch's, with a weight under another name."""

    def __init__(self, alpha):
        super().__init__()
        self.alpha = alpha

    def forward(self, output, y):
        return F.cross_entropy(output, y, weight=self.alpha)


TWICE = {
    "inverse": (1 / N, nn.CrossEntropyLoss(INVERSE.float())),
    "a function": (1 / N, lambda o, y: F.cross_entropy(o, y, weight=(1 / N).float())),
    "a module of one's own": (1 / N, Focal(INVERSE.float())),
    "one in full, one by roots": (1 / N, nn.CrossEntropyLoss(INVERSE.sqrt().float())),
    "roots and full": (1 / N.sqrt(), nn.CrossEntropyLoss(INVERSE.float())),
    "label smoothing": (1 / N, nn.CrossEntropyLoss(INVERSE.float(), label_smoothing=0.1)),
    "by the largest": (1 / N, nn.CrossEntropyLoss((N.max() / N).float())),
    "effective numbers": (1 / N, nn.CrossEntropyLoss((0.001 / (1 - 0.999**N)).float())),
}


@pytest.mark.parametrize(("by_class", "loss_fn"), TWICE.values(), ids=TWICE)
def test_both_at_once_are_a_hint(by_class, loss_fn):
    found = told(bench(by_class, loss_fn))
    assert found.verdict is Verdict.HINT, found.message


def test_both_numbers_are_told():
    found = told(bench(1 / N, nn.CrossEntropyLoss(INVERSE.float())))
    assert found.message == (
        "class 3 is 5 % of the rows, **25 %** of the draws, and weighs **10** times as much as class 0 in the loss: "
        "together it counts 10 times as much"
    )


ONCE = {
    "sampler alone": (1 / N, nn.CrossEntropyLoss()),
    "weights of one": (1 / N, nn.CrossEntropyLoss(torch.ones(4))),
    "loss alone": (torch.ones(4), nn.CrossEntropyLoss(INVERSE.float())),
    "roots in both": (1 / N.sqrt(), nn.CrossEntropyLoss(INVERSE.sqrt().float())),
    "undone": (1 / N, nn.CrossEntropyLoss((N / N.sum()).float())),
    "costs": (1 / N, nn.CrossEntropyLoss(torch.tensor([1.0, 4.0, 1.0, 2.0]))),
    "one class matters": (1 / N, nn.CrossEntropyLoss(torch.tensor([1.0, 1.0, 5.0, 1.0]))),
    "a class ignored": (1 / N, nn.CrossEntropyLoss(torch.tensor([0.0, 1.0, 1.0, 1.0]))),
    "a mild sampler": (N**-0.1, nn.CrossEntropyLoss(INVERSE.float())),
    "other rows oversampled": (torch.tensor([1.0, 4.0, 1.0, 2.0]).double(), nn.CrossEntropyLoss(INVERSE.float())),
    "a regression": (1 / N, lambda o, y: F.mse_loss(o[:, 0], y.float())),
    "soft labels": (1 / N, lambda o, y: F.cross_entropy(o, F.one_hot(y, 4).float())),
}


@pytest.mark.parametrize(("by_class", "loss_fn"), ONCE.values(), ids=ONCE)
def test_one_at_a_time_is_right(by_class, loss_fn):
    found = told(bench(by_class, loss_fn))
    assert found.verdict is Verdict.OK, found.message


def test_balanced_classes_need_none():
    data = rows((0.25, 0.26, 0.24, 0.25))
    n = counts_of(data)
    assert told(bench(1 / n, nn.CrossEntropyLoss((1 / n).float()), data)).verdict is Verdict.OK


def test_samplers_in_batches_and_parts_of_data_count():
    data = Subset(rows(), range(200))
    labels = data.dataset.tensors[1][:200]
    n = torch.bincount(labels).double()
    sampler = WeightedRandomSampler((1 / n)[labels].tolist(), 200)
    loader = DataLoader(data, batch_sampler=BatchSampler(sampler, 16, drop_last=False))
    given = Bench(model=toys.mlp((6, 4)), loss_fn=nn.CrossEntropyLoss((1 / n).float()), train_loader=loader)
    assert told(given).verdict is Verdict.HINT


@pytest.mark.parametrize(("weight", "verdict"), [(9.0, Verdict.HINT), (1.0, Verdict.OK), (0.2, Verdict.OK)])
def test_the_weight_of_positives_counts(weight, verdict):
    y = (torch.arange(400) % 10 == 0).float()
    data = TensorDataset(torch.randn(400, 3), y[:, None])
    n = torch.bincount(y.long()).double()
    sampler = WeightedRandomSampler((1 / n)[y.long()].tolist(), 400)
    loss_fn = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([weight]))
    found = told(Bench(model=nn.Linear(3, 1), loss_fn=loss_fn, train_loader=DataLoader(data, 16, sampler=sampler)))
    assert found.verdict is verdict, found.message


class Big(Dataset):
    """Labels that are kept nowhere, and are too many to read."""

    def __len__(self):
        return 5000

    def __getitem__(self, i):
        return torch.rand(6), int(i % 10 == 0)


def test_labels_that_cannot_be_told_are_skipped():
    sampler = WeightedRandomSampler([1.0] * 5000, 100)
    loss_fn = nn.CrossEntropyLoss(torch.tensor([1.0, 9.0]))
    found = told(Bench(model=toys.mlp((6, 2)), loss_fn=loss_fn, train_loader=DataLoader(Big(), 16, sampler=sampler)))
    assert found.verdict is Verdict.SKIPPED
    assert "kept nowhere" in found.message


def test_without_a_sampler_there_is_nothing_to_say():
    given = toys.classify(loss_fn=nn.CrossEntropyLoss(torch.tensor([1.0, 2, 3, 4, 5])))
    assert told(given).verdict is Verdict.OK
    assert told(given.replace(train_loader=[given.batch])).verdict is Verdict.OK
