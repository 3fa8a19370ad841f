"""A registry and pictures of invented checks, so that no test here leans on a real one."""

import sys

import pytest
import reports

import nbrecipe.report  # noqa: F401  (its name in the package is that of a verb)
from nbrecipe.render import figure


@pytest.fixture(autouse=True)
def invented(monkeypatch):
    """The checks of `reports` are all there are, and they draw what they saw."""
    monkeypatch.setattr(sys.modules["nbrecipe.report"], "all_checks", lambda: reports.CHECKS)
    drawing = lambda result: reports.DRAWN.get(result.id) if result.finding.seen else None  # noqa: E731
    monkeypatch.setattr(figure, "drawing_of", drawing)
