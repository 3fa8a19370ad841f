"""Nets that are frozen by mistake, for a while, or in all but what is meant to be trained."""

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from nbrecipe import toys
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run
from tests.checks.healthy import KINDS

CHECK = all_checks()["frozen-network"]


def frozen(net=None):
    return (net or toys.mlp()).requires_grad_(False)


def judged(given):
    return run(CHECK, given).finding


def test_an_optimizer_of_frozen_parameters_is_a_fault():
    given = toys.classify(frozen())
    finding = judged(given)
    assert finding.verdict is Verdict.BAD
    assert finding.message == (
        "**none** of the 6 parameters of `net` is trainable, and `opt` holds nothing else: its steps change nothing"
    )
    exec(finding.code, {"net": given.model})
    assert judged(given.replace()).message == "2 of 6 parameters of `net` are trainable"


def discriminator_between_its_steps():
    """It is frozen while the generator trains; its optimizer has a state from its own steps."""
    given = toys.trained(toys.classify())
    net, loss_fn, opt = toys.parts(given)
    loss_fn(net(given.batch[0]), given.batch[1]).backward()
    opt.step()
    opt.zero_grad()
    frozen(net)
    return given


def discriminator_with_gradients():
    given = toys.classify(optimizer=None)
    given.loss_fn(given.model(given.batch[0]), given.batch[1]).backward()
    frozen(given.model)
    return given.replace(optimizer=torch.optim.SGD(given.model.parameters(), 0.1))


def no_optimizer():
    return toys.classify(frozen(), optimizer=None)


def only_norms_of_another_library():
    class OwnRMSNorm(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(20))

        def forward(self, x):
            return x * self.weight

    return toys.classify(nn.Sequential(OwnRMSNorm(), *frozen()))


def only_biases():
    net = frozen()
    for layer in (net[0], net[2], net[4]):
        layer.bias.requires_grad_(True)
    return toys.classify(net)


@pytest.mark.parametrize(
    "make",
    [
        discriminator_between_its_steps, discriminator_with_gradients, no_optimizer, only_norms_of_another_library,
        only_biases,
    ],
)  # fmt: skip
def test_what_may_be_meant_is_a_hint(make):
    finding = judged(make())
    assert finding.verdict is Verdict.HINT, finding.message


class Prompted(nn.Module):
    """Trained vectors in front of a frozen net."""

    def __init__(self):
        super().__init__()
        self.prompt, self.body = nn.Parameter(torch.zeros(1, 20)), frozen()

    def forward(self, x):
        return self.body(x + self.prompt)


class Scaled(nn.Module):
    """A trained scale of frozen features, as IA3."""

    def __init__(self):
        super().__init__()
        self.scale, self.body, self.head = nn.Parameter(torch.ones(32)), frozen(nn.Linear(20, 32)), nn.Linear(32, 5)
        self.head.requires_grad_(False)

    def forward(self, x):
        return self.head(self.scale * self.body(x))


def backbone_in_eval_without_gradients():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = frozen(toys.mlp((20, 16))).eval(), nn.Linear(16, 5)

        def forward(self, x):
            with torch.no_grad():
                x = self.body(x)
            return self.head(x)

    return toys.classify(Net())


def frozen_embedding():
    given = toys.next_token()
    given.model.tokens.weight.requires_grad_(False)
    return given


def gradual_unfreezing():
    net = frozen()
    net[2].requires_grad_(True)
    net[4].requires_grad_(True)
    return toys.classify(net)


def teacher_and_student():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.student, self.teacher = toys.mlp(), frozen(toys.mlp(seed=1))

        def forward(self, x):
            return self.student(x) + self.teacher(x).detach()

    return toys.classify(Net())


def generator_behind_which_others_train():
    others = toys.mlp((5, 2))
    return toys.classify(frozen(), optimizer=torch.optim.Adam(others.parameters()))


def norms_and_head():
    net = frozen(toys.convnet())
    for part in (net[1], net[5], net[10]):
        part.requires_grad_(True)
    return toys.images(net)


def norm_alone_has_no_weights_to_freeze():
    return toys.classify(nn.BatchNorm1d(20), classes=20)


def no_parameters():
    return toys.classify(nn.Identity(), classes=20)


def expert_that_is_not_asked():
    """It is frozen, and the other one is trained."""
    net = nn.ModuleDict({"one": toys.mlp(), "two": toys.mlp(seed=1)})
    frozen(net["two"])
    net.forward = net["one"].forward
    return toys.classify(net)


FINE = [
    lambda: toys.classify(Prompted()), lambda: toys.classify(Scaled()), backbone_in_eval_without_gradients,
    frozen_embedding, gradual_unfreezing, teacher_and_student, generator_behind_which_others_train, norms_and_head,
    norm_alone_has_no_weights_to_freeze, no_parameters, expert_that_is_not_asked,
    lambda: toys.classify(nn.DataParallel(nn.Sequential(*frozen()[:-1], nn.Linear(32, 5)))),
    lambda: toys.classify(torch.jit.script(nn.Sequential(*frozen()[:-1], nn.Linear(32, 5)))),
    lambda: toys.classify(nn.Sequential(weight_norm(nn.Linear(20, 5)), frozen(nn.Linear(5, 5)))),
]  # fmt: skip


@pytest.mark.parametrize("make", FINE)
@pytest.mark.filterwarnings("ignore")
def test_what_is_meant_to_be_trained_is_ok(make):
    finding = judged(make())
    assert finding.verdict is Verdict.OK, finding.message


def test_what_was_unfrozen_to_look_is_frozen_again():
    given = next(e for e in CHECK.broken if e.__name__ == "head_that_nobody_calls")()
    before = [p.requires_grad for p in given.model.parameters()]
    CHECK.judge({"model": given.model, "bench": given, "optimizer": given.optimizer})
    assert [p.requires_grad for p in given.model.parameters()] == before


def test_lazy_layers_are_skipped():
    net = nn.Sequential(nn.LazyLinear(5))
    assert judged(toys.classify(net, optimizer=None)).verdict is Verdict.SKIPPED


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_healthy_nets_are_ok(kind):
    assert run(CHECK, kind(0)).verdict is Verdict.OK
