"""A registry and pictures of invented checks, so that no test here leans on a real one."""

import re
import sys

import pytest
import reports

import nbrecipe.report  # noqa: F401  (its name in the package is that of a verb)
from nbrecipe.render.pieces import figure


@pytest.fixture(autouse=True)
def invented(monkeypatch):
    """The checks of `reports` are all there are, and they draw what they saw."""
    monkeypatch.setattr(sys.modules["nbrecipe.report"], "all_checks", lambda: reports.CHECKS)
    drawing = lambda result: reports.DRAWN.get(result.id) if result.finding.seen else None  # noqa: E731
    monkeypatch.setattr(figure, "drawing_of", drawing)


@pytest.fixture
def tab(browser, tmp_path):
    """Opens a page from a file, without any network; a script error fails the test."""
    opened, errors = [], []

    def go(content, width=1000, **settings):
        context = browser.new_context(viewport={"width": width, "height": 600}, **settings)
        opened.append(context)
        context.route(re.compile("^(?!file:|blob:|data:)"), lambda route: route.abort())
        tab = context.new_page()
        tab.on("pageerror", lambda error: errors.append(str(error)))
        place = tmp_path / f"{len(opened)}.html"
        place.write_text(content, encoding="utf-8")
        tab.goto(place.as_uri())
        return tab

    yield go
    for context in opened:
        context.close()
    assert errors == []
