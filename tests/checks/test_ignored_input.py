"""Inputs without influence, planted in many ways, and inputs that only look so."""

from __future__ import annotations

import random

import pytest
import torch
from healthy import KINDS
from torch import nn
from torch.nn import functional as F

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.finding import Verdict
from nbrecipe.registry import get_check
from nbrecipe.runner import run

CHECK = get_check("ignored-input")


def number(*shape, seed=1):
    return torch.randn(*shape, generator=toys.seeded(seed))


def ids(*shape, most=30, seed=1):
    return torch.randint(1, most, shape, generator=toys.seeded(seed))


def judged(net, *batch, loss_fn=None):
    return run(CHECK, Bench(model=net, batch=batch, loss_fn=loss_fn, names={"model": "net"})).finding


def mean(out, y):
    return (out.mean(-1) - y).square().mean()


class Base(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.body, self.side, self.head = nn.Linear(10, 8), nn.Linear(6, 8), nn.Linear(8, 3)
        self.table, self.rnn = nn.Embedding(30, 8), nn.GRU(8, 8, batch_first=True)


class NeverRead(Base):
    def forward(self, x, side):
        return self.head(torch.relu(self.body(x)))


class MaskNeverRead(Base):
    def forward(self, tokens, mask):
        return self.head(self.table(tokens).mean(1))


class Overwritten(Base):
    def forward(self, x, side):
        side = x[:, :6]
        return self.head(self.body(x) + self.side(side))


class Slice(nn.Module):
    def __init__(self, cut, width):
        super().__init__()
        torch.manual_seed(3)
        self.cut, self.head = cut, nn.Linear(width, 3)

    def forward(self, x):
        return self.head(self.cut(x))


class OverSteps(Base):
    def forward(self, x):
        return self.head(self.rnn(x[..., :8])[0][:, -1])


TOKENS, MASK = ids(16, 7), torch.rand(16, 7, generator=toys.seeded()) > 0.3
FAULTS = {
    "an argument that is never read": (NeverRead, (number(16, 10), number(16, 6), number(16))),
    "a mask that is never read": (MaskNeverRead, (TOKENS, MASK, number(16))),
}
LEFT_OUT = {
    "the last column": (lambda: Slice(lambda x: x[:, :-1], 9), number(16, 10), (9,)),
    "the first columns": (lambda: Slice(lambda x: x[:, 2:], 8), number(16, 10), (0, 1)),
    "every other column": (lambda: Slice(lambda x: x[:, ::2], 5), number(16, 10), (1, 3, 5, 7, 9)),
    "one column twice": (
        lambda: Slice(lambda x: torch.cat([x[:, :4], x[:, 3:4], x[:, 5:]], 1), 10),
        number(16, 10),
        (4,),
    ),
    "features of a sequence": (OverSteps, number(16, 7, 9), (8,)),
}


@pytest.mark.parametrize("what", FAULTS)
def test_what_is_never_read_is_found(what):
    build, batch = FAULTS[what]
    found = judged(build(), *batch, loss_fn=mean)
    assert found.verdict is Verdict.BAD, found
    assert found.seen["columns"] == []


@pytest.mark.parametrize(
    "loss_fn", [lambda out, y: ((out - y) ** 2).mean(), nn.MSELoss()], ids=["own loss", "plain loss"]
)
@pytest.mark.parametrize("what", LEFT_OUT)
def test_columns_left_out_are_named_and_may_be_meant(what, loss_fn):
    build, x, columns = LEFT_OUT[what]
    found = judged(build(), x, number(16, 3), loss_fn=loss_fn)
    assert found.verdict is Verdict.HINT, found
    assert tuple(found.seen["columns"]) == columns


class BehindZero(Base):
    """A column whose weights are exactly zero, though others are not."""

    def forward(self, x):
        return self.head(torch.relu(self.body(x)))


def column_of_zeros():
    net = BehindZero()
    with torch.no_grad():
        net.body.weight[:, 4] = 0
    return net


class Switch(Base):
    """The side input goes in only where a switch says so."""

    use = False

    def forward(self, x, side):
        out = self.body(x)
        if self.use:
            out = out + self.side(side)
        return self.head(out)


class Numbered(Base):
    def forward(self, x, index):
        return self.head(self.body(x))


class Derivable(Base):
    """The mask is never read: padding is token 0, which the table knows."""

    def forward(self, tokens, mask):
        return self.head(self.table(tokens).amax(1))


PADDED = TOKENS.masked_fill(torch.arange(7) >= ids(16, 1, most=8), 0)
LOOKED_AT = {
    "weights that are exactly zero": (column_of_zeros, (number(16, 10), number(16))),
    "a switch that is off": (Switch, (number(16, 10), number(16, 6), number(16))),
    "numbers of rows": (Numbered, (number(16, 10), torch.arange(16), number(16))),
    "a mask that says where padding is": (Derivable, (PADDED, PADDED != 0, number(16))),
    "time stamps left out": (
        lambda: Slice(lambda x: torch.cat([x[:, :3], x[:, 4:]], 1), 9), (number(16, 10).cumsum(0), number(16))
    ),
    "the last steps of many": (lambda: Slice(lambda x: x[:, -3:], 3), (number(16, 10), number(16))),
    "a column of row numbers left out": (
        lambda: Slice(lambda x: x[:, 1:], 9), (torch.cat([torch.arange(16.0)[:, None], number(16, 9)], 1), number(16))
    ),
    "columns chosen by number": (lambda: Slice(lambda x: x[:, [0, 3, 5]], 3), (number(16, 10), number(16))),
}  # fmt: skip


@pytest.mark.parametrize("what", LOOKED_AT)
def test_what_may_be_meant_is_a_hint(what):
    build, batch = LOOKED_AT[what]
    found = judged(build(), *batch, loss_fn=mean)
    assert found.verdict is Verdict.HINT, found


class Both(Base):
    def forward(self, x, side):
        return self.head(self.body(x) + self.side(side))


class Forced(Base):
    """The right answer of the step before goes in while training, by chance."""

    def forward(self, x, side):
        out = self.body(x)
        if self.training and random.random() < 0.8:
            out = out + self.side(side)
        return self.head(out)


class OwnLoss(Base):
    """The weights count in the loss alone."""

    def forward(self, x, side):
        out = self.head(self.body(x))
        return {"logits": out, "loss": (out.square().mean(1) * side[:, 0].exp() + side.sum(1)).mean()}


class Swallowed(Base):
    def forward(self, x, **more):
        return self.head(self.body(x))


class Lengths(Base):
    def forward(self, tokens, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(self.table(tokens), lengths, batch_first=True, enforce_sorted=False)
        return self.head(self.rnn(packed)[1][0])


class Gated(Base):
    def __init__(self):
        super().__init__()
        self.gate = nn.Parameter(torch.zeros(1))

    def forward(self, x, side):
        return self.head(self.body(x) + self.gate * self.side(side))


class LoRA(Base):
    """The side input through a product of two matrices, of which one starts at zero."""

    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Linear(6, 2, bias=False), nn.Linear(2, 8, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, x, side):
        return self.head(self.body(x) + self.up(self.down(side)))


class Categories(Base):
    """Columns of numbers that are looked up in a table: no gradient, and influence all the same."""

    def forward(self, x):
        return self.head(self.table(x[:, 0].long()) + self.body(x))


class Hard(Base):
    """A decision at a threshold: the gradient is zero everywhere."""

    def forward(self, x):
        return self.head(self.body((x > 0).float()))


class Wave(nn.Module):
    """A signal whose last samples no window reaches."""

    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Conv1d(1, 4, 5, stride=3), nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.body(x[:, None]).mean(2))


class Last(Base):
    """A series of numbers, of which the recurrent net is given the last steps."""

    def forward(self, x):
        return self.head(self.rnn(x[:, -4:, None].expand(-1, -1, 8))[0][:, -1])


class Attending(Base):
    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)

    def forward(self, tokens, mask):
        return self.head(self.layer(self.table(tokens), src_key_padding_mask=~mask)[:, 0])


class Saturated(Base):
    """Rectifiers that are off for most rows."""

    def forward(self, x):
        return self.head(torch.relu(self.body(x) - 3))


class InPlace(Base):
    """Changes what it is given, which a leaf of autograd does not stand."""

    def forward(self, x):
        x -= x.mean(1, keepdim=True)
        return self.head(self.body(x))


class Noisy(Base):
    count = 0

    def forward(self, x):
        self.count += 1
        return self.head(self.body(x)) * self.count


def dead():
    net = nn.Sequential(nn.Linear(10, 8), nn.ReLU(), nn.Linear(8, 3))
    nn.init.zeros_(net[0].weight)
    nn.init.constant_(net[0].bias, -1)
    return net


def onehot(rows, classes):
    return F.one_hot(torch.arange(rows) % (classes - 2), classes).float()


SEEN = MASK | (torch.arange(7) == 0)
FINE = {
    "both used": (Both, (number(16, 10), number(16, 6), number(16))),
    "while training, by chance": (Forced, (number(16, 10), number(16, 6), number(16))),
    "swallowed": (Swallowed, ({"x": number(16, 10), "meta": ids(16), "y": number(16)},)),
    "lengths": (Lengths, (TOKENS, ids(16, most=8), number(16))),
    "a gate that starts at zero": (Gated, (number(16, 10), number(16, 6), number(16))),
    "a product that starts at zero": (LoRA, (number(16, 10), number(16, 6), number(16))),
    "categories among numbers": (
        Categories, (torch.cat([ids(16, 1).float(), number(16, 9)], 1), number(16))
    ),
    "a threshold": (Hard, (number(16, 10), number(16))),
    "a signal": (Wave, (number(16, 16), number(16))),
    "the last steps of a series": (Last, (number(16, 12), number(16))),
    "attention with a mask": (Attending, (TOKENS, SEEN, number(16))),
    "a mask of ones": (MaskNeverRead, (TOKENS, torch.ones(16, 7).bool(), number(16))),
    "rectifiers that are off": (Saturated, (number(16, 10), number(16))),
    "classes that nobody has": (lambda: Slice(lambda x: x[:, :8], 8), (onehot(16, 10), number(16))),
    "batch norm and dropout": (
        lambda: nn.Sequential(nn.Linear(10, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 3)),
        (number(16, 10), number(16)),
    ),
    "a dead net": (dead, (number(16, 10), number(16))),
    "another answer each time": (Noisy, (number(16, 10), number(16))),
    "in place": (InPlace, (number(16, 10), number(16))),
    "scripted": (lambda: torch.jit.script(toys.mlp((10, 8, 3))), (number(16, 10), number(16))),
    "in parallel": (lambda: nn.DataParallel(toys.mlp((10, 8, 3))), (number(16, 10), number(16))),
    "weight norm": (
        lambda: nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(10, 8)), nn.Linear(8, 3)),
        (number(16, 10), number(16)),
    ),
    "a perceptron in half precision": (
        lambda: toys.mlp((10, 8, 3)).bfloat16(), (number(16, 10).bfloat16(), number(16))
    ),
    "many columns": (lambda: toys.mlp((300, 64, 3)), (number(16, 300), number(16))),
    "one row": (lambda: toys.mlp((10, 8, 3)), (number(1, 10), number(1))),
}  # fmt: skip


@pytest.mark.parametrize("what", FINE)
def test_what_has_influence_raises_nothing(what):
    build, batch = FINE[what]
    found = judged(build(), *batch, loss_fn=mean)
    assert found.verdict in (Verdict.OK, Verdict.SKIPPED), found


def test_what_counts_in_the_loss_of_the_model_has_influence():
    found = judged(OwnLoss(), number(16, 10), number(16, 6))
    assert found.verdict is Verdict.OK, found


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_healthy_nets_hear_of_all_their_inputs(kind):
    assert run(CHECK, kind(0)).verdict in (Verdict.OK, Verdict.SKIPPED)


def test_the_message_says_what_was_tried():
    found = judged(Slice(lambda x: x[:, :-1], 9), number(16, 10), number(16), loss_fn=mean)
    assert found.message == (
        "column **9** of `x` (16, 10) **varies** between rows and has **no influence**: 7 changes leave every bit of "
        "the answer alike, in eval mode and in train mode; the gradient there is exactly 0 in every row; NaN in its "
        "place does not reach the answer"
    )
    found = judged(NeverRead(), number(16, 10), number(16, 6), number(16), loss_fn=mean)
    assert found.message.endswith("in eval mode and in train mode; the `forward` of `net` never reads it")


def test_a_branch_that_starts_at_zero_is_said():
    found = judged(Gated(), number(16, 10), number(16, 6), number(16), loss_fn=mean)
    told = "`x` and each of 10 columns have influence; `side` will have, once weights that start at 0 have moved"
    assert found.message == told
