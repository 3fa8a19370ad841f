"""How many rows fit into memory: what a pass keeps is counted, and fewer rows are looked at where it is much."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nbrecipe import toys
from nbrecipe.checks.model import batch_leak
from nbrecipe.probes.rows import dependency, room


def test_what_a_pass_keeps_is_counted_without_the_weights():
    net = nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 5))
    x = torch.randn(8, 20, requires_grad=True)
    kept = 4 * 8 * (20 + 30)  # the inputs of both linear layers; that of the second is what ReLU keeps too
    assert room.saved_bytes(net, lambda: net(x)) == kept
    assert room.saved_bytes(net, lambda: net(x[:4].detach())) < kept


@pytest.mark.parametrize(("rows", "looked"), [(6, 6), (1000, 32)])
def test_as_many_rows_are_looked_at_as_fit(monkeypatch, rows, looked):
    given = toys.classify(size=200)
    model = given.get("model")
    each = room.saved_bytes(model, lambda: model(torch.randn(1, 20, requires_grad=True)))
    monkeypatch.setattr(dependency, "free_bytes", lambda model: int(each * rows / room.SHARE) + 1)
    with given.untouched():
        seen = dependency.rows(given)
    assert seen.size <= looked
    assert bool(seen.left) is (rows < 32)


def test_rows_that_are_left_out_are_told(monkeypatch):
    given = toys.classify(size=200).replace(declared=frozenset({"whole"}))
    monkeypatch.setattr(dependency, "free_bytes", lambda model: 100_000)
    found = batch_leak.run(model=given.get("model"), batch=given.get("batch"), bench=given)
    assert found.verdict == "ok"
    assert found.seen["rows"] < 200
    assert found.why.startswith("all 200 rows would take ")
    assert found.why.endswith(" MB of memory")


def test_there_is_memory_here():
    assert room.free_bytes(nn.Linear(2, 2)) > 1_000_000
