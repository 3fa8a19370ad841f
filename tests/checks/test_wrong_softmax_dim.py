"""A softmax over a wrong axis, planted in many ways, and nets of many kinds whose softmax is right."""

from __future__ import annotations

import pytest
import torch
from healthy import KINDS
from torch import nn
from torch.nn import functional as F

from nbrecipe import toys
from nbrecipe.finding import Verdict
from nbrecipe.registry import get_check
from nbrecipe.runner import run

CHECK = get_check("wrong-softmax-dim")


class Net(nn.Module):
    """A net whose `forward` is this function of it and the input, with these modules."""

    def __init__(self, forward, **parts):
        super().__init__()
        self._forward = forward
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, *args, **kwargs):
        return self._forward(self, *args, **kwargs)


def vectors(rows=24, width=10):
    return torch.randn(rows, width, generator=toys.seeded(1))


def series(rows=20, length=9, width=8):
    return torch.randn(rows, length, width, generator=toys.seeded(1))


def pictures(rows=12):
    return torch.randn(rows, 3, 8, 7, generator=toys.seeded(1))


def ids(rows=20, length=9):
    return torch.randint(30, (rows, length), generator=toys.seeded(1))


def classes_of(x):
    return torch.randint(3, (len(x),), generator=toys.seeded())


def judged(net, x, y=None, loss_fn=None, **more):
    y = classes_of(x) if y is None else y
    given = toys.bench(net, x, y, loss_fn or nn.CrossEntropyLoss(), size=len(x)).replace(**more)
    return run(CHECK, given).finding


def planted(build, rows, more):
    """What is found of a case: how its net is built, how its rows are made, and what else the bench holds."""
    torch.manual_seed(3)
    return judged(build(), rows(), **more)


def linear(*sizes):
    return nn.Linear(*sizes)


def pooled(weights):
    """Steps summed with the weights that this makes of scores (N, T, 1)."""
    return lambda: Net(
        lambda s, x: s.head((weights(s.score(x)) * x).sum(1)), score=linear(8, 1), head=linear(8, 3)
    )  # fmt: skip


def attention(softmax, product=torch.matmul, heads=2):
    """Self-attention by hand over (N, T, 8)."""

    def forward(s, x):
        n, t, d = x.shape
        q, k, v = (part(x).view(n, t, heads, -1).transpose(1, 2) for part in (s.q, s.k, s.v))
        weights = softmax(q @ k.transpose(-2, -1) / 2)
        return s.head(product(weights, v).transpose(1, 2).reshape(n, t, d).mean(1))

    return lambda: Net(forward, q=linear(8, 8), k=linear(8, 8), v=linear(8, 8), head=linear(8, 3))


def tokens(dim):
    return lambda: Net(
        lambda s, x: F.log_softmax(s.head(s.table(x)), dim), table=nn.Embedding(30, 8), head=linear(8, 30)
    )


def sequence_loss(out, y):
    return F.nll_loss(out.reshape(-1, out.shape[-1]), y.reshape(-1))


def by_class(out, y):
    return F.nll_loss(out.transpose(1, 2), y)


FAULTS = {
    "softmax module over rows": (lambda: nn.Sequential(linear(10, 3), nn.Softmax(dim=0)), vectors, {}),
    "log_softmax over rows, then NLL": (
        lambda: nn.Sequential(linear(10, 3), nn.LogSoftmax(dim=0)), vectors, {"loss_fn": nn.NLLLoss()}
    ),
    "NLL by hand": (
        lambda: nn.Sequential(linear(10, 3), nn.LogSoftmax(dim=0)), vectors,
        {"loss_fn": lambda out, y: -out[torch.arange(len(y)), y].mean()},
    ),
    "log_softmax over rows, in the loss": (
        lambda: linear(10, 3), vectors, {"loss_fn": lambda out, y: F.nll_loss(F.log_softmax(out, 0), y)}
    ),
    "scores of steps over rows": (pooled(lambda w: F.softmax(w, dim=0)), series, {}),
    "scores of steps over rows, squeezed": (pooled(lambda w: w.squeeze(2).softmax(0)[..., None]), series, {}),
    "no axis given for three": (pooled(lambda w: F.softmax(w)), series, {}),
    "softmin over rows": (lambda: nn.Sequential(linear(10, 8), nn.Softmin(dim=0), linear(8, 3)), vectors, {}),
    "a gate over rows": (
        lambda: Net(lambda s, x: s.head(x * s.gate(x).softmax(0)), gate=linear(10, 10), head=linear(10, 3)), vectors, {}
    ),
    "a batch of four": (pooled(lambda w: w.softmax(0)), lambda: series(4, 9), {}),
    "as many rows as numbers": (
        lambda: Net(lambda s, x: s.head(x * s.gate(x).softmax(0)), gate=linear(10, 10), head=linear(10, 3)),
        lambda: vectors(10, 10), {},
    ),
    "time first, over the rows": (
        lambda: Net(
            lambda s, x: s.rnn(x.transpose(0, 1))[0].log_softmax(1), rnn=nn.GRU(8, 5)
        ),
        series, {"loss_fn": lambda out, y: -out[-1, :, 0].mean()},
    ),
    "CTC over rows": (
        lambda: Net(lambda s, x: s.head(x).transpose(0, 1).log_softmax(1), head=linear(8, 5)), series,
        {
            "y": torch.ones(20, 2).long(),
            "loss_fn": lambda out, y: F.ctc_loss(out, y, torch.full((20,), 9), torch.full((20,), 2)),
        },
    ),
    "pixels over height": (
        lambda: Net(lambda s, x: s.body(x).log_softmax(2), body=nn.Conv2d(3, 4, 3, padding=1)), pictures,
        {"y": torch.zeros(12, 8, 7).long(), "loss_fn": nn.NLLLoss()},
    ),
    "pixels over width, into cross-entropy": (
        lambda: Net(lambda s, x: s.body(x).softmax(-1), body=nn.Conv2d(3, 4, 3, padding=1)), pictures,
        {"y": torch.zeros(12, 8, 7).long()},
    ),
    "tokens over time": (tokens(1), ids, {"y": ids(), "loss_fn": sequence_loss}),
    "tokens over time, turned": (tokens(1), ids, {"y": ids(), "loss_fn": by_class}),
    "distilled over rows": (
        lambda: linear(10, 3), vectors,
        {
            "y": torch.rand(24, 3, generator=toys.seeded()).softmax(1),
            "loss_fn": lambda out, y: F.kl_div(F.log_softmax(out, 0), y, reduction="batchmean"),
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", FAULTS)
def test_a_wrong_axis_is_found(what):
    found = planted(*FAULTS[what])
    assert found.verdict is Verdict.BAD, found


class ExpertChoice(nn.Module):
    """Each expert takes the rows that want it most."""

    def __init__(self):
        super().__init__()
        self.router = linear(10, 4)
        self.experts = nn.ModuleList(linear(10, 3) for _ in range(4))

    def forward(self, x):
        shares = self.router(x).softmax(dim=0)
        return sum(shares[:, i : i + 1] * expert(x) for i, expert in enumerate(self.experts))


def in_place(s, x):
    weights = s.gate(x).softmax(0)
    weights.mul_(2)  # has no backward pass
    return s.head(x * weights)


LOOKED_AT = {
    "one size of batch": (
        lambda: Net(lambda s, x: s.head(x.view(24, 5) * s.gate(x).softmax(0)), gate=linear(5, 5), head=linear(5, 3)),
        lambda: vectors(24, 5), {},
    ),
    "for inference alone": (lambda: Net(in_place, gate=linear(10, 10), head=linear(10, 3)), vectors, {}),
    "experts that choose rows": (ExpertChoice, vectors, {}),
    "a list of rows to be ranked": (
        lambda: Net(lambda s, x: s.head(x).squeeze(1).log_softmax(0), head=linear(10, 1)), vectors,
        {"y": torch.rand(24).softmax(0), "loss_fn": lambda out, y: -(out * y).sum()},
    ),
    "queries that look at the whole set": (
        lambda: Net(
            lambda s, x: s.head(x + s.back(x).softmax(1) @ (s.queries(x).T.softmax(-1) @ x)),
            queries=linear(10, 4), back=linear(10, 4), head=linear(10, 3),
        ),
        vectors, {},
    ),
    "attention over queries": (attention(lambda w: w.softmax(-2)), series, {}),
    "attention over heads": (attention(lambda w: w.softmax(1)), series, {}),
    "attention over queries, by einsum": (
        attention(lambda w: F.dropout(w.softmax(-2), 0.1, False), lambda w, v: torch.einsum("bhqk,bhkd->bhqd", w, v)),
        series, {},
    ),
    "one number": (pooled(lambda w: w.softmax(-1)), series, {}),
    "a square of distributions over rows, by hand": (
        lambda: Net(lambda s, x: s.body(x) @ s.body(x).T, body=linear(10, 8)), vectors,
        {"loss_fn": lambda out, y: F.nll_loss(out.log_softmax(0), torch.arange(len(out)))},
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", LOOKED_AT)
def test_what_may_be_meant_is_a_hint(what):
    found = planted(*LOOKED_AT[what])
    assert found.verdict is Verdict.HINT, found


class Slots(nn.Module):
    """Slots compete for the steps, then take their mean."""

    def __init__(self):
        super().__init__()
        self.slots, self.key, self.value = nn.Parameter(torch.randn(4, 8)), linear(8, 8), linear(8, 8)
        self.head = linear(8, 3)

    def forward(self, x):
        shares = (self.slots @ self.key(x).transpose(1, 2)).softmax(dim=1) + 1e-8
        shares = shares / shares.sum(-1, keepdim=True)
        return self.head((shares @ self.value(x)).mean(1))


class Efficient(nn.Module):
    """Attention whose cost is linear: queries over their width, keys over time."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v, self.head = (linear(8, 8) for _ in range(4))
        self.head = linear(8, 3)

    def forward(self, x):
        context = self.k(x).softmax(dim=1).transpose(1, 2) @ self.v(x)
        return self.head((self.q(x).softmax(dim=-1) @ context).mean(1))


class Experts(nn.Module):
    """Each row asks its experts."""

    def __init__(self, count=4):
        super().__init__()
        self.router = linear(10, count)
        self.experts = nn.ModuleList(linear(10, 3) for _ in range(count))

    def forward(self, x):
        shares = F.softmax(self.router(x), dim=-1)
        return torch.stack([expert(x) for expert in self.experts], 1).mul(shares[..., None]).sum(1)


class Contrast(nn.Module):
    """Its own loss: every row against every other, both ways."""

    def __init__(self):
        super().__init__()
        self.one, self.two = linear(10, 8), linear(10, 8)

    def forward(self, x):
        scores = F.normalize(self.one(x)) @ F.normalize(self.two(x)).T / 0.1
        ways = (scores.log_softmax(0), scores.log_softmax(1))
        return {"loss": -sum(way.diagonal().mean() for way in ways) / 2, "logits": scores}


class Bag(nn.Module):
    """The whole batch is one bag of instances."""

    def __init__(self):
        super().__init__()
        self.score, self.head = linear(10, 1), linear(10, 3)

    def forward(self, x):
        return self.head((self.score(x).softmax(0) * x).sum(0, keepdim=True))


class CoAttention(nn.Module):
    """Two sequences, each weighted by the other, along either axis of one table of scores."""

    def __init__(self):
        super().__init__()
        self.other, self.head = linear(8, 8), linear(16, 3)

    def forward(self, x):
        y = self.other(x)
        scores = x @ y.transpose(1, 2)
        mine, theirs = scores.softmax(-1) @ y, scores.softmax(1).transpose(1, 2) @ x
        return self.head(torch.cat([mine, theirs], -1).mean(1))


def mixture(s, x):
    return s.experts(x).view(len(x), 4, 3).mul(s.pi(x).softmax(1)[..., None]).sum(1)


RIGHT = {
    "over classes": (lambda: nn.Sequential(linear(10, 3), nn.Softmax(dim=1)), vectors, {}),
    "log_softmax, then NLL": (
        lambda: nn.Sequential(linear(10, 3), nn.LogSoftmax(-1)), vectors, {"loss_fn": nn.NLLLoss()}
    ),
    "scores of steps over time": (pooled(lambda w: w.softmax(dim=1)), series, {}),
    "slots": (Slots, series, {}),
    "efficient attention": (Efficient, series, {}),
    "attention by hand": (attention(lambda w: w.softmax(-1)), series, {}),
    "attention by hand, by einsum": (
        attention(lambda w: w.softmax(-1), lambda w, v: torch.einsum("...qk,...kd->...qd", w, v)), series, {}
    ),
    "attention along both axes": (CoAttention, series, {}),
    "attention of torch": (
        lambda: Net(
            lambda s, x: s.head(s.mix(x)[:, 0]), mix=nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
            head=linear(8, 3),
        ),
        series, {},
    ),
    "attention as in torch, rows on the second axis": (
        lambda: Net(
            lambda s, x: s.head(s.mix(x.transpose(0, 1)).mean(0).softmax(-1)), mix=nn.TransformerEncoderLayer(8, 2, 16),
            head=linear(8, 3),
        ),
        series, {},
    ),
    "experts": (Experts, vectors, {}),
    "one expert": (lambda: Experts(1), vectors, {}),
    "contrast both ways": (Contrast, vectors, {"loss_fn": None}),
    "a bag": (Bag, vectors, {"loss_fn": lambda out, y: F.cross_entropy(out, y[:1])}),
    "pixels": (
        lambda: Net(lambda s, x: s.body(x).log_softmax(1), body=nn.Conv2d(3, 4, 3, padding=1)), pictures,
        {"y": torch.zeros(12, 8, 7).long(), "loss_fn": nn.NLLLoss()},
    ),
    "softmax2d": (
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Softmax2d()), pictures,
        {"y": torch.zeros(12, 8, 7).long()},
    ),
    "where in the image": (
        lambda: Net(
            lambda s, x: s.head((s.body(x).flatten(2).softmax(-1) * torch.linspace(0, 1, 56)).sum(-1)),
            body=nn.Conv2d(3, 6, 3, padding=1), head=linear(6, 3),
        ),
        pictures, {},
    ),
    "CTC": (
        lambda: Net(lambda s, x: s.head(x).transpose(0, 1).log_softmax(2), head=linear(8, 5)), series,
        {
            "y": torch.ones(20, 2).long(),
            "loss_fn": lambda out, y: F.ctc_loss(out, y, torch.full((20,), 9), torch.full((20,), 2)),
        },
    ),
    "tokens": (tokens(-1), ids, {"y": ids(), "loss_fn": sequence_loss}),
    "tokens, turned": (tokens(-1), ids, {"y": ids(), "loss_fn": by_class}),
    "pointers": (
        lambda: Net(lambda s, x: (s.q(x) @ s.k(x).transpose(1, 2)).log_softmax(-1), q=linear(8, 8), k=linear(8, 8)),
        series, {"y": torch.zeros(20, 9).long(), "loss_fn": sequence_loss},
    ),
    "distilled": (
        lambda: linear(10, 3), vectors,
        {
            "y": torch.rand(24, 3, generator=toys.seeded()).softmax(1),
            "loss_fn": lambda out, y: F.kl_div(F.log_softmax(out, 1), y, reduction="batchmean"),
        },
    ),
    "as many rows as classes": (lambda: nn.Sequential(linear(10, 24), nn.Softmax(1)), vectors, {}),
    "a batch of one": (lambda: nn.Sequential(linear(10, 3), nn.LogSoftmax(1)), lambda: vectors(1), {}),
    "a hard choice": (
        lambda: Net(lambda s, x: s.head(F.gumbel_softmax(s.body(x), hard=True)), body=linear(10, 6), head=linear(6, 3)),
        vectors, {},
    ),
    "a mixture": (lambda: Net(mixture, experts=linear(10, 12), pi=linear(10, 4)), vectors, {}),
    "two tasks": (
        lambda: Net(
            lambda s, x: (s.a(x).log_softmax(1), s.b(x).log_softmax(1)), a=linear(10, 3), b=linear(10, 5)
        ),
        vectors, {"loss_fn": lambda out, y: F.nll_loss(out[0], y) + F.nll_loss(out[1], y)},
    ),
    "no gradient": (
        lambda: Net(lambda s, x: s.head(x) + s.head(x).detach().softmax(1), head=linear(10, 3)), vectors, {}
    ),
    "a scripted net": (
        lambda: torch.jit.script(nn.Sequential(linear(10, 3), nn.Softmax(dim=1))), vectors, {}
    ),
    "in half precision": (
        lambda: nn.Sequential(linear(10, 3), nn.LogSoftmax(1)).bfloat16(), lambda: vectors().bfloat16(), {}
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", RIGHT)
def test_a_right_axis_raises_nothing(what):
    found = planted(*RIGHT[what])
    assert found.verdict in (Verdict.OK, Verdict.SKIPPED), found


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_healthy_nets_raise_nothing(kind):
    assert run(CHECK, kind(0)).verdict in (Verdict.OK, Verdict.SKIPPED)


def test_the_line_is_named_and_written_anew():
    found = judged(
        Net(lambda s, x: s.head(x * s.gate(x).softmax(dim=0)), gate=linear(10, 10), head=linear(10, 3)), vectors()
    )
    assert found.where.startswith("test_wrong_softmax_dim.py:")
    assert "softmax(dim=-1)" in found.code
    assert found.message == (
        "the `softmax` in `net` runs over the **rows of the batch**: axis **0** of (24, 10); by backpropagation each "
        "output hears there of the other 23, and nowhere behind it; it should run within each row"
    )


def test_rows_that_are_declared_to_meet_raise_nothing():
    net = nn.Sequential(linear(10, 8), nn.Softmax(dim=0), linear(8, 3))
    assert judged(net, vectors()).verdict is Verdict.BAD
    assert judged(net, vectors(), declared=frozenset({"mixing"})).verdict is Verdict.OK
