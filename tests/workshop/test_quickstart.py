"""The quickstart tells what it promises: a fault found, mended and gone, and a number that is worth something."""

from __future__ import annotations

import re

import nbformat
import pytest

from tests.solved import FOLDER, cells_with, executed, solved_cells, told, with_solutions


def accuracy(page) -> float:
    found = re.search(r"(\d+\.\d)% of the 450 validation images are read right", told(cells_with(page, "epoch")[0]))
    assert found
    return float(found[1])


@pytest.mark.timeout(240)
def test_the_quickstart_finds_a_fault_and_shows_what_its_number_is_worth(tmp_path):
    report = tmp_path / "report.html"
    code, page = executed(FOLDER / "00_quickstart.ipynb", tmp_path, "--report", report)
    assert code == 0

    before, after = (told(cell) for cell in cells_with(page, "%check_init"))
    assert re.search(r"✗ Loss at init is \d+\.\d+", before), before
    assert "✗" not in after, after

    overfit = cells_with(page, "%%overfit_batch")[0]
    assert "cannot-overfit" in told(overfit)
    static = "".join(out.get("data", {}).get("text/html", "") for out in overfit.outputs)
    assert "<img" in static, "stands where scripts do not run"

    linear, own = re.search(
        r"linear model reads (\d+\.\d)% right, and yours (\d+\.\d)%", told(cells_with(page, "ladder.scores")[0])
    ).groups()
    assert float(own) == accuracy(page) >= float(linear), "reading shapes is no worse than not"

    board = told(cells_with(page, "%recipe")[-1])
    assert re.search(r"✓ 2 Skeleton +(\d+)/\1 +holds", board), board
    assert re.search(r"✓ 3 Overfit +(\d+)/\1 +holds", board), board

    text = report.read_text("utf-8")
    assert text.startswith("<!doctype html>")
    outside = re.findall(r"<(?:script|img|link)[^>]*(?:src|href)=[\"']?(?!data:|blob:)[^\"'> ]+", text)
    assert outside == [], "a report stands alone: nothing is fetched"


@pytest.mark.timeout(240)
def test_left_in_the_fault_ends_at_a_guess_and_the_solution_names_the_missing_line(tmp_path):
    source = with_solutions("00_quickstart", tmp_path)
    page = nbformat.read(source, as_version=4)
    for line in ("xavier_uniform_", "%recipe", "%baseline", "ladder.scores", "%browse"):
        for cell in cells_with(page, line):
            page.cells.remove(cell)
    overfit = cells_with(page, "%%overfit_batch")[0]
    overfit.source = overfit.source.replace("%%overfit_batch\n", "")
    nbformat.write(page, source)
    code, page = executed(source, tmp_path)
    assert code == 1
    assert 5 < accuracy(page) < 15
    (solution,) = solved_cells(page)
    assert "missing-zero-grad" in told(solution)
