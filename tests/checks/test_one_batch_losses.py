"""Checks of losses that judge one batch where no loop was watched: faults, and what looks like them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nbrecipe import toys
from nbrecipe.bench import Bench, Cell
from nbrecipe.finding import Finding, Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

Make = Callable[[], Bench]
QUIET = {Verdict.OK, Verdict.SKIPPED}
CALLED = (Cell(1, "for x, y in train_dl:\n    loss = criterion(net(x), y)\n"),)


def found(check: str, given: Bench) -> Finding:
    return run(all_checks()[check], given).finding


class Then(nn.Module):
    """A net whose forward goes on after its layers."""

    def __init__(self, body: nn.Module, after: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.body, self.after = body, after

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.body(x))


def hole(given: Bench, at: int = 3) -> Bench:
    x, y = given.batch
    x = x.clone()
    x[at] = torch.nan
    return given.replace(batch=(x, y))


def hole_in_weights() -> Bench:
    given = toys.classify()
    with torch.no_grad():
        next(given.get("model").parameters())[0, 0] = torch.nan
    return given


class Mender(nn.Module):
    """Deals with gaps itself."""

    def __init__(self) -> None:
        super().__init__()
        self.body = toys.mlp((10, 16, 1))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.body(torch.nan_to_num(x))
        return out


class Attends(nn.Module):
    """Rows of padding alone get NaN from attention, and `where` leaves them out."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(6, 8), nn.Linear(8, 5)
        self.softmax = nn.Softmax(-1)

    def forward(self, x: Tensor) -> Tensor:
        scores = self.body(x) @ self.body(x).mT
        scores = scores.index_fill(1, torch.tensor([6]), -torch.inf)
        mixed = torch.where(torch.arange(7)[:, None] == 6, 0.0, self.softmax(scores) @ self.body(x))
        out: Tensor = self.head(mixed.mean(1))
        return out


NONFINITE: dict[str, tuple[Make, Verdict, str]] = {
    "a root in a module": (
        lambda: toys.regress(nn.Sequential(nn.Linear(10, 4), Then(nn.Identity(), torch.sqrt), nn.Linear(4, 1))),
        Verdict.BAD, "born in `net[1]`",
    ),
    "a logarithm in forward": (
        lambda: toys.regress(Then(toys.mlp((10, 8, 1)), torch.log)), Verdict.BAD, "born in `net`",
    ),
    "an overflow": (
        lambda: toys.regress(Then(toys.mlp((10, 8, 1)), lambda out: (out + 100).exp())), Verdict.BAD, "born in `net`",
    ),
    "a weight": (hole_in_weights, Verdict.BAD, "`net[0].weight` holds values that are not finite"),
    "a gap in the inputs": (
        lambda: hole(toys.regress()).replace(cells=CALLED), Verdict.BAD, "`input` holds 10 values that are NaN",
    ),
    "a gap that a loop may mend": (lambda: hole(toys.regress()), Verdict.HINT, "unless your loop"),
    "a gap that a cell mends": (
        lambda: hole(toys.regress()).replace(cells=(*CALLED, Cell(2, "x = torch.nan_to_num(x)"))),
        Verdict.HINT, "a cell speaks of such values",
    ),
    "a logarithm in the loss": (
        lambda: toys.regress(loss_fn=lambda out, y: (out.relu().log() * y).mean()).replace(cells=CALLED),
        Verdict.BAD, "it is born in the loss",
    ),
    "all targets ignored": (
        lambda: toys.classify(loss_fn=lambda out, y: F.cross_entropy(out, y * 0 - 100)).replace(cells=CALLED),
        Verdict.BAD, "it is born in the loss",
    ),
    "NaN that `where` leaves out": (
        lambda: toys.sequences(Attends()), Verdict.HINT, "born in `net.softmax`",
    ),
    "outputs without a loss": (
        lambda: toys.regress(Then(toys.mlp((10, 8, 1)), torch.sqrt)).replace(loss_fn=None), Verdict.HINT,
        "reaches the output",
    ),
    "gaps that the model mends": (lambda: hole(toys.regress(Mender())), Verdict.OK, "neither NaN nor infinity"),
    "gaps that the loss leaves out": (
        lambda: toys.regress(loss_fn=lambda out, y: F.mse_loss(out[y < 9], y[y < 9])), Verdict.OK, "neither NaN",
    ),
    "causal attention": (toys.next_token, Verdict.OK, "in train and eval mode"),
    "a convnet with fresh statistics": (toys.images, Verdict.OK, "in train mode"),
    "a scripted net": (lambda: toys.classify(torch.jit.script(toys.mlp())), Verdict.OK, "neither NaN"),
    "two parts": (lambda: toys.classify(nn.DataParallel(toys.mlp())), Verdict.OK, "neither NaN"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.parametrize(("make", "verdict", "told"), NONFINITE.values(), ids=NONFINITE)
def test_where_values_that_are_not_finite_are_born(make, verdict, told):
    seen = found("nonfinite-forward", make())
    assert (seen.verdict, told in f"{seen.message} {seen.why}") == (verdict, True), f"{seen.message} {seen.why}"
