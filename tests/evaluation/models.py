"""Small nets, data and benches of every kind of task, for the tests of evaluation."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe.bench import Bench

VOCABULARY = 11


class Tokens(nn.Module):
    """Logits at every position."""

    def __init__(self):
        super().__init__()
        self.table, self.head = nn.Embedding(VOCABULARY, 8), nn.Linear(8, VOCABULARY)

    def forward(self, ids):
        return self.head(self.table(ids))


def token_loss(out, y):
    return F.cross_entropy(out.reshape(-1, VOCABULARY), y.reshape(-1), ignore_index=0)


def loader(*tensors, size=32, **known):
    return DataLoader(TensorDataset(*tensors), batch_size=size, **known)


def made(model, loss_fn, x, y, **known):
    return Bench(
        model=model, loss_fn=loss_fn, val_loader=loader(x, y, **known), names={"model": "net", "val_loader": "val_dl"}
    )


def classes(loss_fn=None, rows=150, count=5, **known):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, count))
    return made(model, loss_fn or nn.CrossEntropyLoss(), torch.randn(rows, 4), torch.randint(count, (rows,)), **known)


def yes_no(rows=150, **known):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 1), nn.Flatten(0))
    x = torch.randn(rows, 4)
    return made(model, nn.BCEWithLogitsLoss(), x, (x[:, 0] + torch.randn(rows) > 0).float(), **known)


def labels(rows=150, count=3, **known):
    torch.manual_seed(0)
    x = torch.randn(rows, 4)
    y = (x[:, :count] + torch.randn(rows, count) > 0).float()
    return made(nn.Linear(4, count), nn.BCEWithLogitsLoss(), x, y, **known)


def numbers(rows=150, **known):
    torch.manual_seed(0)
    x = torch.randn(rows, 4)
    return made(nn.Linear(4, 1), nn.MSELoss(), x, x[:, :1] * 2 + torch.randn(rows, 1), **known)


def tokens(rows=40, **known):
    torch.manual_seed(0)
    ids = torch.randint(VOCABULARY, (rows, 9))
    return made(Tokens(), token_loss, ids, ids.roll(-1, 1), **known)


def masks(rows=20, count=3, **known):
    torch.manual_seed(0)
    y = torch.randint(count, (rows, 8, 8))
    return made(nn.Conv2d(1, count, 3, padding=1), nn.CrossEntropyLoss(), torch.randn(rows, 1, 8, 8), y, **known)


def yes_no_masks(rows=20, **known):
    torch.manual_seed(0)
    y = (torch.rand(rows, 1, 8, 8) > 0.5).float()
    return made(nn.Conv2d(1, 1, 3, padding=1), nn.BCEWithLogitsLoss(), torch.randn(rows, 1, 8, 8), y, **known)


def images(rows=20, **known):
    torch.manual_seed(0)
    x = torch.rand(rows, 1, 8, 8)
    return made(nn.Conv2d(1, 1, 3, padding=1), nn.MSELoss(), x, x, **known)


ALL = {f.__name__: f for f in (classes, yes_no, labels, numbers, tokens, masks, yes_no_masks, images)}


def whole(bench):
    """Output and target of all rows at once, in eval mode."""
    x, y = bench.val_loader.dataset.tensors
    bench.model.eval()
    with torch.no_grad():
        out = bench.model(x)
    bench.model.train()
    return out, y
