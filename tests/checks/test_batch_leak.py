"""Rows of a batch that meet where they should not, planted in many ways, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from rowwise import Net, given, ids, judged, series, vectors
from torch import Tensor, nn
from torch.nn import functional


def in_batch_statistics(net: Any, x: Tensor) -> Tensor:
    made: Tensor = net.head(functional.batch_norm(net.body(x), None, None, training=True))
    return made


LEAKS: dict[str, tuple[Callable[[], nn.Module], Callable[[], Tensor], str]] = {
    "a recurrent net that takes the batch for time": (
        lambda: Net(lambda s, x: s.head(s.rnn(x)[0][:, -1]), rnn=nn.LSTM(8, 8), head=nn.Linear(8, 3)), series, "rnn"
    ),
    "attention that takes the batch for time": (
        lambda: Net(
            lambda s, x: s.head(s.mix(x, x, x)[0].mean(1)), mix=nn.MultiheadAttention(8, 2), head=nn.Linear(8, 3)
        ),
        series, "mix",
    ),
    "an encoder that takes the batch for time": (
        lambda: Net(
            lambda s, x: s.head(s.enc(x).mean(1)),
            enc=nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 2, enable_nested_tensor=False),
            head=nn.Linear(8, 3),
        ),
        series, "enc.layers.0.self_attn",
    ),
    "tokens": (
        lambda: Net(
            lambda s, x: s.head(s.rnn(s.table(x))[0][:, -1]), table=nn.Embedding(30, 8), rnn=nn.GRU(8, 8),
            head=nn.Linear(8, 3),
        ),
        ids, "rnn",
    ),
    "a frozen table": (
        lambda: Net(
            lambda s, x: s.head(s.table(x).mean(0).mean(0) + s.table(x).mean(1)),
            table=nn.Embedding(30, 8).requires_grad_(False), head=nn.Linear(8, 3),
        ),
        ids, "head",
    ),
    "the next row, a millionth of it": (
        lambda: Net(lambda s, x: s.head(s.body(x + 1e-6 * x.roll(1, 0))), body=nn.Linear(10, 8), head=nn.Linear(8, 3)),
        vectors, "body",
    ),
    "statistics of the batch, in eval mode too": (
        lambda: Net(in_batch_statistics, body=nn.Linear(10, 8), head=nn.Linear(8, 3)), vectors, "head"
    ),
    "a softmax over rows": (lambda: nn.Sequential(nn.Linear(10, 3), nn.Softmax(dim=0)), vectors, "1"),
    "rows sorted by their first number": (
        lambda: Net(lambda s, x: s.head(x[x[:, 0].argsort()] * 0.5 + x), head=nn.Linear(10, 3)), vectors, "head"
    ),
    "the batch as channels": (
        lambda: Net(
            lambda s, x: s.head(s.body(x.unsqueeze(0)).squeeze(0)), body=nn.Conv1d(24, 24, 1), head=nn.Linear(10, 3)
        ),
        vectors, "body",
    ),
    "a running mean of the rows": (
        lambda: Net(lambda s, x: s.head(x.cumsum(0)), head=nn.Linear(10, 3)), vectors, "head"
    ),
    "attention by hand that takes the batch for time": (
        lambda: Net(
            lambda s, x: s.head(((x.transpose(0, 1) @ x.permute(1, 2, 0)).softmax(-1) @ x.transpose(0, 1)).mean(0)),
            head=nn.Linear(8, 3),
        ),
        series, "head",
    ),
    "the mean of the rows before": (
        lambda: Net(lambda s, x: s.head(x + (x.cumsum(0) - x) / 24), head=nn.Linear(10, 3)), vectors, "head"
    ),
    "one row for all": (lambda: Net(lambda s, x: s.head(x + x[7]), head=nn.Linear(10, 3)), vectors, "head"),
}  # fmt: skip


@pytest.mark.parametrize("what", LEAKS)
def test_a_leak_is_found_and_its_place_named(what):
    net, rows, place = LEAKS[what]
    torch.manual_seed(3)
    found = judged(given(net(), rows()))
    assert found.verdict == "bad", found
    assert found.seen["module"] == place
    assert found.seen["source"] != found.seen["to"]


def test_batch_norms_that_mix_while_training_are_said():
    net = nn.Sequential(nn.Linear(10, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 8), nn.BatchNorm1d(8))
    found = judged(given(net, vectors()))
    assert found.verdict == "ok"
    assert found.message.endswith("; 2 batch norms mix them while training, by design")


def test_what_mixes_in_train_mode_alone_is_a_hint_that_says_so():
    net = Net(
        lambda s, x: s.head(s.body(x) - s.training * s.body(x).mean(0)), body=nn.Linear(10, 8), head=nn.Linear(8, 3)
    )
    found = judged(given(net, vectors()))
    assert found.verdict == "hint"
    assert "of the batch in train mode: the gradient there is" in found.message


def test_what_the_batch_is_taken_for_is_said():
    net, rows, _ = LEAKS["a recurrent net that takes the batch for time"]
    assert judged(given(net(), rows())).fix == "Give `net.rnn` `batch_first=True`: it takes the first axis for time."


def test_attention_that_is_given_vectors_is_told_what_it_takes_them_for():
    found = judged(given(Net(lambda s, x: s.mix(x, x, x)[0], mix=nn.MultiheadAttention(10, 2)), vectors()))
    assert found.verdict == "bad"
    assert found.fix == (
        "Give `net.mix` a sequence for each row, (N, T, D): it takes (N, D) for one sequence of N steps."
    )


@pytest.mark.parametrize(
    ("net", "x", "why"),
    [
        (nn.Linear(10, 3), vectors(1), "the batch holds a single row"),
        (
            Net(lambda s, x: s.head(x).detach(), head=nn.Linear(10, 3)), vectors(),
            "no gradient runs from the output to the inputs",
        ),
        (
            Net(lambda s, x: s.head(x).mean(0), head=nn.Linear(10, 3)), vectors(),
            "the output has the shape (3,), whose first axis does not run over 24 examples",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_judged_is_skipped(net, x, why):
    found = judged(given(net, x))
    assert (found.verdict, found.message) == ("skipped", why)
