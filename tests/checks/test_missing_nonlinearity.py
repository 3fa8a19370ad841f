"""Layers in a row: which act as one, and which only look as if they did."""

import pytest
import torch
from checks.healthy import KINDS
from torch import nn
from torch.nn import functional as F

from nbrecipe import toys
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

CHECK = all_checks()["missing-nonlinearity"]


class Net(nn.Module):
    def __init__(self, between, width=32):
        super().__init__()
        self.first, self.second, self.between = nn.Linear(20, width), nn.Linear(width, 5), between

    def forward(self, x):
        return self.second(self.between(self.first(x)))


def finding(net, **more):
    return run(CHECK, toys.classify(net, **more)).finding


AFFINE = {
    "nothing": lambda x: x,
    "scaled": lambda x: 0.5 * x + 1,
    "dropout": lambda x: F.dropout(x, 0.3, training=False),
    "another axis": lambda x: x[:, None].expand(-1, 3, -1).mean(1),
    "another shape": lambda x: x.reshape(-1, 32),
}


@pytest.mark.parametrize("between", AFFINE.values(), ids=AFFINE.keys())
def test_two_layers_with_nothing_that_bends_between_them_are_a_fault(between):
    found = finding(Net(between))
    assert found.verdict is Verdict.BAD, found.message
    assert "one linear layer of 20 to 5" in found.message


BENT = {
    "relu": torch.relu,
    "in place": lambda x: x.relu_(),
    "leaky": lambda x: F.leaky_relu(x, 0.9),
    "by hand": lambda x: x * (x > 0),
    "where": lambda x: torch.where(x > 0, x, 0.1 * x),
    "maxout": lambda x: x.reshape(-1, 16, 2).amax(2).repeat(1, 2),
    "squared": lambda x: x * x,
    "gate": lambda x: x * x.sigmoid(),
    "norm": lambda x: F.layer_norm(x, (32,)),
    "length": F.normalize,
    "rounded": lambda x: x + (x.round() - x).detach(),
    "residual": lambda x: x + torch.relu(x),
    "softmax": lambda x: x.softmax(1),
}


@pytest.mark.parametrize("between", BENT.values(), ids=BENT.keys())
def test_whatever_bends_the_signal_counts(between):
    found = finding(Net(between))
    assert found.verdict is Verdict.OK, found.message


class LoRA(nn.Module):
    def __init__(self):
        super().__init__()
        self.base, self.down, self.up = nn.Linear(20, 5), nn.Linear(20, 8, bias=False), nn.Linear(8, 5, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, x):
        return self.base(x) + self.up(self.down(x))


class Heads(nn.Module):
    """The embedding goes to two heads, or out of the model too."""

    def __init__(self):
        super().__init__()
        self.embed, self.a, self.b = nn.Linear(20, 32), nn.Linear(32, 5), nn.Linear(32, 5)

    def forward(self, x):
        x = self.embed(x)
        return self.a(x), self.b(x)


class Embedding(Net):
    def forward(self, x):
        x = self.first(x)
        return self.second(x), x


class Pooled(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention, self.head = nn.MultiheadAttention(5, 1, batch_first=True), nn.Linear(5, 5)

    def forward(self, x):
        x = x.reshape(-1, 4, 5)
        return self.head(self.attention(x, x, x)[0].mean(1))


class Dynamics(nn.Module):
    """One linear map, applied again and again."""

    def __init__(self):
        super().__init__()
        self.step, self.head = nn.Linear(20, 20), nn.Linear(20, 5)

    def forward(self, x):
        for _ in range(3):
            x = self.step(x)
        return self.head(torch.tanh(x))


FINE = {
    "one layer": lambda: nn.Linear(20, 5),
    "narrow": lambda: Net(nn.Identity(), 3),
    "low rank": LoRA,
    "two heads": Heads,
    "embedding that comes out too": lambda: Embedding(nn.Identity()),
    "attention": Pooled,
    "recurrent": Dynamics,
    "in parallel": lambda: nn.DataParallel(toys.mlp()),
    "scripted": lambda: torch.jit.script(toys.mlp()),
    "bottleneck": lambda: nn.Sequential(nn.Linear(20, 2), nn.Linear(2, 20), nn.ReLU(), nn.Linear(20, 5)),
}


@pytest.mark.parametrize("build", FINE.values(), ids=FINE.keys())
def test_what_has_a_reason_is_fine(build):
    found = finding(build(), loss_fn=lambda out, y: F.cross_entropy(out[0] if isinstance(out, tuple) else out, y))
    assert found.verdict is Verdict.OK, found.message


class DeepLinear(Net):
    pass


def frozen():
    net = Net(nn.Identity())
    net.second.requires_grad_(False)
    return net


def unbiased():
    return nn.Sequential(nn.Linear(20, 32, bias=False), nn.Linear(32, 5, bias=False))


class Foretold(Net):
    """What one half of a pair gives is the target of the other: as such no gradient runs through it."""

    def forward(self, x):
        one = self.first(x)
        return {"loss": (self.second(one)[:, :5] - one.detach().roll(1, 0)[:, :5]).square().mean(), "logits": x}


def foretold():
    given = toys.classify(Foretold(nn.Identity()))
    return given.replace(loss_fn=None, batch={"x": given.batch[0]}, train_loader=None)


WORTH_A_LOOK = {
    "deep linear": lambda: DeepLinear(nn.Identity()),
    "without biases": unbiased,
    "frozen": frozen,
    "batch norm": lambda: Net(nn.BatchNorm1d(32)),
}


def test_a_value_that_is_a_target_too_makes_it_a_hint():
    assert run(CHECK, foretold()).verdict is Verdict.HINT


@pytest.mark.parametrize("build", WORTH_A_LOOK.values(), ids=WORTH_A_LOOK.keys())
def test_what_may_be_meant_is_a_hint(build):
    found = finding(build())
    assert found.verdict is Verdict.HINT, found.message


CONVOLUTIONS = {
    "depthwise separable": (lambda: (nn.Conv2d(1, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 3, groups=4), nn.Conv2d(4, 8, 1))),
    "upsampling": (lambda: (nn.ConvTranspose2d(1, 8, 2, stride=2), nn.Conv2d(8, 8, 3))),
    "pooled by the largest": (lambda: (nn.Conv2d(1, 8, 3), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3))),
}


@pytest.mark.parametrize("build", CONVOLUTIONS.values(), ids=CONVOLUTIONS.keys())
def test_convolutions_that_belong_together_are_fine(build):
    net = nn.Sequential(*build(), nn.ReLU(), nn.Flatten(), nn.LazyLinear(5))
    net(torch.zeros(1, 1, 8, 8))
    assert run(CHECK, toys.images(net)).verdict is Verdict.OK


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_healthy_nets_have_something_between_their_layers(kind):
    assert run(CHECK, kind(0)).verdict is Verdict.OK
