"""Every notebook runs from first cell to last, within what a Binder server gives; what is committed is whole."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from nbrecipe.cli import main

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
WORKSHOP = [
    "00_quickstart", "1_data", "2_skeleton_and_baselines", "3_overfit", "4_regularize", "debug_these", "text_tokens",
]  # fmt: skip
#: a committed notebook is read on the web, where large ones are not shown
MAX_BYTES = 1_000_000
#: of processor time, which other programs on the machine do not lengthen; and of memory, on a server with 1 to 2 GB
MAX_SECONDS, MAX_MEGABYTES = 60, 900
TOOK = re.compile(r"\(([\d.,]+) s of processor time\)(?:, ([\d.,]+) MB at its peak)?")

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def prose(notebook) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def test_the_notebooks_of_the_workshop_are_these():
    assert [path.stem for path in NOTEBOOKS] == WORKSHOP


@pytest.mark.timeout(240)
@each_notebook
def test_a_notebook_runs_through_without_a_fault_at_its_end_in_time_and_memory(path, capsys):
    assert main(["run", str(path)]) == 0
    took = TOOK.search(capsys.readouterr().out)
    assert took is not None
    seconds, megabytes = (float((number or "0").replace(",", "")) for number in took.groups())
    assert 0 < seconds <= MAX_SECONDS
    assert megabytes <= MAX_MEGABYTES


@each_notebook
def test_what_is_committed_was_executed_in_order_and_is_small(path):
    assert path.stat().st_size < MAX_BYTES
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert "widgets" not in notebook.metadata
    errors = [out for cell in code for out in cell.outputs if out.output_type == "error"]
    assert errors == []


@each_notebook
def test_a_sentence_stands_before_every_cell(path):
    kinds = [cell.cell_type for cell in nbformat.read(path, as_version=4).cells]
    assert kinds == (["markdown", "code"] * len(kinds))[: len(kinds)]


@each_notebook
def test_no_output_needs_a_kernel_and_pictures_have_words(path):
    outs = [out for cell in nbformat.read(path, as_version=4).cells for out in cell.get("outputs", [])]
    kinds = {kind for out in outs for kind in out.get("data", {})}
    assert "application/vnd.jupyter.widget-view+json" not in kinds, "a viewer without a kernel would show an error"
    assert all("text/plain" in out["data"] for out in outs if "data" in out)


@each_notebook
def test_what_is_folded_away_opens_closes_and_is_set_off(path):
    """GitHub and JupyterLab read what is inside as markdown only between empty lines."""
    for text in prose(nbformat.read(path, as_version=4)):
        assert text.count("<details>") == text.count("</details>")
        assert text.count("<summary>") == text.count("</summary>") == text.count("<details>")
        assert len(re.findall(r"</summary>\n\n", text)) == text.count("</summary>")
        assert len(re.findall(r"\n\n</details>", text)) == text.count("</details>")


@each_notebook
def test_links_to_other_notebooks_lead_somewhere(path):
    links = [link for text in prose(nbformat.read(path, as_version=4)) for link in re.findall(r"\]\(([^)]+)\)", text)]
    assert [link for link in links if "://" not in link and not (FOLDER / link.partition("#")[0]).exists()] == []
