"""Training cells that are right raise no alarm from the checks of the training loop."""

from __future__ import annotations

import pytest
from checks.loops import RIGHT, cell
from checks.odd_loops import ODD

from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

CHECKS = [check for check in all_checks().values() if check.chapter == "loop" and "trace" in check.needs]
CELLS = {**RIGHT, **ODD}


@pytest.mark.parametrize("name", CELLS)
def test_what_is_right_raises_no_alarm(name):
    setup, source = CELLS[name]
    bench, _ = cell(source, setup)
    assert bench.trace is not None
    assert [note for note in bench.trace.notes if "bug" in note] == []
    results = [run(check, bench) for check in CHECKS]
    wrong = [result for result in results if result.verdict in (Verdict.BAD, Verdict.CRASHED)]
    assert [f"{result.id}: {result.finding.message} {result.finding.where}" for result in wrong] == []
