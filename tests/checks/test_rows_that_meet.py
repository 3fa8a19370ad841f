"""Rows that meet by design: sets, graphs, few-shot episodes. A hint, and no fault."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from rowwise import Net, given, judged, vectors
from torch import Tensor, nn
from torch.nn import functional

from nbrecipe import toys


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
