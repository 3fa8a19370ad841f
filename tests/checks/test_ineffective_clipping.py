"""Where clipping stands, and what it is given."""

from __future__ import annotations

import pytest
from checks.loops import cell

from nbrecipe.finding import Finding
from nbrecipe.registry import get_check
from nbrecipe.runner import run


def found(source: str, setup: str = "", every: int | None = None) -> Finding:
    return run(get_check("ineffective-clipping"), cell(source, setup, every=every)[0]).finding


ORDERS = {"zero": "opt.zero_grad()", "back": "loss.backward()", "step": "opt.step()"}


def loop(order: str, clip: str = "nn.utils.clip_grad_norm_(net.parameters(), 0.01)", epochs: int = 3) -> str:
    lines = [ORDERS.get(word, clip) for word in order.split()]
    body = "\n        ".join(["loss = loss_fn(net(xb), yb)", *lines])
    return f"for epoch in range({epochs}):\n    for xb, yb in train_dl:\n        {body}\n"


@pytest.mark.parametrize(
    "order", ["zero back step clip", "zero clip back step", "clip back step zero", "back step clip zero"]
)
def test_too_early_or_too_late(order):
    finding = found(loop(order))
    assert finding.verdict == "bad"
    assert "gradients were clipped where no step follows their backward" in finding.message


@pytest.mark.parametrize("order", ["zero back clip step", "back clip step zero", "clip_first zero back clip step"])
def test_between(order):
    assert found(loop(order.replace("clip_first", ""), epochs=20)).verdict == "ok"


def test_a_generator_used_up():
    finding = found(loop("zero back clip step", "nn.utils.clip_grad_norm_(params, 1.0)"), "params = net.parameters()")
    assert finding.verdict == "bad"
    assert "was given no parameters in **29** of 30 calls" in finding.message


def test_a_name_imported_before_the_cell():
    setup = "from torch.nn.utils import clip_grad_norm_"
    assert found(loop("zero back step clip", "clip_grad_norm_(net.parameters(), 0.01)"), setup).verdict == "bad"
    assert found(loop("zero back clip step", "clip_grad_norm_(net.parameters(), 0.01)"), setup).verdict == "ok"


def test_an_infinite_limit_measures():
    clip = "nn.utils.clip_grad_norm_(net.parameters(), float('inf'))"
    assert found(loop("zero back step clip", clip)).verdict == "skipped"
