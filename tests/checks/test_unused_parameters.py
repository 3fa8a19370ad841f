"""Parameters that nothing uses, and the many ways in which one only seems unused."""

import copy

import pytest
import torch
from checks.healthy import KINDS
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from nbrecipe import toys
from nbrecipe.bench import Cell
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

CHECK = all_checks()["unused-parameters"]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.head = nn.Linear(20, 32), nn.Linear(32, 5)

    def forward(self, x):
        return self.head(torch.relu(self.stem(x)))


class Leftover(Net):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(32)


class LeftoverParameter(Net):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(32))


class LeftoverInitialised(Net):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(32, 32)
        self._init_weights()

    def _init_weights(self):
        nn.init.zeros_(self.hidden.bias)


class Inner(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.ModuleList(LeftoverParameter() for _ in range(2))

    def forward(self, x):
        return sum(net(x) for net in self.body)


@pytest.mark.parametrize("kind", [Leftover, LeftoverParameter, LeftoverInitialised, Inner])
def test_what_no_code_speaks_of_is_a_fault(kind):
    found = run(CHECK, toys.classify(kind())).finding
    assert found.verdict is Verdict.BAD, found.message
    assert found.where in ("net.norm", "net.scale", "net.hidden", "net.body[0].scale")


class Pattern(nn.Module):
    """The layer that is copied into the stack is kept too."""

    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(20, 2, 16, batch_first=True)
        self.stack = nn.TransformerEncoder(self.layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(20, 5)

    def forward(self, x):
        return self.head(self.stack(x[:, None])[:, 0])


class Flagged(Leftover):
    normed = False

    def forward(self, x):
        x = self.stem(x)
        return self.head(torch.relu(self.norm(x) if self.normed else x))


class Adversarial(nn.Module):
    def __init__(self):
        super().__init__()
        self.generator, self.discriminator = toys.mlp((20, 5)), toys.mlp((5, 1))

    def forward(self, x):
        return self.generator(x)

    def judge(self, x):
        return self.discriminator(x)


class Truncated(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = toys.mlp((20, 16, 16, 5, 9))

    def forward(self, x):
        return self.features[:5](x)


class Dynamic(Leftover):
    def forward(self, x):
        for layer in [m for m in self.children() if isinstance(m, nn.Linear)]:
            x = layer(x)
        return x


@pytest.mark.parametrize("kind", [Pattern, Flagged, Adversarial, Truncated, Dynamic])
def test_what_another_part_of_the_program_may_use_is_a_hint(kind):
    found = run(CHECK, toys.classify(kind())).finding
    assert found.verdict is Verdict.HINT, found.message


def test_a_layer_that_a_cell_or_the_loss_uses_is_no_fault():
    net = Leftover()
    told = toys.classify(net, cells=(Cell(1, "z = net.norm(net.stem(x))"),))
    assert run(CHECK, told).verdict is Verdict.HINT
    loss = toys.classify(net, lambda out, y: F.cross_entropy(out, y) + net.norm(torch.ones(2, 32)).sum())
    assert run(CHECK, loss).verdict is Verdict.OK


def test_what_the_optimizer_does_not_hold_has_another_purpose():
    net = Leftover()
    optimizer = torch.optim.SGD([*net.stem.parameters(), *net.head.parameters()], 0.1)
    assert run(CHECK, toys.classify(net, optimizer=optimizer)).verdict is Verdict.OK


class Experts(nn.Module):
    """Each example goes to one expert, by its first feature; the first batch may know one of them only."""

    def __init__(self):
        super().__init__()
        self.experts = nn.ModuleList(nn.Linear(20, 5) for _ in range(3))

    def forward(self, x):
        return torch.stack([self.experts[int(row[0] > 0) + int(row[0] > 1)](row) for row in x])


class Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(20, 20), nn.Linear(20, 20)
        self.b.weight = self.a.weight
        self.head = parametrizations.weight_norm(nn.Linear(20, 5))
        self.rnn = nn.LSTM(20, 20, 2, batch_first=True)
        self.bias = nn.ParameterList([nn.Parameter(torch.zeros(20))])
        self.table = nn.Parameter(torch.randn(20, 20))

    def forward(self, x):
        x = self.rnn((self.a(x) + self.b(x) + self.bias[0])[:, None])[0][:, 0]
        x = torch.func.functional_call(self.a, dict(self.b.named_parameters()), (x,)) + self.table.T[0]
        return self.head(F.linear(x, self.table))


class Ensemble(nn.Module):
    def __init__(self):
        super().__init__()
        self.nets = nn.ModuleList(Net() for _ in range(3))

    def forward(self, x):
        params, buffers = torch.func.stack_module_state(list(self.nets))
        pattern = copy.deepcopy(self.nets[0])
        each = torch.vmap(lambda p, b: torch.func.functional_call(pattern, (p, b), (x,)))(params, buffers)
        return each.mean(0)


ALL_USED = {
    "experts": Experts,
    "shared": Shared,
    "ensemble": Ensemble,
    "scripted": lambda: torch.jit.script(Net()),
    "in parallel": lambda: nn.DataParallel(Net()),
    "averaged": lambda: torch.optim.swa_utils.AveragedModel(Net()),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("build", ALL_USED.values(), ids=ALL_USED.keys())
def test_what_is_used_in_any_way_is_fine(build):
    found = run(CHECK, toys.classify(build())).finding
    assert found.verdict is Verdict.OK, found.message


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_healthy_nets_use_all_they_have(kind):
    assert run(CHECK, kind(0)).verdict is Verdict.OK
