"""Weights out of reach of `parameters()`: forgotten ones, and those that people keep out on purpose."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from nbrecipe import toys
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run
from tests.checks.healthy import KINDS

CHECK = all_checks()["unregistered-module"]


class Net(nn.Module):
    """A registered head on a body that `hold` puts somewhere and `apply` asks."""

    def __init__(self, hold, ask):
        super().__init__()
        self.ask, self.head = ask, nn.Linear(16, 5)
        hold(self)

    def forward(self, x):
        return self.head(self.ask(self, x))


def linear(before=20, after=16):
    return nn.Linear(before, after)


def setting(value):
    return lambda net: setattr(net, "kept", value)


def through(layers):
    def ask(_, x):
        for layer in layers:
            x = layer(x).relu()
        return x

    return ask


def listed(box, layers):
    return Net(setting(box(layers)), through(layers))


def two():
    return [linear(), linear(16, 16)]


class Plain:
    """A class whose author forgot nn.Module."""

    def __init__(self):
        self.one, self.two = two()

    def __call__(self, x):
        return self.two(self.one(x).relu()).relu()


def forgotten_base():
    plain = Plain()
    return Net(setting(plain), lambda net, x: net.kept(x))


def parameters_in_a_list():
    kept = [nn.Parameter(0.1 * torch.randn(20, 16)), nn.Parameter(torch.zeros(16))]
    return Net(setting(kept), lambda net, x: x @ net.kept[0] + net.kept[1])


def nested():
    layers = two()
    return Net(setting({"all": [{"x": layers[0]}, (layers[1],)]}), through(layers))


class Categories(nn.Module):
    """A table for each of two columns, in a list."""

    def __init__(self, std=None):
        super().__init__()
        self.kept, self.head = [nn.Embedding(20, 8, padding_idx=0), nn.Embedding(12, 8)], nn.Linear(16, 5)
        if std is not None:
            for table in self.kept:
                nn.init.normal_(table.weight, std=std)

    def forward(self, x):
        ids = x.abs().long().clamp(max=11)
        return self.head(torch.cat([table(ids[:, i]) for i, table in enumerate(self.kept)], 1))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.kept, self.head = [nn.GRU(4, 16, batch_first=True), nn.GRU(16, 16, batch_first=True)], nn.Linear(16, 5)

    def forward(self, x):
        x = x.unflatten(1, (5, 4))
        for layer in self.kept:
            x = layer(x)[0]
        return self.head(x[:, -1])


@pytest.mark.parametrize(
    "make",
    [
        Categories,
        Recurrent,
        lambda: listed(list, two()),
        lambda: listed(tuple, two()),
        lambda: listed(lambda layers: dict(enumerate(layers)), two()),
        lambda: listed(set, two()),
        forgotten_base,
        parameters_in_a_list,
        nested,
    ],
)
def test_a_forgotten_weight_is_a_fault(make):
    result = run(CHECK, toys.classify(make()))
    assert result.verdict is Verdict.BAD, result.finding.message
    assert "net.kept" in result.finding.message


def test_the_line_mends_it():
    given = toys.classify(listed(list, two()))
    exec(run(CHECK, given).finding.code, {"net": given.model, "nn": nn})
    assert len(list(given.model.parameters())) == 6
    assert run(CHECK, given.replace()).verdict is Verdict.OK


def trained_by_hand():
    net = listed(list, two())
    every = [*net.parameters(), *(p for layer in net.kept for p in layer.parameters())]
    return toys.classify(net, optimizer=torch.optim.Adam(every))


def trained_by_a_second_optimizer():
    net = listed(list, two())
    net.second = torch.optim.Adam([p for layer in net.kept for p in layer.parameters()])
    return toys.classify(net)


def no_optimizer():
    return toys.classify(listed(list, two()), optimizer=None)


def no_batch():
    return toys.classify(listed(list, two()), batch=None, train_loader=None)


def perceptual_net_in_a_list():
    return toys.classify(listed(list, [linear()]))


def pretrained_layers():
    layers = two()
    for layer in layers:
        nn.init.normal_(layer.weight, std=0.3)
    return toys.classify(listed(list, layers))


def pretrained_tables():
    return toys.classify(Categories(std=0.4))


def random_features():
    layers = two()
    return toys.classify(Net(lambda net: setattr(net, "random_layers", layers), through(layers)))


def perturbation():
    delta = torch.zeros(20, requires_grad=True)
    return toys.classify(Net(setting(delta), lambda net, x: (x + net.kept)[:, :16]))


class OwnLoss(nn.Module):
    """Hidden layers judge the answer, and do not make it: they weigh the loss alone."""

    def __init__(self):
        super().__init__()
        self.body, self.slices = toys.mlp((20, 16)), two()

    def forward(self, x):
        logits = self.body(x)
        return {"logits": logits[:, :5], "loss": F.mse_loss(self.slices[1](logits), torch.zeros(len(x), 16))}


def own_loss():
    given = toys.classify(OwnLoss())
    return given.replace(loss_fn=None, batch=given.batch[0])


@pytest.mark.parametrize(
    "make",
    [
        trained_by_hand, trained_by_a_second_optimizer, no_optimizer, no_batch, perceptual_net_in_a_list,
        pretrained_layers, pretrained_tables, random_features, perturbation, own_loss,
    ],
)  # fmt: skip
def test_what_may_be_meant_is_a_hint(make):
    result = run(CHECK, make())
    assert result.verdict is Verdict.HINT, result.finding.message


def frozen_in_a_list():
    layers = [layer.requires_grad_(False) for layer in two()]
    return Net(setting(layers), through(layers))


def detached_teacher():
    return Net(setting(SimpleNamespace(net=toys.mlp((20, 16)))), lambda net, x: x[:, :16] + net.kept.net(x).detach())


def never_asked():
    return Net(setting(two()), lambda net, x: x[:, :16])


def registered_twice():
    def hold(net):
        net.layers = nn.ModuleList(two())
        net.kept = {"first": net.layers[0], "rest": list(net.layers)[1:]}

    return Net(hold, lambda net, x: net.layers[1](net.layers[0](x)))


def points_back():
    def hold(net):
        net.body = linear()
        net.kept = [net]
        object.__setattr__(net.body, "parent", net)

    return Net(hold, lambda net, x: net.body(x))


def cached_answer():
    def hold(net):
        net.body = linear()
        net.kept = [net.body(torch.ones(1, 20))]
        net.last = net.body(torch.ones(1, 20))

    return Net(hold, lambda net, x: net.body(x))


def normed(norm):
    def hold(net):
        net.body = norm(linear())

    return Net(hold, lambda net, x: net.body(x))


def config_with_an_activation():
    def hold(net):
        net.body, net.kept = linear(), SimpleNamespace(act=nn.ReLU(), scale=torch.ones(3))

    return Net(hold, lambda net, x: net.kept.act(net.body(x)))


def parameter_list():
    def hold(net):
        net.kept = nn.ParameterList([torch.randn(20, 16)])

    return Net(hold, lambda net, x: x @ net.kept[0])


@pytest.mark.parametrize(
    "make",
    [
        frozen_in_a_list, detached_teacher, never_asked, registered_twice, points_back, cached_answer, parameter_list,
        config_with_an_activation, lambda: normed(nn.utils.weight_norm), lambda: normed(nn.utils.spectral_norm),
        lambda: normed(parametrizations.weight_norm), lambda: normed(parametrizations.spectral_norm),
        lambda: normed(torch.jit.script), lambda: nn.DataParallel(toys.mlp()), lambda: torch.jit.script(toys.mlp()),
        lambda: torch.compile(toys.mlp()),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_what_is_kept_out_on_purpose_is_no_fault(make):
    result = run(CHECK, toys.classify(make()))
    assert result.verdict is Verdict.OK, result.finding.message


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_registered_weights_are_no_fault(kind):
    assert run(CHECK, kind(0)).verdict is Verdict.OK


def test_a_graph_that_the_user_holds_can_still_run_backward():
    given = next(example for example in CHECK.broken if example.__name__ == "product_of_a_parameter")()
    squared = given.model.weight.square().sum()
    run(CHECK, given)
    squared.backward()
