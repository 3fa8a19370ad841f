"""Loops that never step: forgotten, or not meant to."""

from __future__ import annotations

import pytest
from checks.loops import cell

from nbrecipe.finding import Finding
from nbrecipe.registry import get_check
from nbrecipe.runner import run


def found(source: str, setup: str = "", every: int | None = None) -> Finding:
    return run(get_check("missing-step"), cell(source, setup, every=every)[0]).finding


FORGOTTEN = """
for epoch in range(3):
    for xb, yb in train_dl:
        {clear}
        loss = loss_fn(net(xb), yb)
        loss.backward()
        {after}
"""


@pytest.mark.parametrize("clear", ["opt.zero_grad()", "net.zero_grad()", "pass"])
@pytest.mark.parametrize("after", ["pass", "opt.step", "sched.step()"])
def test_forgotten(clear, after):
    finding = found(FORGOTTEN.format(clear=clear, after=after), "sched = torch.optim.lr_scheduler.StepLR(opt, 100)")
    assert finding.verdict == "bad"
    assert finding.message == "**30** backward calls and no step: `opt` never moves a weight"
    assert finding.where == "cell 1, line 6: `loss.backward()`"


def test_a_logged_norm_leaves_a_hint():
    source = FORGOTTEN.format(
        clear="opt.zero_grad()", after="norm = sum(float(p.grad.norm()) for p in net.parameters())"
    )
    assert found(source).verdict == "hint"


def test_one_pass_that_adds_gradients_up_is_a_hint_at_most():
    assert found("for xb, yb in train_dl:\n    loss_fn(net(xb), yb).backward()").verdict == "hint"


@pytest.mark.parametrize(
    ("setup", "source"),
    [
        ("", "loss_fn(net(X), Y).backward()"),
        ("del opt", "for xb, yb in train_dl:\n    net.zero_grad(); loss_fn(net(xb), yb).backward()"),
        ("net.eval()", "for xb, yb in train_dl:\n    opt.zero_grad(); net(xb)[:, 0].sum().backward()"),
        (
            "[p.register_hook(lambda g: None) for p in net.parameters()]",
            FORGOTTEN.format(clear="opt.zero_grad()", after=""),
        ),
    ],
    ids=["one backward", "no optimizer in reach", "saliency", "hooks"],
)
def test_no_fault_is_claimed_where_none_need_be(setup, source):
    assert found(source, setup).verdict in ("ok", "hint", "skipped")


def test_the_second_optimizer_of_two_is_a_hint():
    setup = "body, head = net[:2], net[2:]; ob, oh = (torch.optim.Adam(part.parameters()) for part in (body, head))"
    source = """
for xb, yb in train_dl:
    ob.zero_grad(); oh.zero_grad()
    loss_fn(head(body(xb)), yb).backward()
    oh.step()
"""
    finding = found(source, setup)
    assert finding.verdict == "hint"
    assert "`ob` had its gradients cleared **10** times and never stepped" in finding.message
