"""Cuts in the graph: those that keep layers from learning, and those that are there on purpose."""

import copy

import pytest
import torch
from checks.healthy import KINDS, he, seeded_init
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from nbrecipe import toys
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

CHECK = all_checks()["detached-graph"]


class Net(nn.Module):
    def __init__(self, between=None, **parts):
        super().__init__()
        self.body, self.head, self.between = toys.mlp((20, 32, 32)), toys.mlp((32, 32, 5)), between
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.head(torch.relu(self.between(self, x)))


def finding(net, **more):
    return run(CHECK, toys.classify(net, **more)).finding


@torch.no_grad()
def decorated(net, x):
    return net.body(x)


class WholeCut(Net):
    def forward(self, x):
        return super().forward(x).data


CUT = {
    "detach": lambda net, x: net.body(x).detach(),
    "data": lambda net, x: net.body(x).data,
    "numpy": lambda net, x: torch.from_numpy(net.body(x).detach().numpy()),
    "tensor": lambda net, x: torch.tensor(net.body(x)),
    "no_grad": decorated,
    "weights": lambda net, x: F.linear(net.body[:2](x), net.body[2].weight.data, net.body[2].bias.data),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("between", CUT.values(), ids=CUT.keys())
def test_a_cut_before_fresh_layers_that_an_optimizer_holds_is_a_fault(between):
    found = finding(Net(between))
    assert found.verdict is Verdict.BAD, found.message
    assert found.where.startswith("net.body")


def test_a_cut_behind_everything_is_a_fault():
    found = finding(WholeCut(lambda net, x: net.body(x)), loss_fn=lambda out, y: F.cross_entropy(out, y))
    assert found.verdict is Verdict.BAD
    assert "8 of 8" in found.message


def trained_body(net, x):
    return net.body(x).detach()


def test_a_pretrained_body_is_cut_off_on_purpose():
    net = Net(trained_body)
    seeded_init(net.body, 3, he)
    assert finding(net).verdict is Verdict.HINT


def test_what_no_optimizer_holds_is_meant_to_stay():
    net = Net(trained_body)
    assert finding(net, optimizer=torch.optim.Adam(net.head.parameters())).verdict is Verdict.OK


def test_a_teacher_is_cut_off_on_purpose():
    student = toys.mlp((20, 32, 32))

    class Distilled(Net):
        def forward(self, x):
            with torch.no_grad():
                wanted = self.slow(x)
            return self.head(self.body(x)) + (self.body(x) - wanted).square().mean()

    for slow in (copy.deepcopy(student), toys.mlp((20, 32, 32), seed=5)):
        assert finding(Distilled(slow=slow)).verdict is Verdict.HINT


class Codebook(Net):
    """Vector quantisation: the nearest entry, straight through, and a moving average of what is near it."""

    def __init__(self, moving):
        super().__init__()
        self.codes, self.moving = nn.Embedding(16, 32), moving

    def forward(self, x):
        z = self.body(x)
        near = torch.cdist(z.detach(), self.codes.weight.detach()).argmin(1)
        if self.moving and self.training:
            self.codes.weight.data.index_add_(0, near, 0.01 * z.detach())
        q = self.codes(near).detach()
        return self.head(z + (q - z).detach())


@pytest.mark.parametrize("moving", [True, False])
def test_a_codebook_is_no_fault(moving):
    assert finding(Codebook(moving)).verdict is not Verdict.BAD


class HardRouter(Net):
    """The router picks by argmax and keeps a detached statistic: nothing that is detached would have reached it."""

    def forward(self, x):
        scores = self.router(x)
        self.seen = float(scores.detach().mean())
        return self.head(self.body(x) * F.one_hot(scores.argmax(1), 32))


def test_a_choice_that_has_no_gradient_is_a_hint():
    assert finding(HardRouter(router=nn.Linear(20, 32))).verdict is Verdict.HINT


class Truncated(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.head = nn.GRUCell(5, 16), nn.Linear(16, 5)

    def forward(self, x):
        h = x.new_zeros(len(x), 16)
        for part in x.split(5, 1):
            h = self.cell(part, h.detach())
        return self.head(h)


class Critic(Net):
    """Policy and value; the value learns from features that it does not change."""

    def forward(self, x):
        z = torch.relu(self.body(x))
        return self.head(z), self.value(z.detach())


CONNECTED = {
    "nothing cut": lambda: Net(lambda net, x: net.body(x)),
    "truncated in time": Truncated,
    "critic": lambda: Critic(value=nn.Linear(32, 1)),
    "checkpoint": lambda: Net(lambda net, x: checkpoint(net.body, x, use_reentrant=False)),
    "old checkpoint": lambda: Net(
        lambda net, x: checkpoint(net.body[2], torch.relu(net.body[0](x)), use_reentrant=True)
    ),
    "logged": lambda: Net(lambda net, x: net.body(x) + 0 * float(net.body(x).mean().item())),
    "scripted": lambda: torch.jit.script(toys.mlp()),
    "in parallel": lambda: nn.DataParallel(toys.mlp()),
    "weight norm": lambda: nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(20, 5))),
    "spectral norm": lambda: nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(20, 5))),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("build", CONNECTED.values(), ids=CONNECTED.keys())
def test_what_a_gradient_reaches_is_fine(build):
    found = finding(build(), loss_fn=lambda out, y: F.cross_entropy(out[0] if isinstance(out, tuple) else out, y))
    assert found.verdict is Verdict.OK, found.message


@pytest.mark.filterwarnings("ignore")
def test_an_old_checkpoint_right_behind_the_input_does_cut():
    found = finding(Net(lambda net, x: checkpoint(net.body, x, use_reentrant=True)))
    assert found.verdict in (Verdict.BAD, Verdict.HINT)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_healthy_nets_are_connected(kind):
    assert run(CHECK, kind(0)).verdict is Verdict.OK
