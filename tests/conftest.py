"""What all tests share: one thread each, and no browser test that skips where a browser is required."""

from __future__ import annotations

import os

import pytest

# one process a core runs the tests; more threads than that only wait for each other
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """With NBRECIPE_REQUIRE_BROWSER=1 a browser test that skips has failed."""
    report = yield
    required = os.environ.get("NBRECIPE_REQUIRE_BROWSER") == "1"
    if required and report.skipped and item.get_closest_marker("browser") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and NBRECIPE_REQUIRE_BROWSER=1: {report.longrepr}"
    return report
