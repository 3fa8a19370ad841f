"""Models that mark the rows of a batch, and models that only look as if they did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.checks.model import position_in_batch
from nbrecipe.finding import Finding


class Net(nn.Module):
    def __init__(self, forward: Callable[..., Any], **parts: nn.Module) -> None:
        super().__init__()
        self._forward, self.head = forward, nn.Linear(10, 3)
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x: Tensor) -> Any:
        return self._forward(self, x)


def judged(net: nn.Module) -> Finding:
    x = torch.randn(24, 10, generator=toys.seeded())
    bench: Bench = toys.bench(net, x, torch.arange(24) % 3, nn.CrossEntropyLoss(), size=24)
    return position_in_batch.run(model=bench.get("model"), batch=bench.get("batch"), bench=bench)


MARKED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "a number for the row": (lambda: Net(lambda s, x: s.head(x + torch.arange(len(x))[:, None])), "net.head"),
    "a learned table": (
        lambda: Net(lambda s, x: s.head(x + s.table(torch.arange(len(x)))), table=nn.Embedding(64, 10)), "net.table"
    ),
    "the first row otherwise": (lambda: Net(lambda s, x: torch.cat([s.head(x[:1]) + 1, s.head(x[1:])])), "net"),
}  # fmt: skip


@pytest.mark.parametrize("what", MARKED)
def test_a_mark_of_the_row_is_found_and_placed(what):
    net, where = MARKED[what]
    found = judged(net())
    assert (found.verdict, found.where) == ("bad", where)


ALIKE: dict[str, Callable[[], nn.Module]] = {
    "batch norm": lambda: nn.Sequential(nn.Linear(10, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)),
    "a rounding": lambda: Net(lambda s, x: s.head(x) + 1e-7 * torch.arange(len(x))[:, None]),
    "outputs that hardly differ": lambda: nn.Sequential(nn.Linear(10, 8), nn.LayerNorm(8), nn.Linear(8, 3)),
}


@pytest.mark.parametrize("what", ALIKE)
def test_copies_that_are_treated_alike_raise_nothing(what):
    assert judged(ALIKE[what]()).verdict == "ok"


@pytest.mark.parametrize(
    ("net", "why"),
    [
        (lambda: Net(lambda s, x: s.head(x + torch.randn_like(x))), "the model draws random numbers in eval mode"),
        (
            lambda: Net(lambda s, x: s.head(x + x.cumsum(0))),
            "rows of the batch depend on one another, which comes first",
        ),
        (lambda: Net(lambda s, x: s.head(x).sum()), "the model gives no row of numbers for each example"),
    ],
)
def test_what_has_another_reason_is_left_to_it(net, why):
    found = judged(net())
    assert (found.verdict, found.message) == ("skipped", why)
