"""Every notebook runs from its first cell to its last, as `nbrecipe run` runs it; the tour tells what it promises."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from nbrecipe.cli import main

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
TOUR = FOLDER / "00_quickstart.ipynb"
#: a committed notebook is read on the web, where large ones are not shown
MAX_BYTES = 1_000_000


@pytest.fixture(scope="module")
def tour(tmp_path_factory):
    """The quickstart, executed: its exit code, its cells and its report."""
    folder = tmp_path_factory.mktemp("tour")
    executed, report = folder / "executed.ipynb", folder / "report.html"
    command = ["run", str(TOUR), "--output", str(executed), "--report", str(report)]
    code = main(command)
    return code, nbformat.read(executed, as_version=4), report.read_text("utf-8")


def text_of(cell) -> str:
    """Everything a cell put out, as plain text."""
    parts = [out.get("text", "") or out.get("data", {}).get("text/plain", "") for out in cell.get("outputs", [])]
    return "\n".join(parts)


def cell_with(notebook, line: str, nth: int = 0):
    return [cell for cell in notebook.cells if line in cell.source][nth]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_through_without_a_fault_at_its_end(path, request):
    assert (request.getfixturevalue("tour")[0] if path == TOUR else main(["run", str(path)])) == 0


def test_the_tour_finds_a_fault_and_shows_that_it_is_gone(tour):
    _, notebook, _ = tour
    before, after = (text_of(cell_with(notebook, "%check_init", nth)) for nth in (0, 1))
    assert re.search(r"✗ Loss at init is \d+\.\d+", before), before
    assert "✗" not in after, after


def test_the_tour_overfits_a_batch_and_keeps_a_picture_that_needs_no_kernel(tour):
    _, notebook, _ = tour
    cell = cell_with(notebook, "%%overfit_batch")
    assert "cannot-overfit" in text_of(cell)
    page = "".join(out.get("data", {}).get("text/html", "") for out in cell.outputs)
    assert "<img" in page, "stands where scripts do not run"
    kinds = {kind for out in cell.outputs for kind in out.get("data", {})}
    assert "application/vnd.jupyter.widget-view+json" not in kinds, "a viewer without a kernel would show an error"


def test_the_board_of_the_tour_holds_through_the_first_stages(tour):
    board = text_of(cell_with(tour[1], "%recipe", -1))
    assert re.search(r"✓ 2 Skeleton +(\d+)/\1 +holds", board), board
    assert re.search(r"✓ 3 Overfit +(\d+)/\1 +holds", board), board


def accuracy(notebook) -> float:
    told = re.search(r"(\d+\.\d)% of the 450 validation images are read right", text_of(cell_with(notebook, "epoch")))
    assert told
    return float(told[1])


def test_the_network_of_the_tour_reads_digits_better_than_a_linear_model(tour):
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split

    pixels, digits = load_digits(return_X_y=True)
    train_x, val_x, train_y, val_y = train_test_split(
        pixels / 16, digits, test_size=0.25, stratify=digits, random_state=0
    )
    linear = LogisticRegression(max_iter=500).fit(train_x, train_y).score(val_x, val_y)
    assert accuracy(tour[1]) > 100 * linear


def test_left_in_the_fault_of_the_tour_ends_at_a_guess(tmp_path):
    page = nbformat.read(TOUR, as_version=4)
    page.cells.remove(cell_with(page, "xavier_uniform_"))
    page.cells.remove(cell_with(page, "%recipe"))
    overfit = cell_with(page, "%%overfit_batch")
    overfit.source = overfit.source.replace("%%overfit_batch\n", "")
    left_in, executed = tmp_path / "left_in.ipynb", tmp_path / "executed.ipynb"
    nbformat.write(page, left_in)
    assert main(["run", str(left_in), "--output", str(executed)]) == 1
    assert 5 < accuracy(nbformat.read(executed, as_version=4)) < 15


def test_the_tours_report_stands_alone(tour):
    _, _, report = tour
    assert report.startswith("<!doctype html>")
    outside = re.findall(r"<(?:script|img|link)[^>]*(?:src|href)=[\"']?(?!data:|blob:)[^\"'> ]+", report)
    assert outside == [], "nothing is fetched"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_committed_was_executed_in_order_and_is_small(path):
    assert path.stat().st_size < MAX_BYTES
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert "widgets" not in notebook.metadata
    errors = [out for cell in code for out in cell.outputs if out.output_type == "error"]
    assert errors == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_sentence_stands_before_every_cell(path):
    kinds = [cell.cell_type for cell in nbformat.read(path, as_version=4).cells]
    assert kinds == ["markdown", "code"] * (len(kinds) // 2)
