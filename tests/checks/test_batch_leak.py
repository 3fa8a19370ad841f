"""Rows of a batch that meet where they should not, planted in many ways, and nets of many kinds without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.checks.model import batch_leak
from nbrecipe.finding import Finding


class Net(nn.Module):
    """A net whose `forward` is this function of it and the input, with these modules."""

    def __init__(self, forward: Callable[..., Any], **parts: nn.Module) -> None:
        super().__init__()
        self._forward = forward
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self._forward(self, *args, **kwargs)


def given(net: nn.Module, x: Tensor) -> Bench:
    labels = torch.randint(3, (len(x),), generator=toys.seeded())
    return toys.bench(net, x, labels, nn.CrossEntropyLoss(), size=len(x))


def vectors(rows: int = 24, width: int = 10) -> Tensor:
    return torch.randn(rows, width, generator=toys.seeded(1))


def series(rows: int = 20, length: int = 9, width: int = 8) -> Tensor:
    return torch.randn(rows, length, width, generator=toys.seeded(1))


def pictures(rows: int = 12) -> Tensor:
    return torch.randn(rows, 3, 8, 8, generator=toys.seeded(1))


def ids(rows: int = 20, length: int = 9) -> Tensor:
    return torch.randint(30, (rows, length), generator=toys.seeded(1))


def judged(bench: Bench) -> Finding:
    return batch_leak.run(model=bench.get("model"), batch=bench.get("batch"), bench=bench)


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


def on_a_graph(mixed: Callable[[Any, Tensor], Tensor], links: Tensor) -> Callable[[], nn.Module]:
    """A net whose rows are the nodes of a graph that it holds."""

    def build() -> nn.Module:
        net = Net(lambda s, x: s.head(mixed(s, s.body(x)).relu()), body=nn.Linear(10, 8), head=nn.Linear(8, 3))
        net.register_buffer("links", links)
        return net

    return build


def neighbours(rows: int = 24) -> Tensor:
    return (torch.rand(rows, rows, generator=toys.seeded()) < 0.2).float() + torch.eye(rows)


def one_set(scores: Callable[[Tensor, Tensor], Tensor]) -> Callable[[], nn.Module]:
    """A net that takes its batch for one set, whose members attend to each other."""
    return lambda: Net(
        lambda s, x: s.head(x + scores(s.q(x), s.k(x)).softmax(-1) @ x),
        q=nn.Linear(10, 8), k=nn.Linear(10, 8), head=nn.Linear(10, 3),
    )  # fmt: skip


DESIGN: dict[str, tuple[Callable[[], nn.Module], Callable[[], Tensor]]] = {
    "one set that attends to itself": (one_set(lambda q, k: q @ k.T), vectors),
    "one set, by einsum": (one_set(lambda q, k: torch.einsum("nd,md->nm", q, k)), vectors),
    "one set, by distances": (one_set(lambda q, k: -torch.cdist(q, k)), vectors),
    "numbers made independent of each other over the batch": (
        lambda: Net(lambda s, x: s.head(x @ torch.linalg.inv(x.T @ x)), head=nn.Linear(10, 3)), vectors
    ),
    "one graph": (on_a_graph(lambda s, x: s.links @ x, neighbours()), vectors),
    "one sparse graph": (on_a_graph(lambda s, x: torch.sparse.mm(s.links, x), neighbours().to_sparse()), vectors),
    "one graph, by its edges": (
        on_a_graph(lambda s, x: x.index_add(0, s.links[1], x[s.links[0]]), neighbours().nonzero().T.contiguous()),
        vectors,
    ),
    "every row against every other": (
        lambda: Net(lambda s, x: s.body(x) @ functional.normalize(s.body(x)).T, body=nn.Linear(10, 8)), vectors
    ),
    "the spread of the batch as a channel, in a discriminator": (
        lambda: nn.Sequential(BatchSpread(), nn.Linear(11, 3)), vectors
    ),
}  # fmt: skip


class BatchSpread(nn.Module):
    """The standard deviation over the batch as one more number of each row."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, x.std(0).mean().expand(len(x), 1)], 1)


class Prototypes(nn.Module):
    """The first rows are examples of the classes, and all rows are compared with their means."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(10, 8)

    def forward(self, x: Tensor) -> Tensor:
        x = self.body(x)
        return -torch.cdist(x, x[:15].reshape(3, 5, -1).mean(1))


class Episode(Prototypes):
    def forward(self, x: Tensor) -> Tensor:
        support, everything = self.body(x[:15]), self.body(x)
        return -torch.cdist(everything, support.reshape(3, 5, -1).mean(1))


@pytest.mark.parametrize(
    "compared",
    [
        lambda x: -torch.cdist(x, x[:15].reshape(3, 5, -1).mean(1)),
        lambda x: -torch.cdist(x, x[-9:].reshape(3, 3, -1).mean(1)),
        lambda x: (x @ x[:15].T).softmax(1) @ functional.one_hot(torch.arange(15) % 3).float(),
    ],
)
def test_rows_that_are_all_compared_with_the_same_few_are_a_hint(compared):
    net = Net(lambda s, x: compared(s.body(x)), body=nn.Linear(10, 8))
    assert judged(given(net, vectors())).verdict == "hint"


@pytest.mark.parametrize("net", [Prototypes, Episode])
def test_names_say_that_rows_are_compared_on_purpose(net):
    assert judged(given(net(), vectors())).verdict == "hint"


@pytest.mark.parametrize("what", DESIGN)
def test_rows_that_meet_by_design_are_a_hint(what):
    net, rows = DESIGN[what]
    assert judged(given(net(), rows())).verdict == "hint"


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
