"""A model's past is read off the cells that ran: made, loaded, trained."""

from __future__ import annotations

import ast

import pytest

from nbrecipe.bench import Cell
from nbrecipe.notebook.past import loads, repeated, trained

MAKE = "net = Net()"
LOOP = "for xb, yb in dl:\n    loss = f(net(xb), yb)\n    loss.backward()\n    opt.step()"
STEP = "def step(model, batch):\n    loss(model, batch).backward()\n    opt.step()\n"
TRAIN = STEP + "def train(model):\n    for batch in dl: step(model, batch)\n"


def ran(*sources):
    return tuple(Cell(i, source) for i, source in enumerate(sources, 1))


@pytest.mark.parametrize(
    ("sources", "told"),
    [
        ((MAKE, LOOP), "`loss.backward` in cell 2"),
        ((MAKE + "\n" + LOOP,), "`loss.backward` in cell 1"),
        ((MAKE, TRAIN, "train(net)"), "`train` in cell 3"),
        ((MAKE, "class A:\n  def go(self):\n    self.loss.backward()", "A(net).go()"), "`A(net).go` in cell 3"),
        ((MAKE, "trainer.fit(net, dl)"), "`trainer.fit` in cell 2"),
        ((MAKE, "net.load_state_dict(torch.load('a.pt'))"), "`net.load_state_dict` in cell 2"),
        (("net = Net.from_pretrained('a')",), "`Net.from_pretrained` in cell 1"),
        (("net = torch.load('a.pt')",), "`torch.load` in cell 1"),
        (("net = resnet18(weights='DEFAULT')",), "`resnet18` in cell 1"),
        (("net = timm.create_model('a', pretrained=True).to(device)",), "`timm.create_model` in cell 1"),
    ],
)  # fmt: skip
def test_weights_that_are_not_fresh(sources, told):
    assert trained(ran(*sources), {"net"}) == told


@pytest.mark.parametrize(
    "sources",
    [
        (),
        (MAKE,),
        (MAKE, TRAIN),
        (TRAIN, MAKE),
        (MAKE, LOOP, MAKE),
        (LOOP + "\n" + MAKE,),
        (MAKE, "teacher.load_state_dict(weights)"),
        (MAKE, "scaler.fit(x)"),
        (MAKE, "sampler = WeightedRandomSampler(weights=w)"),
        (MAKE, "tokenizer = AutoTokenizer.from_pretrained('a')\ndata = torch.load('data.pt')"),
        ("net = resnet18(weights=None)",),
        ("net = create_model('a', pretrained=False)",),
        (MAKE, "this is no python"),
    ],
)
def test_weights_that_are_fresh(sources):
    assert trained(ran(*sources), {"net"}) == ""


def test_the_latest_load_of_weights_comes_first():
    cells = ran("net.load_state_dict(old)", "net.load_state_dict(new, strict=False)\nx.load_state_dict()")
    assert [ast.unparse(state) for _, state in loads(cells)] == ["new", "old"]


@pytest.mark.parametrize(
    ("sources", "number"),
    [
        ((MAKE, LOOP, LOOP), 2),
        ((MAKE, LOOP, "print(3)", LOOP), 2),
        ((MAKE, LOOP, LOOP, LOOP + "\n"), 3),
        ((MAKE, LOOP, MAKE, LOOP), None),
        ((MAKE + "\n" + LOOP, MAKE + "\n" + LOOP), None),
        ((MAKE, LOOP, "net.load_state_dict(start)", LOOP), None),
        ((MAKE, LOOP, "net.apply(init)", LOOP), None),
        ((MAKE, LOOP, "nn.init.zeros_(net.weight)\nnet[0].reset_parameters()", LOOP), None),
        ((MAKE, LOOP, LOOP.replace("= f(", "= g(")), None),
        ((MAKE, LOOP), None),
        ((), None),
    ],
    ids=["twice", "later", "thrice", "anew", "within", "loaded", "applied", "reset", "other", "once", "nothing"],
)
def test_a_cell_that_trains_the_same_model_once_more_is_known(sources, number):
    told = f"this cell ran before, as cell {number}, and `net` was not made anew in between: "
    told += "it goes on from the weights that were left"
    assert repeated(ran(*sources), "net") == (told if number else "")
    assert repeated(ran(*sources), "net.body") == ""
