"""What the README says is so: its commands, its cells and what they print, its example of a check, its files."""

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

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```(python|text)\n(.*?)```\n", README, flags=re.S)
CELLS = [(kind, text) for kind, text in BLOCKS if "Check(__name__" not in text]
(EXAMPLE,) = [text for kind, text in BLOCKS if "Check(__name__" in text]


def masked(text: str) -> str:
    """The text without its line breaks and without its numbers, which differ a little from machine to machine."""
    return re.sub(r"-?\d+(\.\d+)?(e-?\d+)?", "#", " ".join(text.split()))


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
    assert compared >= 5


def test_numbers_are_masked_and_words_are_not():
    assert masked("loss is 4.61 ± 0.05\nat 1.2e-5") == masked("loss is 4.58 ± 0.11 at 3.0e-7")
    assert masked("loss is 4.61") != masked("loss was 4.61")


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


def test_every_file_that_the_readme_names_is_there():
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", README) + re.findall(r'src(?:set)?="([^"]+)"', README)
    paths = re.findall(r"`((?:nbrecipe|notebooks|tests|binder)/[\w./]+)`", README)
    assert [path for path in [*links, *paths] if not (ROOT / path).exists()] == []


def test_every_room_of_the_package_stands_in_the_layout():
    layout = README[README.index("## How the code is laid out") : README.index("## Limits")]
    rooms = [
        path.name for path in (ROOT / "nbrecipe").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    ]
    assert [room for room in rooms if room not in layout and room not in ("__init__.py", "film.py", "py.typed")] == []
