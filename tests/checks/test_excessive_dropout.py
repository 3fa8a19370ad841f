"""Rates that erase a layer, rates that are high, and rates that are usual."""

import pytest
import torch
from torch import nn

from nbrecipe import toys
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run
from tests.checks.healthy import KINDS

CHECK = all_checks()["excessive-dropout"]


def dropping(p, kind=nn.Dropout):
    return nn.Sequential(nn.Linear(20, 32), nn.ReLU(), kind(p), nn.Linear(32, 5))


class Residual(nn.Module):
    """A branch that is dropped whole beside a path that is not."""

    def __init__(self, p):
        super().__init__()
        self.stem, self.branch, self.head = nn.Linear(20, 16), nn.Linear(16, 16), nn.Linear(16, 5)
        self.drop = nn.Dropout(p)

    def forward(self, x):
        x = self.stem(x)
        return self.head(x + self.drop(self.branch(x)))


class Unused(nn.Module):
    """A dropout layer that the forward pass does not call."""

    def __init__(self):
        super().__init__()
        self.body, self.drop = toys.mlp(), nn.Dropout(1.0)

    def forward(self, x):
        return self.body(x)


@pytest.mark.parametrize("kind", [nn.Dropout, nn.AlphaDropout, nn.FeatureAlphaDropout, nn.Dropout1d])
@pytest.mark.parametrize("mode", [True, False])
def test_a_rate_of_one_is_a_fault_in_either_mode(kind, mode):
    finding = run(CHECK, toys.classify(dropping(1.0, kind).train(mode))).finding
    assert finding.verdict is Verdict.BAD, finding.message
    assert finding.seen["erased"] == 3, "two of the first layer, and the weight of the last, whose inputs are zero"


def test_a_branch_that_is_erased_never_trains():
    finding = run(CHECK, toys.classify(Residual(1.0))).finding
    assert finding.verdict is Verdict.BAD
    assert finding.seen["erased"] == 2
    assert finding.message == (
        "`net.drop` drops everything: nothing passes in training, and **2** parameters that it cuts off get no "
        "gradient; rates from 10 to 50 % are usual"
    )


MAYBE = {
    "nine of ten": lambda: dropping(0.9),
    "as two-stream networks": lambda: dropping(0.8),
    "not called": Unused,
    "before the first weight": lambda: nn.Sequential(nn.Dropout(0.9), *toys.mlp()),
}


@pytest.mark.parametrize("kind", MAYBE)
def test_a_high_rate_is_a_hint(kind):
    finding = run(CHECK, toys.classify(MAYBE[kind]())).finding
    assert finding.verdict is Verdict.HINT, finding.message


def test_without_a_batch_it_is_a_hint():
    given = toys.classify(dropping(1.0), batch=None, train_loader=None)
    assert run(CHECK, given).verdict is Verdict.HINT


def test_the_line_sets_the_rate():
    given = toys.classify(dropping(0.9))
    finding = run(CHECK, given).finding
    exec(finding.code, {"net": given.model})
    assert given.model[2].p == pytest.approx(0.1)
    assert finding.code == "net[2].p = 0.1"


class Recurrent(nn.Module):
    def __init__(self, p, layers=2):
        super().__init__()
        self.rnn, self.head = nn.LSTM(5, 8, layers, dropout=p, batch_first=True), nn.Linear(8, 5)

    def forward(self, x):
        return self.head(self.rnn(x.unflatten(1, (4, 5)))[0][:, -1])


def test_rates_inside_recurrent_layers_and_attention_count():
    finding = run(CHECK, toys.classify(Recurrent(0.9))).finding
    assert (finding.verdict, finding.code) == (Verdict.HINT, "net.rnn.dropout = 0.1")
    attention = nn.MultiheadAttention(8, 2, dropout=0.9)
    assert run(CHECK, toys.Bench(model=attention)).verdict is Verdict.HINT


USUAL = {
    "half": lambda: dropping(0.5),
    "as on graphs": lambda: dropping(0.6),
    "seven of ten": lambda: dropping(0.7),
    "none": lambda: dropping(0.0),
    "images": lambda: nn.Sequential(nn.Conv2d(1, 8, 3), nn.Dropout2d(0.3)),
    "transformer": lambda: nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1),
    "one recurrent layer has nothing between": lambda: nn.GRU(5, 8, 1),
    "compiled": lambda: torch.compile(dropping(0.2)),
    "wrapped": lambda: nn.DataParallel(dropping(0.2)),
    "scripted": lambda: torch.jit.script(dropping(0.2)),
    "lazy": lambda: nn.Sequential(nn.LazyLinear(8), nn.Dropout(0.5)),
    "no dropout": toys.mlp,
}


@pytest.mark.parametrize("kind", USUAL)
@pytest.mark.filterwarnings("ignore")
def test_a_usual_rate_is_ok(kind):
    result = run(CHECK, toys.Bench(model=USUAL[kind]()))
    assert result.verdict is Verdict.OK, result.finding.message


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_healthy_nets_are_ok(kind):
    assert run(CHECK, kind(0)).verdict is Verdict.OK
