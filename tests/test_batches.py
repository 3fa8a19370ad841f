"""Batches as people have them: how each is split, fed, cut, moved and counted."""

from collections import UserDict, namedtuple
from dataclasses import dataclass

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from nbrecipe import batches
from nbrecipe.batches import BadInput

X, Y, Z = torch.randn(6, 4), torch.arange(6) % 3, torch.ones(6, 2)


class Takes1(nn.Module):
    def forward(self, x):
        return x


class Takes2(nn.Module):
    def forward(self, x, extra):
        return x


class ByName(nn.Module):
    def forward(self, input_ids, attention_mask=None, labels=None):
        return input_ids


class Anything(nn.Module):
    def forward(self, **parts):
        return parts


class Whole(nn.Module):
    def forward(self, batch):
        return batch["x"] + batch["z"].sum()


@dataclass
class Row:
    x: torch.Tensor
    target: torch.Tensor


Pair = namedtuple("Pair", ["x", "y"])
ENCODED = {"input_ids": X, "attention_mask": Z, "labels": Y}


def fed(net, batch, loss_fn=F.cross_entropy):
    found = batches.feed(net, batch, loss_fn)
    return found.args, found.kwargs, found.target


def is_same(found, args, kwargs, target):
    assert [id(a) for a in found[0]] == [id(a) for a in args]
    assert {k: id(v) for k, v in found[1].items()} == {k: id(v) for k, v in kwargs.items()}
    assert found[2] is target


@pytest.mark.parametrize(
    ("net", "batch", "args", "kwargs", "target"),
    [
        (Takes1(), X, (X,), {}, X),
        (Takes1(), [X], (X,), {}, X),
        (Takes1(), (X, Y), (X,), {}, Y),
        (Takes1(), [X, Y], (X,), {}, Y),
        (Takes1(), Pair(X, Y), (), {"x": X}, Y),
        (Takes1(), Row(X, Y), (), {"x": X}, Y),
        (Takes1(), {"x": X, "y": Y}, (), {"x": X}, Y),
        (Takes1(), {"image": X, "label": Y}, (X,), {}, Y),
        (Takes1(), {"image": X}, (X,), {}, X),
        (Takes2(), (X, Z, Y), (X, Z), {}, Y),
        (Takes2(), ((X, Z), Y), (X, Z), {}, Y),
        (Takes2(), ({"x": X, "extra": Z}, Y), (), {"x": X, "extra": Z}, Y),
        (ByName(), ENCODED, (), {"input_ids": X, "attention_mask": Z}, Y),
        (ByName(), {**ENCODED, "idx": Z}, (), {"input_ids": X, "attention_mask": Z}, Y),
        (ByName(), UserDict(ENCODED), (), {"input_ids": X, "attention_mask": Z}, Y),
        (Anything(), {"a": X, "b": Z, "y": Y}, (), {"a": X, "b": Z}, Y),
    ],
)
def test_inputs_and_target_are_split_as_the_model_takes_them(net, batch, args, kwargs, target):
    is_same(fed(net, batch), args, kwargs, target)


def test_a_model_of_one_argument_may_take_several_inputs_as_one():
    (inputs,), _, target = fed(Takes1(), (X, Z, Y))
    assert inputs[0] is X
    assert inputs[1] is Z
    assert target is Y


def test_a_model_may_take_the_whole_dict():
    batch = {"x": X, "z": Z, "y": Y}
    found = batches.feed(Whole(), batch, F.cross_entropy)
    assert found.args == (batch,)
    assert found.target is Y


@pytest.mark.parametrize(
    ("net", "batch", "args", "kwargs"),
    [
        (ByName(), ENCODED, (), ENCODED),
        (Takes2(), (X, Y), (X, Y), {}),
        (Takes1(), (X, Y), (X,), {}),
        (Takes1(), X, (X,), {}),
    ],
)
def test_without_a_loss_the_model_is_given_everything_it_takes(net, batch, args, kwargs):
    found = fed(net, batch, None)
    assert [id(a) for a in found[0]] == [id(a) for a in args]
    assert {k: id(v) for k, v in found[1].items()} == {k: id(v) for k, v in kwargs.items()}


@pytest.mark.parametrize(("batch", "kind"), [("text", "str"), (3, "int"), ((), "tuple"), (None, "NoneType")])
def test_other_batches_are_refused(batch, kind):
    sentence = f"a batch of type {kind} cannot be fed; give a tensor, a tuple \\(inputs, target\\) or a dict"
    with pytest.raises(BadInput, match=f"^{sentence}$"):
        batches.feed(Takes1(), batch, F.cross_entropy)


def test_a_batch_without_examples_is_refused():
    with pytest.raises(BadInput, match=r"^the batch is empty: no tensor in it holds an example$"):
        batches.feed(Takes1(), (X[:0], Y[:0]), F.cross_entropy)


def test_a_batch_is_moved_with_the_structure_it_has():
    moved = batches.move((X, {"y": Y, "name": "a"}), torch.device("meta"))
    assert moved[0].device.type == moved[1]["y"].device.type == "meta"
    assert moved[1]["name"] == "a"


def test_a_batch_goes_to_the_models_device(monkeypatch):
    net = nn.Linear(4, 3)
    assert batches.feed(net, (X, Y), F.cross_entropy).args[0] is X
    monkeypatch.setattr(batches.feeding, "_device", lambda model: torch.device("meta"))
    found = batches.feed(net, (X, Y), F.cross_entropy)
    assert [t.device.type for t in (*found.args, found.target, *found.batch)] == ["meta"] * 4


@pytest.mark.parametrize(
    "batch",
    [
        X, [X], (X, Y), {"x": X, "y": Y}, Row(X, Y), Pair(X, Y), UserDict(x=X, y=Y), ((X, Z), Y),
        (X, {"a": Y, "b": Z}),
        (X, list("abcdef")),
        ([torch.ones(3, i + 2) for i in range(6)], [{"boxes": torch.ones(i, 4)} for i in range(6)]),
        (torch.ones(2, 6, 4), Y),
    ],
)  # fmt: skip
def test_examples_are_counted_and_the_first_are_taken(batch):
    assert batches.batch_size(batch) == 6
    part = batches.take(batch, 2)
    assert type(part) is type(batch)
    assert batches.batch_size(part) == 2


@pytest.mark.parametrize("size", [2, 3, 4])
def test_images_of_one_number_of_colours_are_taken_with_their_boxes(size):
    images = [torch.rand(3, 8, 9 + i) for i in range(size)]
    for batch in ((images, [{"boxes": X[:2]}] * size), {"images": images, "targets": [{"boxes": X[:2]}] * size}):
        taken = batches.take(batch, 1)
        left, right = taken.values() if isinstance(taken, dict) else taken
        assert [image.shape for image in left] == [(3, 8, 9)]
        assert len(right) == 1


def test_columns_in_a_tuple_are_cut_each():
    (one, other), y = batches.take(((X, X), Y), 2)
    assert (len(one), len(other), len(y)) == (2, 2, 2)


def test_what_all_examples_share_stays_whole():
    part = batches.take({"x": X, "edges": torch.ones(2, 40), "y": Y}, 2)
    assert part["edges"].shape == (2, 40)
    assert torch.equal(part["x"], X[:2])


def test_a_batch_without_tensors_has_no_size():
    with pytest.raises(BadInput, match=r"^a batch of type dict holds no tensor with a batch axis$"):
        batches.batch_size({"a": 1})


@dataclass
class Output:
    logits: torch.Tensor
    loss: torch.Tensor | None = None


@pytest.mark.parametrize(
    "raw", [X, (X, Z), [X], {"logits": X, "hidden": Z}, {"hidden": X}, Output(X), (torch.tensor(1.0), X)]
)
def test_the_main_output_is_found(raw):
    assert batches.output_of(raw) is X


def test_a_scalar_is_no_output():
    assert batches.output_of(torch.tensor(1.0)) is None
    assert batches.output_of("nothing") is None


LOSS = torch.tensor(2.0)


@pytest.mark.parametrize("raw", [LOSS, (X, LOSS), {"loss": LOSS, "logits": X}, Output(X, LOSS)])
def test_a_models_own_loss_is_found(raw):
    assert batches.own_loss(raw) is LOSS


def test_a_dict_of_losses_is_their_sum():
    assert batches.own_loss({"loss_box": LOSS, "loss_class": LOSS, "n": 3}).item() == 4


def test_no_loss_is_none():
    assert batches.own_loss(Output(X)) is None
    assert batches.own_loss(X) is None


def test_a_step_is_that_of_the_users_loop():
    net = nn.Linear(4, 3)
    by_itself = lambda model, batch: F.cross_entropy(model(batch[0]), batch[1])  # noqa: E731
    for loss_fn in (F.cross_entropy, nn.CrossEntropyLoss(), by_itself):
        step = batches.forward(net, batches.feed(net, (X, Y), loss_fn), loss_fn)
        assert step.loss.item() == pytest.approx(F.cross_entropy(net(X), Y).item())


@pytest.mark.parametrize("name", ["model", "net", "module", "network"])
def test_a_loss_that_takes_the_model_is_told_by_its_first_name(name):
    scope = {}
    exec(f"def loss_fn({name}, batch): return 0", scope)
    assert batches.takes_model(scope["loss_fn"])
    assert not batches.takes_model(lambda p, t: 0)
    assert not batches.takes_model(nn.CrossEntropyLoss())
