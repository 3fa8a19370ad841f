"""Tensors in plain attributes: tables that forward uses, and the many that look alike and are in order."""

from __future__ import annotations

import healthy
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

from nbrecipe import toys
from nbrecipe.checks.model.unregistered_buffer import check
from nbrecipe.finding import Verdict
from nbrecipe.runner import run


class Kept(nn.Module):
    """A net that keeps something, and uses it in a way of its own."""

    def __init__(self, keep, use):
        super().__init__()
        self.body, self.use = toys.mlp(), use
        keep(self)

    def forward(self, x):
        return self.body(self.use(self, x))


class Lazy(nn.Module):
    """A table made at the first call, for the length that it has."""

    def __init__(self):
        super().__init__()
        self.body, self.table = toys.mlp(), torch.zeros(1)

    def forward(self, x):
        if len(self.table) != x.shape[1]:
            self.table = torch.zeros(x.shape[1])
        return self.body(x + self.table)


TABLE = torch.linspace(0, 1, 20)


def attribute(net):
    net.table = TABLE.clone()


def registered(net):
    net.register_buffer("table", TABLE.clone())


def pruned():
    net = toys.mlp()
    prune.l1_unstructured(net[0], "weight", 0.5)
    return net


def teacher():
    net = toys.mlp()
    net.shadow = [p.detach().clone() for p in net.parameters()]
    return net


def alias():
    net = Kept(registered, lambda net, x: x + net.other)
    net.other = net.table
    return net


BROKEN = {
    "attribute": lambda: Kept(attribute, lambda net, x: x + net.table),
    "inside an expression": lambda: Kept(attribute, lambda net, x: torch.where(net.table > 0.5, x, 0 * x)),
    "a list": lambda: Kept(lambda net: setattr(net, "tables", [TABLE.clone()]), lambda net, x: x + net.tables[0]),
    "a dict": lambda: Kept(
        lambda net: setattr(net, "tables", {"a": TABLE.clone()}), lambda net, x: x + net.tables["a"]
    ),
    "indices": lambda: Kept(lambda net: setattr(net, "order", torch.arange(20)), lambda net, x: x[:, net.order]),
}
RIGHT = {
    "a buffer": lambda: Kept(registered, lambda net, x: x + net.table),
    "a parameter": lambda: Kept(lambda net: setattr(net, "table", nn.Parameter(TABLE)), lambda net, x: x + net.table),
    "not used": lambda: Kept(attribute, lambda net, x: x),
    "only its shape": lambda: Kept(attribute, lambda net, x: x.reshape(-1, net.table.shape[0])),
    "moved first": lambda: Kept(attribute, lambda net, x: x + net.table.to(x.device)),
    "cast first": lambda: Kept(attribute, lambda net, x: x + net.table.type_as(x)),
    "a number": lambda: Kept(lambda net: setattr(net, "scale", torch.tensor(2.0)), lambda net, x: x * net.scale),
    "a cache": Lazy, "pruned": pruned, "shadow of an average": teacher, "another name of a buffer": alias,
    "weight norm": lambda: nn.Sequential(parametrizations.weight_norm(nn.Linear(20, 8)), nn.Linear(8, 5)),
    "spectral norm": lambda: nn.Sequential(nn.utils.spectral_norm(nn.Linear(20, 8)), nn.Linear(8, 5)),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_table_that_forward_uses_is_found(name):
    finding = run(check, toys.classify(BROKEN[name]())).finding
    assert finding.verdict is Verdict.HINT
    assert "is used by forward, and is neither parameter nor buffer" in finding.message
    assert finding.where == "`net`"


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.filterwarnings("ignore")
def test_what_looks_alike_raises_no_alarm(name):
    finding = run(check, toys.classify(RIGHT[name]())).finding
    assert finding.verdict is Verdict.OK, finding.message


@pytest.mark.parametrize("make", [healthy.lstm_over_tokens, healthy.transformer, healthy.tied_language_model])
def test_layers_of_torch_keep_nothing_unregistered(make):
    assert run(check, make(0)).verdict is Verdict.OK
