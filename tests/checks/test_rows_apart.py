"""Nets of many kinds whose rows stay apart raise nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from rowwise import Net, given, ids, judged, pictures, series, vectors
from torch import Tensor, nn

from nbrecipe import toys


def vit() -> nn.Module:
    return Net(
        lambda s, x: s.head((s.enc(s.cut(x).flatten(2).mT + s.places.weight)).mean(1)),
        cut=nn.Conv2d(3, 8, 4, 4), places=nn.Embedding(4, 8),
        enc=nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), head=nn.Linear(8, 3),
    )  # fmt: skip


def table_of_places() -> nn.Module:
    return Net(
        lambda s, x: s.head((s.table(x) + s.places(torch.arange(x.shape[1]))).mean(1)),
        table=nn.Embedding(30, 8), places=nn.Embedding(20, 8), head=nn.Linear(8, 3),
    )  # fmt: skip


def noisy(net: Any, x: Tensor) -> Tensor:
    hidden = net.body(x)
    made: Tensor = net.head(hidden + torch.randn_like(hidden))
    return made


APART: dict[str, tuple[Callable[[], nn.Module], Callable[[], Tensor]]] = {
    "a perceptron with batch norm and dropout": (
        lambda: nn.Sequential(nn.Linear(10, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 3)), vectors
    ),
    "a convnet with group norm": (
        lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.GroupNorm(2, 8), nn.ReLU(), nn.Flatten(), nn.LazyLinear(3)),
        pictures,
    ),
    "instance norm": (
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.InstanceNorm2d(4), nn.Flatten(), nn.Linear(144, 3)), pictures
    ),
    "a recurrent net, batch first": (
        lambda: Net(
            lambda s, x: s.head(s.rnn(x)[0][:, -1]), rnn=nn.LSTM(8, 8, 2, batch_first=True, bidirectional=True),
            head=nn.Linear(16, 3),
        ),
        series,
    ),
    "a recurrent net, time first, turned": (
        lambda: Net(lambda s, x: s.head(s.rnn(x.mT.movedim(2, 0))[0][-1]), rnn=nn.GRU(8, 8), head=nn.Linear(8, 3)),
        series,
    ),
    "a vision transformer": (vit, pictures),
    "as many places as rows": (table_of_places, lambda: ids(9, 9)),
    "noise in every pass": (lambda: Net(noisy, body=nn.Linear(10, 8), head=nn.Linear(8, 3)), vectors),
    "tokens and their mean": (
        lambda: Net(lambda s, x: s.head(s.table(x)), table=nn.EmbeddingBag(30, 8), head=nn.Linear(8, 3)), ids),
    "a dictionary for an answer": (
        lambda: Net(lambda s, x: {"logits": s.head(x), "hidden": x}, head=nn.Linear(10, 3)), vectors
    ),
    "a number in, a number out": (
        lambda: Net(lambda s, x: s.head(x[:, :1])[:, 0] * x[:, 0], head=nn.Linear(1, 1)), vectors
    ),
    "axes exchanged and exchanged back": (
        lambda: Net(lambda s, x: s.head(s.norm(x.T.contiguous().T)), norm=nn.LayerNorm(10), head=nn.Linear(10, 3)),
        vectors,
    ),
    "weights made of the weights": (
        lambda: nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(10, 8)), nn.Linear(8, 3)), vectors
    ),
}  # fmt: skip


def test_inputs_and_outputs_of_one_axis():
    x = torch.randn(24, generator=toys.seeded())
    net = Net(lambda s, x: s.head(x[:, None])[:, 0], head=nn.Linear(1, 1))
    assert judged(toys.bench(net, x, x, nn.MSELoss(), size=24)).verdict == "ok"


@pytest.mark.parametrize("what", APART)
def test_rows_that_are_apart_raise_nothing(what):
    net, rows = APART[what]
    torch.manual_seed(3)
    model, x = net(), rows()
    with torch.no_grad():
        model(x)  # lazy layers take their shape
    found = judged(given(model, x))
    assert found.verdict == "ok", found
