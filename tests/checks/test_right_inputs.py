"""What is right in what enters a model raises no alarm of the checks that judge it."""

import inputs
import pytest

from nbrecipe.finding import Verdict
from nbrecipe.registry import get_check
from nbrecipe.runner import run_each

CHECKS = [get_check(name) for name in ("unscaled-input", "double-normalization", "scrambled-image", "corrupted-input")]


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("make", inputs.KINDS, ids=lambda make: make.__name__)
def test_no_alarm(make, seed):
    wrong = [r for r in run_each(CHECKS, make(seed)) if r.verdict not in (Verdict.OK, Verdict.SKIPPED)]
    assert [f"{r.id}: {r.verdict}: {r.finding.message}" for r in wrong] == []
