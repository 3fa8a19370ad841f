"""`nbrecipe run` over a folder of students' notebooks: a row for each, whatever becomes of it."""

from __future__ import annotations

import html
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from nbrecipe.cli.class_page import page
from nbrecipe.cli.class_text import summary, table
from nbrecipe.cli.outcome import Outcome, names_of, notebooks_in

#: seven kernels are started; a busy machine takes its time
pytestmark = pytest.mark.timeout(900)
LOAD = "%load_ext nbrecipe"
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
OWN = "import nbrecipe\n@nbrecipe.check(stage='data')\ndef rows_enough(batch):\n    return 'too few <rows>'\n"


def written(path: Path, *sources: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources]), path)
    return path


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A class of seven, run two at a time: exit code, what was printed, the data, the page, and the folder."""
    folder = tmp_path_factory.mktemp("class")
    written(folder / "anna" / "hw.ipynb", LOAD, HOT, "%check_init -q")
    written(folder / "ben" / "hw.ipynb", LOAD, MODEL + OWN, "%recipe rows-enough -q", "1/0", "print('never')")
    written(folder / "dead.ipynb", "x = 1", "import os; os._exit(1)")
    written(folder / "slow.ipynb", LOAD, "import time; time.sleep(600)")
    written(folder / "empty.ipynb", "", "  ")
    written(folder / ".ipynb_checkpoints" / "empty.ipynb", "1/0")
    (folder / "none.ipynb").write_text("hello")
    report = folder / "class.json"
    out, executed = folder / "class.html", folder / "executed"
    executed.mkdir()
    command = [sys.executable, "-m", "nbrecipe.cli", "run", str(folder), str(folder / "gone.ipynb"), "--jobs", "2"]
    limits = ["--timeout", "20", "--budget", "10", "--report", str(report), "--output", str(executed)]
    done = subprocess.run([*command, *limits], capture_output=True, text=True, timeout=850)
    data = {told["name"]: told for told in json.loads(report.read_text())["notebooks"]}
    reread = [
        Outcome(**{k: tuple(v) if k == "findings" else v for k, v in told.items() if k != "exit"})
        for told in data.values()
    ]
    out.write_text(page(reread, 3.0), "utf-8")
    return done, data, out.read_text("utf-8"), executed


def test_every_notebook_is_a_row_and_the_worst_of_them_the_exit_code(ran):
    done, data, _, _ = ran
    assert done.returncode == 2, done.stderr
    assert sorted(data) == ["anna/hw", "ben/hw", "dead", "empty", "gone", "none", "slow"]
    assert {name: told["exit"] for name, told in data.items()} == {
        "anna/hw": 1, "ben/hw": 2, "dead": 2, "empty": 2, "gone": 2, "none": 2, "slow": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "failure"),
    [
        ("anna/hw", r""),
        ("ben/hw", r"cell 4 stopped with ZeroDivisionError: division by zero"),
        ("dead", r"cell 2 ended the kernel; it may have run out of memory"),
        ("slow", r"cell 2 ran for more than 20 seconds; allow more with --timeout"),
        ("empty", r"there is no cell of code in it"),
        ("gone", r"there is no notebook '.*gone\.ipynb'"),
        ("none", r"'.*none\.ipynb' is not a notebook: Notebook does not appear to be JSON: 'hello'"),
    ],
)
def test_a_sentence_says_what_stopped_it(ran, name, failure):
    assert re.fullmatch(failure, ran[1][name]["failure"])


def test_a_row_says_where_it_stands_what_was_found_and_what_it_took(ran):
    anna, ben = ran[1]["anna/hw"], ran[1]["ben/hw"]
    assert (anna["stage"], anna["title"], anna["gate"]) == (2, "Skeleton", "overfit one batch")
    assert [f["id"] for f in anna["findings"] if f["verdict"] == "bad"] == ["loss-at-init"]
    assert (anna["cells"], anna["ran"], ben["cells"], ben["ran"]) == (3, 3, 5, 3)
    assert 100e6 < anna["peak_bytes"] < 900e6
    assert anna["processor_seconds"] > 0.5
    assert anna["seconds"] > 0
    assert ben["source"] == "1/0"
    slow = ran[1]["slow"]
    assert (slow["ran"], slow["stage"]) == (1, 1), "what runs too long is stopped, and its board is asked"
    assert (ben["stage"], ben["title"]) == (1, "Data")
    assert [(f["id"], f["message"]) for f in ben["findings"]] == [("rows-enough", "too few <rows>")], "before it failed"


def test_the_terminal_shows_the_table_and_beneath_it_what_was_found(ran):
    out = ran[0].stdout
    assert re.search(r"^notebook +stands at +gate +found +cells +time +peak$", out, re.M)
    assert re.search(r"^anna/hw +2 Skeleton +shut +1 fault.* 3/3 +\d+\.\d s +\d+ MB$", out, re.M), out
    assert re.search(r"^anna/hw\n  ✗ loss-at-init · ", out, re.M)
    assert re.search(
        r"^ben/hw\n  ! Cell 4 stopped with ZeroDivisionError: division by zero\n  ✗ rows-enough: ", out, re.M
    )
    assert re.search(r"^7 notebooks: 6 did not run to the end, 1 with faults; \d at 1 Data; ", out, re.M)
    assert re.search(r"^  7/7  ", out, re.M), "progress"


def test_each_has_a_journal_of_its_own_and_the_notebooks_stay_as_they_were(ran):
    folder = ran[3].parent
    assert list(folder.rglob(".nbrecipe")) == []
    assert nbformat.read(folder / "anna" / "hw.ipynb", as_version=4).cells[0].execution_count is None


def test_the_executed_notebooks_are_written_to_a_folder(ran):
    assert sorted(p.name for p in ran[3].iterdir()) == ["anna_hw.ipynb", "ben_hw.ipynb", "dead.ipynb", "slow.ipynb"]


def test_the_page_fetches_nothing_and_escapes_what_students_wrote(ran):
    shown = ran[2]
    assert shown.startswith("<!doctype html>")
    outside = re.findall(r"<(?:script|img|link|iframe)[^>]*(?:src|href)=[\"']?(?!data:|blob:)[^\"'> ]+", shown)
    assert outside == []
    assert "too few &lt;rows&gt;" in shown.lower()
    assert "<rows>" not in shown


def outcome(name, **more):
    return Outcome(name, f"{name}.ipynb", **{"cells": 2, "ran": 2, "stage": 2, "title": "Skeleton", **more})


def fault(name):
    told = {"message": "**3** are off", "where": "cell 2, line 3", "fix": "", "code": "", "why": ""}
    return {"id": name, "verdict": "bad", **told}


def test_what_several_share_is_told():
    both = [outcome(name, findings=(fault("loss-at-init"), fault(f"of-{name}"))) for name in ("a", "b")]
    assert summary(both, 2.4).splitlines() == [
        "2 notebooks: 2 with faults; 2 at 2 Skeleton; 2 s in all",
        "faults in several notebooks: loss-at-init (2)",
    ]
    assert "  ✗ loss-at-init · cell 2, line 3: 3 are off" in table(both)


def test_the_report_of_a_student_stands_apart_from_the_page():
    shown = page([outcome("a", report='<!doctype html><body onload="x">"quoted"</body>')], 1.0)
    frame = re.search(r'<iframe title="The report of a" sandbox="allow-scripts" [^>]*srcdoc="([^"]*)"', shown)
    assert frame
    assert html.unescape(frame[1]) == '<!doctype html><body onload="x">"quoted"</body>'


def test_names_are_as_short_as_they_can_be_and_no_two_are_alike(tmp_path):
    paths = [tmp_path / place for place in ("a/x/hw.ipynb", "b/x/hw.ipynb", "b/y/hw.ipynb", "c/one.ipynb", "c/one.txt")]
    assert names_of(paths) == ["a/x/hw", "b/x/hw", "y/hw", "one", "one.txt"]


def test_a_notebook_that_is_named_twice_runs_once(tmp_path):
    path = written(tmp_path / "a" / "hw.ipynb", "1")
    assert notebooks_in([path, tmp_path, tmp_path / "a" / ".." / "a" / "hw.ipynb"]) == [path]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["interrupted", "terminated"])
def test_an_interrupt_tells_what_was_through_and_leaves_no_kernel(tmp_path, how):
    done = written(tmp_path / "a.ipynb", "")
    slow = written(tmp_path / "b.ipynb", f"open(r'{tmp_path}/pid', 'w').write(str(__import__('os').getpid()))",
                   "import time; time.sleep(100)")  # fmt: skip
    command = [sys.executable, "-m", "nbrecipe.cli", "run", str(done), str(slow), "--report", str(tmp_path / "r.json")]
    # what runs in the background is born deaf to it
    heard = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **heard) as running:
        for _ in range(3000):
            if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text():
                break
            time.sleep(0.1)
        running.send_signal(how)
        said = running.communicate(timeout=300)
    assert running.returncode == 130, said
    told = {row["name"]: row["failure"] for row in json.loads((tmp_path / "r.json").read_text())["notebooks"]}
    assert told == {"a": "there is no cell of code in it", "b": "interrupted before it was through"}
    pid = int((tmp_path / "pid").read_text())
    for _ in range(200):
        if not Path(f"/proc/{pid}").exists():
            return
        time.sleep(0.1)
    raise AssertionError("its kernel still runs")


@pytest.mark.parametrize(
    ("verdict", "failure", "code"), [("ok", "", 0), ("hint", "", 0), ("bad", "", 1), ("ok", "x", 2)]
)
def test_the_exit_code_of_a_row(verdict, failure, code):
    assert outcome("a", findings=({**fault("x"), "verdict": verdict},), failure=failure).exit_code == code
