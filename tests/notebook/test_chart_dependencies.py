"""`%chart_dependencies` and its twin, as a user types them."""

from __future__ import annotations

import pytest
import torch
from shells import CLASSIFIER, do, refused
from torch import Tensor, nn

import nbrecipe
from nbrecipe import verbs

CELL = CLASSIFIER
LEAKY = """
class Leaky(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(6, 24), nn.Linear(24, 3)

    def forward(self, x):
        seen = self.body(x).relu()
        return self.head(seen / seen.mean(0))
net = Leaky()
"""


def test_a_healthy_net_is_charted_and_returned(notebook):
    answer, _ = do(notebook, "%chart_dependencies")
    assert answer.ok
    assert [chart.over for chart in answer.charts] == ["batch", "features"]
    assert "What each output of `net` depends on" in str(answer)
    assert "Over the batch: each of 32 rows depends on itself alone" in str(answer)
    assert answer._repr_html_().count("<img") == 1
    assert answer.picture()[:4] == b"\x89PNG"


def test_a_leak_is_found_kept_in_the_report_and_drawn(notebook, tmp_path):
    do(notebook, LEAKY)
    answer, _ = do(notebook, "%chart_dependencies net --over batch")
    assert not answer.ok
    (chart,) = answer.charts
    assert chart.wrong.sum() == len(chart.values) * (len(chart.values) - 1)
    assert verbs.SESSION.report.results["batch-leak"].verdict == "bad"
    assert "future-leak" not in answer.results
    page = answer.save_html(tmp_path / "chart.html").read_text()
    assert page.startswith("<!doctype html>")
    assert len(answer.plot().axes) == 1


def test_mixing_that_is_declared_is_no_fault(notebook):
    do(notebook, LEAKY)
    answer, _ = do(notebook, "%chart_dependencies net --over batch --expect-mixing")
    assert answer.ok
    assert "as you say they should" in str(answer)
    assert not answer.charts[0].wrong.any()


NO_TIME = "there is nothing to chart over time here: inputs and outputs have no axis of positions in common"
TIMED = """
class Timed(nn.Module):
    def __init__(self, causal):
        super().__init__()
        self.causal, self.head = causal, nn.Linear(4, 2)

    def forward(self, x):
        return self.head(x.cumsum(1) if self.causal else x + x.mean(1, keepdim=True))
x = torch.randn(40, 9, 4)
train_dl = [(x, torch.randn(40, 9, 2))]
criterion = nn.MSELoss()
net = Timed(causal={})
"""


@pytest.mark.parametrize(("causal", "verdict"), [(True, "ok"), (False, "bad")])
def test_a_model_that_is_declared_causal_must_not_look_ahead(notebook, causal, verdict):
    do(notebook, TIMED.format(causal))
    answer, _ = do(notebook, "%chart_dependencies --over time --causal")
    assert answer.results["future-leak"].verdict == verdict
    assert bool(answer.charts[0].wrong.any()) == (verdict == "bad")
    undeclared, _ = do(notebook, "%chart_dependencies --over time")
    assert "future-leak" not in {r.id for r in undeclared if r.verdict != "skipped"}


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("--over rows", "a chart is drawn over batch, time, features, space; 'rows' is none of them"),
        ("--over time", NO_TIME),
        ("--over", "argument --over: expected one argument"),
        ("nett", "there is no `nett` here; did you mean `net`?"),
    ],
)  # fmt: skip
def test_what_cannot_be_charted_is_refused_in_one_sentence(notebook, line, sentence):
    assert refused(notebook, f"%chart_dependencies {line}") == sentence


def test_the_twin_takes_the_same_arguments():
    class Pairs(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x @ x.mT

    x = torch.randn(8, 5)
    answer = nbrecipe.chart_dependencies(Pairs(), batch=(x, torch.arange(8)), loss=nn.CrossEntropyLoss(), over="batch")
    assert answer.results["batch-leak"].verdict == "hint"  # every row against every other: contrastive
    assert nbrecipe.chart_dependencies(
        Pairs(), batch=(x, torch.arange(8)), loss=nn.CrossEntropyLoss(), over="batch", expect_mixing=True
    ).ok
