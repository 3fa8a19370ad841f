"""One batch over and over: by mistake, for practice, or because there is no other."""

from __future__ import annotations

import pytest
from checks.loops import cell

from nbrecipe.finding import Finding
from nbrecipe.registry import get_check
from nbrecipe.runner import run


def found(source: str, setup: str = "", every: int | None = None) -> Finding:
    return run(get_check("repeated-batch"), cell(source, setup, every=every)[0]).finding


ORDERED = "train_dl = DataLoader(TensorDataset(X, Y), batch_size=16)"
STEP = "opt.zero_grad(); loss_fn(net(xb), yb).backward(); opt.step()"


@pytest.mark.parametrize("fetch", ["xb, yb = next(iter(train_dl))", "it = iter(train_dl); xb, yb = next(it)"])
def test_a_new_iterator_each_time(fetch):
    finding = found(f"for step in range(20):\n    {fetch}\n    {STEP}", ORDERED)
    assert finding.verdict == "bad"
    assert finding.message == (
        "`train_dl` was begun anew **20** times, and each time its first batch of its 10 was trained on"
    )


def test_a_stale_variable():
    finding = found(f"for epoch in range(2):\n    for x, y in train_dl:\n        {STEP}", "xb, yb = X[:16], Y[:16]")
    assert finding.verdict == "bad"
    assert "while `train_dl` gave others" in finding.message


@pytest.mark.parametrize("seed", ["torch.manual_seed(42)", "g = torch.Generator().manual_seed(0)"])
def test_a_seed_in_the_loop(seed):
    given = ", generator=g" if seed.startswith("g") else ""
    rows = f"rows = torch.randint(0, 160, (16,){given}); xb, yb = X[rows], Y[rows]"
    finding = found(f"for step in range(20):\n    {seed}\n    {rows}\n    {STEP}")
    assert finding.verdict == "bad"
    assert "in the loop makes every draw the same" in finding.message


@pytest.mark.parametrize(
    ("source", "setup"),
    [
        (f"xb, yb = next(iter(train_dl))\nfor step in range(20):\n    {STEP}", ORDERED),
        (f"for step in range(20):\n    xb, yb = next(iter(train_dl))\n    {STEP}", ""),
        (f"for step in range(20):\n    xb, yb = X, Y\n    {STEP}", ""),
        (f"for step in range(20):\n    torch.manual_seed(0)\n    xb, yb = X, Y\n    {STEP}", ""),
        (
            f"for e in range(20):\n    for xb, yb in dl:\n        {STEP}",
            "dl = DataLoader(TensorDataset(X, Y), batch_size=160)",
        ),
        (f"for step in range(20):\n    for xb, yb in train_dl:\n        {STEP}\n        break", ORDERED),
        (f"# overfit\nfor step in range(20):\n    xb, yb = next(iter(train_dl))\n    {STEP}", ORDERED),
    ],
    ids=[
        "fetched once",
        "shuffled",
        "all rows",
        "all rows, seeded",
        "one batch in the loader",
        "broken off",
        "overfit",
    ],
)
def test_no_fault_is_claimed(source, setup):
    assert found(source, setup).verdict in ("ok", "hint")
