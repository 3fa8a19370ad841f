"""No page leads nowhere: links, pictures and paths in Markdown, in notebooks too; the file that says how to cite."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PAGES = [*ROOT.glob("*.md"), *(ROOT / ".github").rglob("*.md"), *ROOT.glob("nbrecipe/catalogue/prose/*.md")]
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(
    r"\]\((?!https?:|#|mailto:|attachment:|data:)([^)#\s]+)[^)]*\)|src(?:set)?=\"(?!https?:|data:)([^\"]+)\""
)
#: paths that are named in passing
NAMED = re.compile(r"`((?:nbrecipe|notebooks|tests|binder)/[\w./]+)`")


def dead(text: str, folder: Path) -> list[str]:
    """The links and paths of a page in this folder that lead to no file."""
    prose = FENCED.sub("", text)
    links = ["".join(found) for found in LINK.findall(prose)]
    return [link for link in links if not (folder / link).exists()] + [
        path for path in NAMED.findall(prose) if not (ROOT / path).exists()
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_link_of_a_page_is_dead(page):
    # what is written of a magic has its pictures beside the page that it becomes
    assert dead(page.read_text("utf-8"), page.parent) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_link_of_a_notebook_is_dead(path):
    cells = json.loads(path.read_text("utf-8"))["cells"]
    text = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    assert dead(text, path.parent) == []


def test_a_dead_link_is_named(tmp_path):
    (tmp_path / "there.md").touch()
    page = '[a](there.md#part) [b](gone.md) <img src="gone.png"> `tests/gone.py`\n```text\n[c](code.md)\n```\n'
    assert dead(page, tmp_path) == ["gone.md", "gone.png", "tests/gone.py"]
    assert dead("[d](https://example.org/x) [e](#part)", tmp_path) == []


def test_it_can_be_cited_with_both_essays():
    from nbrecipe import __version__
    from nbrecipe.recipe import ESSAYS

    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert cited["cff-version"] == "1.2.0"
    assert cited["authors"] == [{"name": "nbrecipe contributors"}]
    assert (cited["license"], cited["version"]) == ("BSD-3-Clause", __version__)
    assert {work["url"] for work in cited["references"]} == set(ESSAYS.values())
    required = {"title", "message", "cff-version", "authors"}
    assert required <= set(cited)
    assert all({"type", "title", "authors"} <= set(work) for work in cited["references"])
