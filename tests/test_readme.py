"""What the README says is so: its commands, its cells and what they print; the example of a check for contributors."""

from __future__ import annotations

import contextlib
import importlib
import io
import re
import sys
from pathlib import Path

import pytest
import test_every_check as contract

from nbrecipe import checks
from nbrecipe.catalogue.tables import masked

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
CONTRIBUTING = (ROOT / ".github" / "CONTRIBUTING.md").read_text("utf-8")
CELLS = re.findall(r"```(python|text)\n(.*?)```\n", README, flags=re.S)
(EXAMPLE,) = re.findall(r"```python\n(.*?)```\n", CONTRIBUTING, flags=re.S)
#: words that a person reads in a minute
PACE = 220


def command(name: str) -> str:
    (found,) = re.findall(rf"<!-- command: {name} -->\n```bash\n(.*)\n```\n", README)
    return found


@pytest.mark.parametrize(("name", "extra"), [("main job", "lab"), ("tests", "dev")])
def test_the_two_commands_set_everything_up_with_exact_versions(name, extra):
    venv, install, _ = command(name).split(" && ")
    assert venv == "python3 -m venv .venv"
    assert install == f".venv/bin/pip install -c binder/constraints.txt -e '.[{extra}]'"


@pytest.mark.parametrize("name", ["main job", "tests"])
def test_the_commands_stand_on_the_first_screen(name):
    assert README.index(command(name)) < README.index("\n## ")
    assert README[: README.index(command(name))].count("\n") < 30


def test_the_script_of_ci_runs_the_commands_of_the_readme():
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    for name in ("main job", "tests"):
        assert f"readme '{name}'" in script
    assert "pip install -c" not in script, "no copy of a command"


def test_the_cells_of_the_readme_run_and_print_what_stands_below_them(ip):
    printed, compared = "", 0
    for kind, text in CELLS:
        if kind == "text":
            assert masked(text) in masked(printed)
            compared += 1
            continue
        with contextlib.redirect_stdout(io.StringIO()) as out:
            ip.run_cell(text, store_history=True).raise_error()
        printed = out.getvalue()
    assert compared >= 2


def test_the_example_of_a_check_keeps_the_contract(tmp_path, monkeypatch):
    (tmp_path / "lonely_example.py").write_text(EXAMPLE)
    monkeypatch.setattr(checks, "__path__", [*checks.__path__, str(tmp_path)])
    try:
        check = importlib.import_module("nbrecipe.checks.lonely_example").check
    finally:
        sys.modules.pop("nbrecipe.checks.lonely_example", None)
    contract.has_a_page(check)
    contract.has_examples(check)
    contract.is_named_after_its_file(check, "lonely_example")
    broken = [contract.tried(check, example) for example in check.broken]
    healthy = [contract.tried(check, example) for example in check.healthy]
    for trial in broken:
        contract.flags_a_fault(trial)
    for trial in healthy:
        contract.raises_no_false_alarm(trial)
    for trial in [*broken, *healthy]:
        for promise in contract.PROMISES:
            promise(trial)


def read(page: str) -> int:
    """How many words of a page are read: those outside code, tables, markup and addresses."""
    prose = re.sub(r"```.*?```|<!--.*?-->|<[^>]+>|^\|[^\n]*$", " ", page, flags=re.S | re.M)
    return len(re.findall(r"\w[^\s]*", re.sub(r"\]\([^)]*\)", "]", prose)))


def test_the_readme_is_read_in_three_minutes():
    assert 300 < read(README) <= 3 * PACE


def test_what_is_read_are_words_and_neither_code_nor_tables():
    assert read("# One\n```python\ncode here\n```\n| no | word |\n<b>two</b> [three](four.md) <!-- five -->") == 3


def test_every_room_of_the_package_stands_in_the_layout():
    layout = CONTRIBUTING[CONTRIBUTING.index("## How the code is laid out") :]
    rooms = [
        path.name for path in (ROOT / "nbrecipe").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    ]
    assert [room for room in rooms if room not in layout and room not in ("__init__.py", "film.py", "py.typed")] == []


def test_the_tools_are_counted_as_their_table_stands():
    table = (ROOT / ".github" / "COMPARISON.md").read_text("utf-8")
    head, _, *rows = [line.strip("| \n").split(" | ") for line in re.findall(r"^\|.*$", table.split("\n## ")[0], re.M)]
    assert len(rows) == 12
    for place, tool in enumerate(head[1:], 1):
        said = [row[place] for row in rows]
        assert f"| {tool} | {said.count('names')} | {said.count('symptom')} |" in README
