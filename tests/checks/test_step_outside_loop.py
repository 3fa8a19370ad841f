"""Lines that stand one indentation too far left."""

from __future__ import annotations

import pytest
from checks.loops import cell

from nbrecipe.finding import Finding
from nbrecipe.registry import get_check
from nbrecipe.runner import run


def found(source: str, setup: str = "", every: int | None = None) -> Finding:
    return run(get_check("step-outside-loop"), cell(source, setup, every=every)[0]).finding


CLEARED = """
for epoch in range(5):
    for xb, yb in train_dl:
        opt.zero_grad()
        loss = loss_fn(net(xb), yb)
        loss.backward()
    opt.step()
"""
SUMMED = """
for epoch in range(5):
    opt.zero_grad()
    for xb, yb in train_dl:
        loss = loss_fn(net(xb), yb)
        loss.backward()
    opt.step()
"""
LAST = """
for epoch in range(5):
    for xb, yb in train_dl:
        out = net(xb)
        loss = loss_fn(out, yb)
    opt.zero_grad()
    loss.backward()
    opt.step()
    with torch.no_grad():
        for xb, yb in val_dl:
            loss_fn(net(xb), yb)
"""
SLICES = """
for epoch in range(5):
    for i in range(0, len(X), 16):
        opt.zero_grad()
        loss = loss_fn(net(X[i:i + 16]), Y[i:i + 16])
        loss.backward()
    opt.step()
"""


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (CLEARED, "gradients of all but the last are cleared"),
        (SUMMED, "all of them added up and divided by nothing"),
        (LAST, "only the last batch of each pass is trained on"),
        (SLICES, "gradients of all batches but the last are cleared"),
    ],
    ids=["cleared", "summed", "last", "slices"],
)
def test_found(source, said):
    finding = found(source)
    assert (str(finding.verdict), said in finding.message) == ("bad", True), finding.message
    assert "opt.step()" in finding.where


def test_a_sum_in_an_order_that_never_changes_is_a_hint():
    assert found(SUMMED, "train_dl = DataLoader(TensorDataset(X, Y), batch_size=16)").verdict == "hint"


@pytest.mark.parametrize(
    "loss",
    ["loss_fn(net(xb), yb) / len(train_dl)", "F.cross_entropy(net(xb), yb, reduction='sum')"],
    ids=["divided", "a sum over rows"],
)
def test_the_whole_data_on_purpose(loss):
    assert found(SUMMED.replace("loss_fn(net(xb), yb)", loss)).verdict == "ok"


def test_the_mean_of_all_losses():
    source = """
for epoch in range(4):
    losses = [loss_fn(net(xb), yb) for xb, yb in train_dl]
    opt.zero_grad()
    torch.stack(losses).mean().backward()
    opt.step()
"""
    assert found(source).verdict == "ok"


def test_an_evaluation_with_gradients_before_a_step_on_all_rows():
    source = """
for epoch in range(4):
    for xb, yb in val_dl:
        loss_fn(net(xb), yb)
    loss = loss_fn(net(X), Y)
    opt.zero_grad(); loss.backward(); opt.step()
"""
    assert found(source).verdict == "ok"
