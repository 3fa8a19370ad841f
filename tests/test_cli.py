"""`nbrecipe run`, `nbrecipe explain`, `nbrecipe --version`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

import nbrecipe
from nbrecipe.cli import main
from nbrecipe.cli.running import headline

MODEL = """\
import torch
from torch import nn
torch.manual_seed(0)
x, y = torch.randn(256, 8), torch.arange(256) % 4
model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 4))
criterion = nn.CrossEntropyLoss()
batch = (x, y)
"""
HOT = MODEL + "with torch.no_grad(): model[2].weight.mul_(40)"


@pytest.fixture
def notebook(tmp_path):
    """Writes a notebook of these cells."""

    def write(*sources: str) -> Path:
        cells = [nbformat.v4.new_markdown_cell("# Words"), *map(nbformat.v4.new_code_cell, sources)]
        path = tmp_path / "a notebook.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
        return path

    return write


def test_a_healthy_notebook_exits_with_0_and_shows_progress_the_board_and_how_to_open_it(notebook, tmp_path, capsys):
    path = notebook("%load_ext nbrecipe", "# the model\n" + MODEL, "%check_init", "")
    html, executed = tmp_path / "report.html", tmp_path / "executed.ipynb"
    assert main(["run", str(path), "--report", str(html), "--output", str(executed)]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^  1/3  %load_ext nbrecipe +\d+\.\d s$", out, re.M)
    assert re.search(r"^  2/3  import torch +\d+\.\d s$", out, re.M)
    assert re.search(r"^The recipe: you are at \w+", out, re.M)
    took = re.search(r"^(\d+\.\d) s \((\d+\.\d) s of processor time\), (\d+) MB at its peak$", out, re.M)
    assert took, out
    assert float(took[2]) > 0.5, "torch alone takes longer to import"
    assert 150 < int(took[3]) < 900, "torch alone takes more"
    assert f"report: {html}\n" in out
    assert re.search(rf"^open it in JupyterLab: \S+ lab '{re.escape(str(path))}'$", out, re.M)
    assert html.read_text("utf-8").startswith("<!doctype html>")
    done = nbformat.read(executed, as_version=4)
    assert [cell.cell_type for cell in done.cells] == ["markdown", "code", "code", "code", "code"], "no cell of ours"
    assert "widgets" not in done.metadata, "no state that viewers would show as an empty box"
    assert nbformat.read(path, as_version=4).cells[1].outputs == [], "the notebook itself stays as it is"


def test_a_fault_exits_with_1_and_stands_in_the_report(notebook, tmp_path):
    path = notebook("%load_ext nbrecipe", HOT, "%check_init")
    report = tmp_path / "report.json"
    assert main(["run", str(path), "--report", str(report)]) == 1
    verdicts = {entry["id"]: entry["verdict"] for entry in json.loads(report.read_text())["findings"]}
    assert verdicts["loss-at-init"] == "bad"
    assert "cannot-overfit" not in verdicts, "the notebook chose its checks"


def test_a_notebook_that_knows_nothing_of_nbrecipe_is_checked_in_full(notebook, tmp_path):
    report = tmp_path / "report.json"
    assert main(["run", str(notebook(HOT)), "--report", str(report), "--budget", "60"]) == 1
    verdicts = {entry["id"]: entry["verdict"] for entry in json.loads(report.read_text())["findings"]}
    assert verdicts["loss-at-init"] == "bad"
    assert "cannot-overfit" in verdicts


def test_full_adds_to_what_the_notebook_ran(notebook, tmp_path):
    path, report = notebook("%load_ext nbrecipe", MODEL, "%check_init --quiet"), tmp_path / "report.json"
    main(["run", str(path), "--full", "--report", str(report), "--budget", "60"])
    assert "cannot-overfit" in {entry["id"] for entry in json.loads(report.read_text())["findings"]}


def test_a_cell_that_fails_exits_with_2_after_the_board_so_far(notebook, tmp_path, capsys):
    path = notebook("%load_ext nbrecipe", HOT, "%check_init", "1/0", "print('never')")
    report = tmp_path / "report.json"
    assert main(["run", str(path), "--report", str(report)]) == 2
    out, err = capsys.readouterr()
    assert err.endswith("nbrecipe: cell 4 stopped with ZeroDivisionError: division by zero\n")
    assert re.search(r"^  4/5  1/0 +failed$", out, re.M)
    assert "5/5" not in out
    assert json.loads(report.read_text())["findings"], "what was seen before"


def test_a_cell_that_may_fail_does_not_end_the_run(notebook, tmp_path):
    path = notebook("%load_ext nbrecipe", "1/0", MODEL, "%check_init")
    page = nbformat.read(path, as_version=4)
    page.cells[2].metadata.tags = ["raises-exception"]
    nbformat.write(page, path)
    assert main(["run", str(path)]) == 0


def test_a_cell_that_runs_too_long_is_ended(notebook, capsys):
    assert main(["run", str(notebook("%load_ext nbrecipe", "import time; time.sleep(600)")), "--timeout", "8"]) == 2
    out, err = capsys.readouterr()
    assert err.endswith("nbrecipe: cell 2 ran for more than 8 seconds; allow more with --timeout\n")
    assert "The recipe: " in out, "the board so far"


def test_a_lock_hides_what_later_stages_hold(notebook, tmp_path, capsys):
    path, report = notebook("%load_ext nbrecipe", HOT, "%check_init -q"), tmp_path / "report.json"
    assert main(["run", str(path), "--lock", "1", "--report", str(report)]) == 0, "the fault is of a later stage"
    out = capsys.readouterr().out
    assert "– Stages 2 to 6 are locked; `%recipe --lock 6` opens all" in out
    assert "Skeleton" not in out
    assert json.loads(report.read_text())["findings"] == []


def test_a_kernel_that_dies_is_named(notebook, capsys):
    assert main(["run", str(notebook("import os; os._exit(1)"))]) == 2
    assert capsys.readouterr().err.endswith("nbrecipe: cell 1 ended the kernel; it may have run out of memory\n")


def test_cells_run_in_the_notebooks_own_folder(notebook, tmp_path):
    path = notebook("open('here', 'w').close()", "%load_ext nbrecipe", MODEL, "%check_init --quiet")
    assert main(["run", str(path)]) == 0
    assert (tmp_path / "here").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "nowhere.ipynb"], "there is no notebook 'nowhere.ipynb'"),
        (["run", "text.ipynb"], "'text.ipynb' is not a notebook: Notebook does not appear to be JSON: 'hello'"),
        (
            ["run", "a.ipynb", "--report", "a.pdf"],
            "a report is written to a .html or a .json file; 'a.pdf' is neither",
        ),
        (["run", "a.ipynb", "--report", "no/a.html"], "there is no folder 'no' to write 'a.html' to"),
        (["run", "a.ipynb", "--output", "no/b.ipynb"], "there is no folder 'no' to write 'b.ipynb' to"),
        (["run", "a.ipynb", "--lock", "7"], "--lock takes the number of a stage, 1 to 6; 7 was given"),
        (["run", "a.ipynb", "--jobs", "0"], "--jobs takes a number from 1 up; 0 was given"),
        (["run", "a.ipynb", "--timeout", "nan"], "--timeout takes a number from 1 up; nan was given"),
        (["run", "void"], "there is no notebook in 'void'"),
        (
            ["run", "a.ipynb", "b.ipynb", "--output", "b.ipynb"],
            "the executed notebooks are written to a folder; there is none called 'b.ipynb'",
        ),
        (["explain", "loss-init"], "no check is called 'loss-init'. Did you mean 'loss-at-init'?"),
    ],
)
def test_misuse_is_one_sentence_and_exit_code_2(arguments, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("text.ipynb").write_text("hello")
    Path("void").mkdir()
    assert main(arguments) == 2
    assert capsys.readouterr().err == f"nbrecipe: {sentence}\n"


@pytest.mark.parametrize("missing", ["nbclient", "nbformat", "ipykernel"])
@pytest.mark.parametrize("given", [["a.ipynb"], ["a.ipynb", "b.ipynb"]], ids=["one", "several"])
def test_a_missing_library_is_named_with_the_line_that_installs_it(missing, given, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, missing, None)
    assert main(["run", *given]) == 2
    assert capsys.readouterr().err == f"nbrecipe: running a notebook needs {missing}: pip install 'nbrecipe[lab]'\n"


def test_explain_prints_a_checks_page(capsys):
    assert main(["explain", "loss-at-init"]) == 0
    out = capsys.readouterr().out
    assert "loss-at-init" in out
    assert "verify loss @ init" in out


def test_the_version_is_the_packages(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"nbrecipe {nbrecipe.__version__}\n"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("x = 1\ny = 2", "x = 1"),
        ("\n# the model\n\n  x = 1", "x = 1"),
        ("# only words", "# only words"),
        ("x" * 100, "x" * 71 + "…"),
    ],
)
def test_the_line_of_progress_is_the_first_that_says_something(source, said):
    assert headline(source) == said


def test_who_has_read_enough_gets_no_traceback():
    told = subprocess.run(
        f"{sys.executable} -m nbrecipe.cli explain loss-at-init | head -n 1", shell=True, capture_output=True, text=True
    )
    assert told.stdout.startswith("loss-at-init")
    assert told.stderr == ""


def test_help_waits_for_no_torch():
    lines = "import sys, nbrecipe.cli; print('torch' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", lines], text=True) == "False\n"
