"""Freezing a part: what it changes, what it measures on a copy, what it tells, and that it can be taken back."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import nbrecipe
from nbrecipe.batches import BadInput
from nbrecipe.pictures.freezing import Frozen, Saved, Side
from nbrecipe.render.nets.freezing import told


class Net(nn.Module):
    def __init__(self, tied=False):
        super().__init__()
        self.embed = nn.Embedding(3000, 32)
        self.body = nn.Sequential(nn.Linear(32, 32), nn.BatchNorm1d(32), nn.ReLU())
        self.head = nn.Linear(32, 3000 if tied else 5, bias=False)
        if tied:
            self.head.weight = self.embed.weight

    def forward(self, ids):
        return self.head(self.body(self.embed(ids).mean(1)))


def program(tied=False, optimizer=torch.optim.AdamW, **options):
    torch.manual_seed(0)
    net = Net(tied)
    batch = (torch.randint(3000, (16, 10)), torch.randint(5, (16,)))
    return net, {
        "batch": batch,
        "loss": nn.CrossEntropyLoss(),
        "optimizer": optimizer(net.parameters(), 1e-2, **options),
    }


def stepped(net, given):
    given["optimizer"].zero_grad()
    given["loss"](net(given["batch"][0]), given["batch"][1]).backward()
    given["optimizer"].step()


def state_of(net, given):
    return copy.deepcopy((net.state_dict(), given["optimizer"].state_dict(), torch.get_rng_state(), net.training))


def same(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


@pytest.mark.parametrize(("optimizer", "options"), [
    (torch.optim.AdamW, {"weight_decay": 0.1}), (torch.optim.SGD, {"momentum": 0.9, "weight_decay": 0.1}),
    (torch.optim.Adam, {"weight_decay": 0.1}),
])  # fmt: skip
def test_what_is_frozen_moves_no_more_and_nothing_else_is_changed(optimizer, options):
    net, given = program(optimizer=optimizer, **options)
    for _ in range(3):
        stepped(net, given)
    before = state_of(net, given)
    answer = nbrecipe.freeze(net.embed, net, budget=0.2, **given)
    assert same(before, state_of(net, given))
    assert net.embed.weight.grad is None
    assert [name for name, p in net.named_parameters() if not p.requires_grad] == ["embed.weight"]
    assert all(p.grad is not None for p in net.body[0].parameters())
    kept = net.embed.weight.clone()
    given["optimizer"].step()  # with the gradient it had, momentum and decay would move it
    stepped(net, given)
    assert torch.equal(net.embed.weight, kept)
    assert "had one left" in str(answer)


def test_without_it_a_stale_gradient_moves_what_is_frozen():
    net, given = program()
    stepped(net, given)
    net.embed.requires_grad_(False)
    kept = net.embed.weight.clone()
    given["optimizer"].step()
    assert not torch.equal(net.embed.weight, kept)


def test_memory_is_exact_and_time_is_that_of_pairs():
    net, given = program()
    answer = nbrecipe.freeze("embed", net, budget=0.3, **given)
    saved = answer.frozen.saved
    table, rest = 4 * 3000 * 32, 4 * (32 * 32 + 32 + 64 + 5 * 32)
    assert (saved.whole.gradients, saved.frozen.gradients) == (table + rest, rest)
    assert saved.whole.state - saved.frozen.state == 2 * table + 4  # two moments and a count
    assert len(saved.whole.seconds) == len(saved.frozen.seconds) == saved.rounds > 0
    assert saved.optimizer == "AdamW"
    assert "state of AdamW" in str(answer)


def pairs(before, after):
    return Saved(Side(tuple(before)), Side(tuple(after)))


def test_only_a_difference_beyond_noise_is_called_one():
    generator = torch.Generator().manual_seed(0)
    alarms = 0
    for _ in range(300):
        times = 1 + 0.1 * torch.rand(2, 40, generator=generator)
        alarms += pairs(times[0].tolist(), times[1].tolist()).measurable
    assert alarms / 300 < 0.08
    faster = pairs([1.0 + 0.01 * i for i in range(40)], [0.5 + 0.01 * i for i in range(40)])
    assert faster.measurable
    assert 0.3 < faster.share[0] < 0.5
    few = pairs([1.0] * 5, [0.5] * 5)
    assert not few.measurable
    assert told(Frozen("net", "net", saved=few)).endswith(
        "takes so long that too few were timed to say what is saved: 5 pairs were, and 6 would do"
    )


def test_batch_norms_and_tied_weights_are_told():
    net, given = program()
    told = str(nbrecipe.freeze(net.body, net, budget=0.1, **given))
    assert "The running statistics of `model.body[1]` go on moving" in " ".join(told.split())
    net, given = program(tied=True)
    told = " ".join(str(nbrecipe.freeze(net.embed, net, budget=0.1, **given)).split())
    assert "Its weights are those of `model.head.weight` too" in told


def test_eval_stops_batch_norms_until_the_next_train():
    net, given = program()
    nbrecipe.freeze(net.body, net, eval=True, budget=0.1, **given)
    assert not net.body[1].training
    assert net.training
    nbrecipe.freeze(net.body, net, undo=True, **given)
    assert net.body[1].training
    assert all(p.requires_grad for p in net.parameters())


def test_undo_takes_back_only_what_was_frozen_here():
    net, given = program()
    net.head.requires_grad_(False)
    nbrecipe.freeze(net.body, net, budget=0.1, **given)
    nbrecipe.freeze(net.body, net, undo=True, **given)
    assert [name for name, p in net.named_parameters() if not p.requires_grad] == ["head.weight"]
    with pytest.raises(BadInput, match=r"nothing of `model\.head` was frozen by %freeze"):
        nbrecipe.freeze(net.head, net, undo=True, **given)


def test_an_optimizer_that_lost_it_is_told_of_after_undo():
    net, given = program()
    nbrecipe.freeze(net.body, net, budget=0.1, **given)
    for group in given["optimizer"].param_groups:
        group["params"] = [p for p in group["params"] if p.requires_grad]
    told = str(nbrecipe.freeze(net.body, net, undo=True, **given))
    assert 'optimizer.add_param_group({"params": model.body.parameters()})' in told


def test_it_is_frozen_also_where_nothing_can_be_measured():
    net, _ = program()
    answer = nbrecipe.freeze(net.embed, net)
    assert not net.embed.weight.requires_grad
    assert "What that saves was not measured: no batch here" in " ".join(str(answer).split())
    net, given = program()
    answer = nbrecipe.freeze(net.embed, net, batch=(torch.ones(3), torch.ones(3)), loss=given["loss"])
    assert "a training step fails on this batch" in " ".join(str(answer).split())


def test_an_interrupt_while_measuring_changes_nothing(monkeypatch):
    from nbrecipe.experiments import freezing

    def interrupted(self):
        raise KeyboardInterrupt

    net, given = program()
    before = state_of(net, given)
    monkeypatch.setattr(freezing._Copy, "_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        nbrecipe.freeze(net.embed, net, **given)
    assert net.embed.weight.requires_grad
    assert same(before, state_of(net, given))


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        (lambda net: net, "with `model` frozen, nothing of `model` is left to train"),
        (lambda net: nn.Linear(2, 2), "`Linear` is no part of `model` that has weights of its own"),
        (lambda net: "bodi", "`model` has nothing at 'bodi'; name one of its modules or parameters"),
        (lambda net: 3, "a module or a parameter of `model` can be frozen, not a value of type int"),
        (lambda net: net.body[2], "`ReLU` is no part of `model` that has weights of its own"),
        (lambda net: net.head.requires_grad_(False),
         "`model.head` is frozen already; `--undo` takes back what was frozen here"),
    ],
)  # fmt: skip
def test_what_cannot_be_frozen_is_one_sentence(part, sentence):
    net, given = program()
    with pytest.raises(BadInput) as refusal:
        nbrecipe.freeze(part(net), net, **given)
    assert str(refusal.value) == sentence
