"""One set of weights under several names: repeated by a list, and shared on purpose."""

import copy

import pytest
import torch
from torch import nn

from nbrecipe import toys
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run
from tests.checks.healthy import KINDS

CHECK = all_checks()["accidental-sharing"]


class Holder(nn.Module):
    def __init__(self, **parts):
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return x


def block():
    return nn.Sequential(nn.Linear(8, 8), nn.ReLU())


def head_twice():
    head = nn.Linear(8, 2)
    return Holder(head=head, heads=nn.ModuleList([head]))


def blocks_in_two_lists():
    blocks = [block(), block()]
    return Holder(all=nn.ModuleList(blocks), last=nn.ModuleList(blocks[1:]))


def copies(count):
    layer = nn.Linear(8, 8)
    return nn.ModuleList(copy.copy(layer) for _ in range(count))


def judged(net):
    return run(CHECK, toys.classify(net)).finding


@pytest.mark.parametrize(
    ("net", "count", "where"),
    [
        (lambda: nn.Sequential(*[block()] * 6), 6, "net"),
        (lambda: Holder(blocks=nn.ModuleList([block()] * 4)), 4, "net.blocks"),
        (lambda: Holder(blocks=nn.ModuleList([block() for _ in range(2)] * 3)), 3, "net.blocks"),
        (lambda: Holder(heads=nn.ModuleDict(dict.fromkeys("abc", nn.Linear(8, 2)))), 3, "net.heads"),
        (lambda: Holder(parts=nn.ParameterList([nn.Parameter(torch.ones(3))] * 3)), 3, "net.parts"),
        (lambda: Holder(inner=Holder(blocks=copies(3))), 3, "net.inner.blocks"),
    ],
)  # fmt: skip
def test_a_repeated_module_is_a_hint(net, count, where):
    finding = judged(net())
    assert finding.verdict is Verdict.HINT, finding.message
    assert (finding.seen["shared"], finding.where) == (count, where)


def test_the_line_gives_each_entry_weights_of_its_own():
    net = Holder(blocks=nn.ModuleList([block()] * 4))
    exec(judged(net).code, {"net": net, "nn": nn, "copy": copy})
    assert judged(net).verdict is Verdict.OK
    assert len(net.blocks) == 4


def declared(pattern):
    net = Holder(class_embed=nn.ModuleList([nn.Linear(8, 2)] * 3))
    net._tied_weights_keys = [pattern]
    return net


def siamese():
    body = block()
    return Holder(left=body, right=body)


def tied_by_parameter():
    first, last = nn.Linear(8, 8), nn.Linear(8, 8)
    last.weight = first.weight
    return nn.Sequential(first, nn.ReLU(), last)


ALONE = {
    "two names for one encoder": siamese,
    "one weight, two biases": tied_by_parameter,
    "tied as declared": lambda: declared(r"class_embed\.[1-9]\d*"),
    "tied as declared, all of them": lambda: declared("class_embed."),
    "tables": lambda: Holder(tables=nn.ModuleList([nn.Embedding(9, 4)] * 2)),
    "frozen": lambda: Holder(blocks=nn.ModuleList([block().requires_grad_(False)] * 3)),
    "no weights": lambda: nn.Sequential(*[nn.ReLU()] * 3, *[nn.Dropout()] * 2, *[nn.Identity()] * 2),
    "norms without weights": lambda: nn.Sequential(*[nn.LayerNorm(8, elementwise_affine=False)] * 3),
    "cells of a recurrent layer": lambda: Holder(cell=nn.LSTMCell(4, 4), rnn=nn.LSTM(4, 4, 3)),
    "clones": lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 3, enable_nested_tensor=False),
    "a head that is an entry too": head_twice,
    "blocks in two lists": blocks_in_two_lists,
    "compiled": lambda: torch.compile(nn.Sequential(block(), block())),
    "wrapped": lambda: nn.DataParallel(nn.Sequential(block(), block())),
    "scripted": lambda: torch.jit.script(nn.Sequential(block(), block())),
    "an empty entry": lambda: Holder(blocks=nn.ModuleList([nn.Sequential(), nn.Sequential(), block()])),
    "lazy": lambda: nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(8)),
}  # fmt: skip


@pytest.mark.parametrize("kind", ALONE)
@pytest.mark.filterwarnings("ignore")
def test_what_shares_nothing_or_says_so_is_ok(kind):
    finding = CHECK.judge({"model": (net := ALONE[kind]()), "bench": toys.Bench(model=net)})
    assert finding.verdict is Verdict.OK, finding.message


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_healthy_nets_are_ok(kind):
    assert run(CHECK, kind(0)).verdict is Verdict.OK
