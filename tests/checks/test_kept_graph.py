"""What outlives a step: sums, lists, and the weights of a mean."""

from __future__ import annotations

import pytest
from checks.loops import cell

from nbrecipe.finding import Finding
from nbrecipe.registry import get_check
from nbrecipe.runner import run


def found(source: str, setup: str = "", every: int | None = None) -> Finding:
    return run(get_check("kept-graph"), cell(source, setup, every=every)[0]).finding


LOOP = """
{before}
for epoch in range(3):
    for xb, yb in train_dl:
        loss = loss_fn(net(xb), yb) + 1e-3 * net[0].weight.square().sum()
        opt.zero_grad(); loss.backward(); opt.step()
        {keep}
"""


@pytest.mark.parametrize(
    ("before", "keep", "said"),
    [
        ("total = 0", "total += loss", "`total`: the running sum"),
        ("total = 0", "total = total + loss * len(xb)", "`total`: the running sum"),
        ("mean = 0", "mean = 0.9 * mean + 0.1 * loss", "`mean`: the running sum"),
        ("logs = {'loss': 0}", "logs['loss'] += loss", "the running sum"),
        ("losses = []", "losses.append(loss)", "`losses` holds **30** losses"),
        ("logs = {'loss': []}", "logs['loss'].append(loss)", "`logs['loss']` holds **30** losses"),
    ],
)
def test_found(before, keep, said):
    finding = found(LOOP.format(before=before, keep=keep))
    assert (str(finding.verdict), said in finding.message) == ("bad", True), finding.message


@pytest.mark.parametrize(
    ("before", "keep"),
    [
        ("total = 0", "total += loss.item()"),
        ("total = 0", "total += loss.detach()"),
        ("losses = []", "losses.append(float(loss))"),
        ("losses = []", "losses = [loss]"),
        ("from collections import deque; last = deque(maxlen=1)", "last.append(loss)"),
    ],
)
def test_numbers_are_right(before, keep):
    assert found(LOOP.format(before=before, keep=keep)).verdict == "ok"


def test_an_evaluation_with_gradients_is_a_hint():
    assert found("total = 0\nfor xb, yb in val_dl:\n    total += loss_fn(net(xb), yb)").verdict == "hint"
