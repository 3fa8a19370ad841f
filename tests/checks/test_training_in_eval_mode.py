"""The mode in which a model is trained, epoch after epoch."""

from __future__ import annotations

import pytest
from checks.loops import cell

from nbrecipe.finding import Finding
from nbrecipe.registry import get_check
from nbrecipe.runner import run


def found(source: str, setup: str = "", every: int | None = None) -> Finding:
    return run(get_check("training-in-eval-mode"), cell(source, setup, every=every)[0]).finding


NET = "net = build(nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2)); opt = torch.optim.Adam(net.parameters(), 1e-2)"
EPOCHS = """
{first}
for epoch in range(4):
    {before}
    for xb, yb in train_dl:
        opt.zero_grad(); loss_fn(net(xb), yb).backward(); opt.step()
    {after}
    with torch.no_grad():
        for xb, yb in val_dl:
            net(xb)
"""


def epochs(first: str = "pass", before: str = "pass", after: str = "pass", setup: str = NET) -> Finding:
    return found(EPOCHS.format(first=first, before=before, after=after), setup)


@pytest.mark.parametrize("first", ["net.train()", "pass"])
def test_never_switched_back(first):
    finding = epochs(first=first, after="net.eval()")
    assert finding.verdict == "bad"
    assert "`net` has been trained in eval mode: `net.1`, `net.3` behave as in an evaluation" in finding.message


def test_batch_norm_that_has_never_seen_a_batch():
    finding = epochs(first="net.eval()")
    assert finding.verdict == "bad"
    assert "`net.1` has never seen the statistics of a batch" in finding.message


@pytest.mark.parametrize(
    ("calls", "verdict"),
    [
        ({"before": "net.train()", "after": "net.eval()"}, "ok"),
        ({"before": "net.train(); net[1].eval()", "after": "net.eval()"}, "ok"),
        ({"before": "net.train()"}, "ok"),
        ({"first": "net.eval()", "setup": NET + "; net(X)"}, "hint"),
        ({"first": "net.eval()", "setup": NET.replace("nn.BatchNorm1d(16), ", "")}, "hint"),
        ({"before": "net.train() if epoch < 2 else net.eval()"}, "hint"),
    ],
    ids=["right", "frozen batch norm", "no eval at all", "fine-tuning", "dropout alone", "eval on purpose"],
)
def test_no_fault_is_claimed(calls, verdict):
    assert epochs(**calls).verdict == verdict
