"""Notebooks written for a test, and pages opened from disk."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from nbrecipe import gallery


@pytest.fixture
def write(tmp_path):
    """Writes a notebook of these cells: a text is Markdown, a list is the outputs of a code cell."""

    def write(*cells, name: str = "notes.ipynb", **metadata) -> Path:
        made = [
            new_markdown_cell(cell) if isinstance(cell, str) else new_code_cell("x", outputs=cell, execution_count=1)
            for cell in cells
        ]
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(new_notebook(cells=made, metadata=metadata), path)
        return path

    return write


@pytest.fixture
def page(write, tmp_path):
    """The page of a notebook of these cells."""

    def page(*cells, trust: bool = False, **metadata) -> str:
        (written,) = gallery.export(gallery.sources([write(*cells, **metadata)]), tmp_path / "pages", trust=trust)
        return written.path.read_text("utf-8")

    return page


@pytest.fixture
def shown():
    """Makes an output of these kinds."""

    def shown(**kinds):
        text = ("html", "plain", "latex", "markdown")
        return new_output("display_data", {f"{'text' if k in text else 'image'}/{k}": v for k, v in kinds.items()})

    return shown


@pytest.fixture
def visit(browser):
    """Opens a file without any network; a script error, a message of the console, a request fails the test."""
    opened, heard = [], []

    def visit(path: Path, width: int = 1100, **settings):
        context = browser.new_context(viewport={"width": width, "height": 900}, **settings)
        opened.append(context)
        context.set_default_timeout(60_000)
        tab = context.new_page()

        def refuse(route):
            heard.append(f"asked for {route.request.url}")
            route.abort()

        context.route(re.compile("^(?!file:|blob:|data:)"), refuse)
        tab.on("pageerror", lambda error: heard.append(str(error)))
        tab.on("console", lambda message: heard.append(message.text) if message.type in ("error", "warning") else None)
        tab.goto(path.as_uri())
        return tab

    visit.heard = heard
    yield visit
    for context in opened:
        context.close()
    assert heard == []
