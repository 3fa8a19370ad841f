"""Every input has an influence on the output.

A column that a slice leaves out, a mask that `forward` takes and never reads, an item that is looked up in the users'
table by mistake: the model runs, and trains on less than it is given. Each argument, and each column whose gradient is
exactly zero, is changed in many ways; where every bit of the answer stays as it was, in eval mode and in train mode, it
has no influence on this batch. Inputs that are the same in every row are not judged.

An argument that `forward` names and never reads is a fault. Columns left out are a hint: a table brings along weights
of rows, time stamps, numbers and what must not be learned from, and no loss tells these from one cut off by mistake.
"""

from __future__ import annotations

import re

import torch
from torch import Tensor, nn

from ... import toys
from ...batches.models import plain
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, ok, skipped
from ...probes.graph.mentions import is_foreign
from ...probes.rows.influence import Ignored, Influence, influence

check = Check(__name__, tip="chart dependencies")

#: names of what comes along and is not meant for the net, or says what other inputs say as well
BESIDES = re.compile(
    r"^_|unused|dummy|ignore|meta|index|(^|_)(idx|id|ids|key|name|weights?|step|epoch)$|token_type|position|special|offset",
    re.IGNORECASE,
)
#: columns that a message lists
LISTED = 8


@check.run
def run(model: nn.Module, batch: object, bench: Bench) -> Finding:
    with bench.untouched():
        seen = bench.once(influence)
    if seen.why:
        return skipped(seen.why)
    if not seen.ignored:
        return _all_heard(seen)
    certain = [each for each in seen.ignored if _is_certain(each, seen, plain(model))]
    each = (certain or list(seen.ignored))[0]
    name, shape = each.argument.name, tuple(each.argument.item.shape)
    what = f"`{name}` {shape}" if not each.columns else f"{_columns(each)} of `{name}` {shape}"
    verb = "varies" if len(each.columns) < 2 else "vary"
    return (bad if certain else hint)(
        f"{what} **{verb}** between rows and {'has' if verb == 'varies' else 'have'} **no influence**: "
        f"{each.changes} changes leave every bit of the answer alike, in eval mode and in train mode"
        f"{_reason(each, bench.name('model'))}",
        fix=_fix(each, bench.name("model")),
        why="the model learns from less than it is given",
        argument=name, columns=list(each.columns), proof=each.proof, shape=list(shape), changes=each.changes,
        ignored=[other.argument.name for other in seen.ignored],
    )  # fmt: skip


def _all_heard(seen: Influence) -> Finding:
    names = ", ".join(f"`{name}`" for name in seen.judged)
    if not names:
        return skipped("no input differs from row to row")
    columns = f" and each of {seen.columns} columns" if seen.columns else ""
    held = ", ".join(f"`{name}`" for name in seen.gated)
    gated = f"; {held} will have, once weights that start at 0 have moved" if held else ""
    return ok(
        f"{names}{columns} {'have' if columns or len(seen.judged) > 1 else 'has'} influence{gated}",
        columns=seen.columns,
    )


def _is_certain(each: Ignored, seen: Influence, model: nn.Module) -> bool:
    """Whether it never enters the computation, and nothing says that this is meant."""
    argument = each.argument
    if each.columns or is_foreign(model) or BESIDES.search(argument.name):
        return False
    return each.proof == "unread" and not _told_by_others(each, seen)


def _told_by_others(each: Ignored, seen: Influence) -> bool:
    """Whether a mask says where another input holds one certain value, as padding, so that it may be made of that."""
    mask = each.argument.item
    if mask.dtype is not torch.bool and not bool(((mask == 0) | (mask == 1)).all()):
        return False
    for other in seen.given:
        if other.shape[: mask.ndim] == mask.shape and other is not mask:
            hidden = other[mask == 0]
            if hidden.numel() and bool((hidden == hidden.flatten()[0]).all()):
                return True
    return False


def _columns(each: Ignored) -> str:
    shown = ", ".join(str(column) for column in each.columns[:LISTED])
    more = f" and {len(each.columns) - LISTED} more" if len(each.columns) > LISTED else ""
    return f"column **{shown}**" if len(each.columns) == 1 else f"columns **{shown}**{more}"


def _reason(each: Ignored, name: str) -> str:
    if each.proof == "unread":
        return f"; the `forward` of `{name}` never reads it"
    if each.proof == "zero":
        return "; the weights that it meets are exactly 0"
    zero = "; the gradient there is exactly 0 in every row" if each.columns else ""
    return f"{zero}; NaN in its place does not reach the answer" if each.proof == "unreached" else zero


def _fix(each: Ignored, name: str) -> str:
    argument = each.argument.name
    if each.proof == "unread":
        return f"Use `{argument}` in the `forward` of `{name}`, or do not give it."
    if each.proof == "zero":
        return f"Give the weights that `{argument}` meets random values, unless they are to start at zero."
    if each.columns:
        it = "it" if len(each.columns) == 1 else "them"
        return f"Look for the slice of `{argument}` that leaves {it} out, unless that is meant."
    return f"Look where `{argument}` goes in the `forward` of `{name}`: nothing comes of it on this batch."


class Rated(nn.Module):
    """A rating of an item by a user."""

    def __init__(self) -> None:
        super().__init__()
        self.users, self.items = nn.Embedding(12, 8), nn.Embedding(20, 8)

    def forward(self, user: Tensor, item: Tensor) -> Tensor:
        made: Tensor = (self.users(user) * self.items(item)).sum(1)
        return made


class Forgetful(Rated):
    """The same, which looks up the user twice."""

    def forward(self, user: Tensor, item: Tensor) -> Tensor:
        made: Tensor = (self.users(user) * self.users(user)).sum(1)
        return made


class Sliced(nn.Module):
    """A perceptron that takes so many of the columns."""

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.columns, self.body = columns, toys.mlp((columns, 16, 1))

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.body(x[:, : self.columns])
        return made


class Adapted(nn.Module):
    """Side information behind a branch whose end starts at zero."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.side, self.end = toys.mlp((10, 16, 1)), nn.Linear(10, 16), nn.Linear(16, 1)
        nn.init.zeros_(self.end.weight)

    def forward(self, x: Tensor, side: Tensor) -> Tensor:
        made: Tensor = self.body(x) + self.end(torch.relu(self.side(side)))
        return made


def _ratings(net: nn.Module) -> Bench:
    g = toys.seeded()
    users, items = torch.randint(12, (64,), generator=g), torch.randint(20, (64,), generator=g)
    batch = (users, items, torch.rand(64, generator=g))
    return Bench(model=net, batch=batch, loss_fn=nn.MSELoss(), names={"model": "net"})


@check.breaks
def item_never_read() -> Bench:
    """The user is looked up twice, the item not at all."""
    return _ratings(Forgetful())


@check.breaks
def last_column_left_out() -> Bench:
    """A slice that ends one column too early."""
    return toys.regress(Sliced(9))


@check.holds
def both_looked_up() -> Bench:
    """User and item, each in its table."""
    return _ratings(Rated())


@check.holds
def every_column() -> Bench:
    """The slice takes all ten columns."""
    return toys.regress(Sliced(10))


@check.holds
def branch_that_starts_at_zero() -> Bench:
    """The side input has no influence yet: the weights at the end of its branch start at zero, and will move."""
    g = toys.seeded()
    batch = (torch.randn(64, 10, generator=g), torch.randn(64, 10, generator=g), torch.randn(64, 1, generator=g))
    return Bench(model=Adapted(), batch=batch, loss_fn=nn.MSELoss(), names={"model": "net"})


class Own(nn.Module):
    """A perceptron on the rest of a table whose first column is the weight of a row, for the user's own loss."""

    def __init__(self) -> None:
        super().__init__()
        self.body = toys.mlp((9, 16, 1))

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.body(x[:, 1:])
        return made


@check.holds
def column_of_weights_for_the_loss() -> Bench:
    """The first column says how much a row counts; the loop reads it from the batch, the model does not."""
    return toys.regress(Own())


@check.holds
def column_that_never_varies() -> Bench:
    """A column that is the same in every row cannot have an influence."""
    given = toys.regress(Sliced(9))
    x, y = given.get("batch")
    x = torch.cat([x[:, :9], torch.ones(len(x), 1)], 1)
    return given.replace(batch=(x, y), train_loader=None, train_data=None)
