"""Gradients that are cleared too early, in cells as people write them."""

from __future__ import annotations

import pytest
from checks.loops import cell

from nbrecipe.finding import Finding
from nbrecipe.registry import get_check
from nbrecipe.runner import run


def found(source: str, setup: str = "", every: int | None = None) -> Finding:
    return run(get_check("zeroed-before-step"), cell(source, setup, every=every)[0]).finding


def loop(*lines: str) -> str:
    body = "\n        ".join(lines)
    return f"for epoch in range(3):\n    for i, (xb, yb) in enumerate(train_dl):\n        {body}\n"


@pytest.mark.parametrize("clear", ["opt.zero_grad()", "net.zero_grad()", "opt.zero_grad(set_to_none=False)"])
def test_cleared_between_backward_and_step(clear):
    finding = found(loop("loss = loss_fn(net(xb), yb)", "loss.backward()", clear, "opt.step()"))
    assert finding.verdict == "bad"
    assert "steps of `opt` found no gradient, though `loss.backward()` had made some" in finding.message


def test_cleared_by_hand_has_the_line_of_the_step():
    finding = found(loop("loss_fn(net(xb), yb).backward()", "for p in net.parameters(): p.grad = None", "opt.step()"))
    assert finding.verdict == "bad"
    assert finding.where == "cell 1, line 5: `opt.step()`"


def test_a_batch_left_out_now_and_then_is_right():
    lines = "loss.backward()", "if i % 5 == 1: opt.zero_grad()", "opt.step()"
    assert found(loop("opt.zero_grad()", "loss = loss_fn(net(xb), yb)", *lines)).verdict == "ok"


@pytest.mark.parametrize("scale", [" / 5", ""])
def test_cleared_for_every_batch_of_an_accumulation(scale):
    step = "if (i + 1) % 5 == 0: opt.step()"
    finding = found(loop("opt.zero_grad()", f"loss = loss_fn(net(xb), yb){scale}", "loss.backward()", step))
    assert finding.verdict == "bad"
    assert (finding.seen["batches"], finding.seen["lost"]) == (5, 4)


def test_gradients_that_were_used_before_they_were_cleared_are_left_alone():
    lines = "opt.zero_grad()", "loss_fn(net(xb), yb).backward()", "norm = net[0].weight.grad.norm()"
    assert found(loop(*lines, "if (i + 1) % 5 == 0: opt.step()")).verdict == "ok"
