"""Target networks that are the trained one, and those that only look like it."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run
from tests.checks.healthy import KINDS

CHECK = all_checks()["aliased-target-network"]


class Holder(nn.Module):
    def __init__(self, **parts):
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return next(self.children())(x)


def pair(made, online="online", target="target"):
    net = toys.mlp()
    return Holder(**{online: net, target: made(net)})


def loaded(net, **options):
    other = toys.mlp(seed=1)
    other.load_state_dict(net.state_dict(), **options)
    return other


def assigned(net):
    return loaded(net, assign=True)


def by_data(net):
    other = toys.mlp(seed=1)
    for mine, theirs in zip(other.parameters(), net.parameters(), strict=True):
        mine.data = theirs.data
    return other


@pytest.mark.parametrize("made", [copy.copy, assigned, by_data, lambda net: nn.Sequential(*net)])
@pytest.mark.parametrize(("online", "target"), [("q", "q_target"), ("student", "student_ema"), ("policy", "policyOld")])
def test_a_copy_of_references_is_a_fault(made, online, target):
    finding = run(CHECK, toys.classify(pair(made, online, target))).finding
    assert finding.verdict is Verdict.BAD, finding.message
    assert finding.message.startswith(f"`net.{target}` lies in the memory of `net.{online}`: they share **6** of 6")


def test_the_line_gives_the_target_weights_of_its_own():
    given = toys.classify(pair(assigned))
    exec(run(CHECK, given).finding.code, {"net": given.model, "copy": copy})
    assert run(CHECK, given).verdict is Verdict.OK


target_net = None


def bootstrapped(out, y):
    return F.cross_entropy(out, y) + 0 * target_net(torch.zeros(1, 20)).sum()


def test_a_variable_that_the_loss_uses_is_seen(monkeypatch):
    given = toys.classify(loss_fn=bootstrapped)
    monkeypatch.setitem(globals(), "target_net", given.model)
    finding = run(CHECK, given).finding
    assert (finding.verdict, finding.where) == (Verdict.BAD, "target_net")
    assert finding.code == "target_net = copy.deepcopy(net)"
    monkeypatch.setitem(globals(), "target_net", copy.deepcopy(given.model))
    assert run(CHECK, given).verdict is Verdict.OK


def loss_that_asks(teacher):
    return lambda out, y: F.cross_entropy(out, y) + 0 * teacher(torch.zeros(1, 20)).sum()


def pi_model():
    net = toys.mlp()
    return toys.classify(net, loss_that_asks(net))


def attribute_that_is_an_option():
    return toys.classify(pair(lambda net: net))


def layer_tied_by_weight():
    first, second = nn.Linear(20, 5, bias=False), nn.Linear(20, 5, bias=False)
    second.weight = first.weight
    return toys.classify(Holder(head=first, target_head=second))


def trained_by_nobody_here():
    others = toys.mlp((3, 3))
    return toys.classify(pair(copy.copy), optimizer=torch.optim.Adam(others.parameters()))


def both_frozen():
    return toys.classify(pair(copy.copy).requires_grad_(False))


@pytest.mark.parametrize(
    "make",
    [pi_model, attribute_that_is_an_option, layer_tied_by_weight, trained_by_nobody_here, both_frozen],
)
def test_what_may_be_meant_is_a_hint(make):
    finding = run(CHECK, make()).finding
    assert finding.verdict is Verdict.HINT, finding.message


def points_back():
    net = pair(copy.deepcopy)
    net.ema_owner = [net]
    return net


def shared_body():
    body = toys.mlp((20, 16))
    q = nn.Sequential(body, nn.Linear(16, 5))
    return Holder(q=q, q_target=nn.Sequential(body, nn.Linear(16, 5)))


def views_of_one_buffer():
    """Online and target weights are parts of one flat tensor, one behind the other."""
    flat = torch.randn(2, 100)
    layers = [nn.Linear(20, 5, bias=False) for _ in range(2)]
    for layer, row in zip(layers, flat, strict=True):
        layer.weight = nn.Parameter(row.view(5, 20))
    return Holder(online=layers[0], target=layers[1])


def translator():
    tables = nn.Embedding(20, 8)
    return Holder(src_embed=tables, target_embed=nn.Sequential(tables))


def two_towers():
    tower = toys.mlp()
    return Holder(query_tower=tower, target_tower=tower)


class Attribute(Holder):
    def __init__(self, target):
        super().__init__(online=toys.mlp())
        object.__setattr__(self, "target", target(self.online))


FINE = {
    "deep copy": lambda: pair(copy.deepcopy),
    "loaded": lambda: pair(loaded),
    "averaged": lambda: pair(AveragedModel, target="ema"),
    "kept out": lambda: Attribute(copy.deepcopy),
    "a path to itself": points_back,
    "shared body": shared_body,
    "views of one buffer": views_of_one_buffer,
    "embeddings of a translator": translator,
    "two towers": two_towers,
    "wrapped": lambda: nn.DataParallel(pair(copy.deepcopy)),
    "wrapped target": lambda: pair(lambda net: nn.DataParallel(copy.deepcopy(net))),
    "compiled": lambda: torch.compile(pair(copy.deepcopy)),
    "scripted": lambda: torch.jit.script(toys.mlp()),
    "lazy": lambda: Holder(online=nn.LazyLinear(5), target=nn.LazyLinear(5)),
    "without memory": lambda: pair(copy.deepcopy).to("meta"),
    "momentum of a norm": lambda: Holder(momentum=nn.BatchNorm1d(20), body=toys.mlp()),
    "siblings that are one": lambda: nn.Sequential(*[nn.Linear(20, 20)] * 3),
}


@pytest.mark.parametrize("kind", FINE)
@pytest.mark.filterwarnings("ignore")
def test_what_has_weights_of_its_own_is_ok(kind):
    result = run(CHECK, Bench(model=FINE[kind]()))
    assert result.verdict is Verdict.OK, result.finding.message


def test_an_alias_in_a_plain_attribute_is_seen():
    finding = run(CHECK, toys.classify(Attribute(copy.copy))).finding
    assert (finding.verdict, finding.where) == (Verdict.BAD, "net.target")


def test_a_loss_module_that_holds_the_model_as_its_target_is_a_hint():
    net = toys.mlp()
    loss_fn = type("Loss", (Holder,), {"forward": lambda self, out, y: F.cross_entropy(out, y)})(target=net)
    finding = run(CHECK, toys.classify(net, loss_fn)).finding
    assert (finding.verdict, finding.where) == (Verdict.HINT, "criterion.target")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_healthy_nets_are_ok(kind):
    assert run(CHECK, kind(0)).verdict is Verdict.OK
