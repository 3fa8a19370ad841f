"""After a restart, or out of order: one sentence says which cells of the saved notebook to run again."""

from __future__ import annotations

import json

import pytest
from IPython.core.error import UsageError
from IPython.utils.capture import capture_output

IMPORTS = "import torch\nfrom torch import nn"
DATA = "x = torch.randn(32, 6)\ny = torch.arange(32) % 3"
NET = "# a small one\nnet = nn.Sequential(\n    nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))"
LOSS = "criterion = nn.CrossEntropyLoss()"
CELLS = ["%load_ext nbrecipe", IMPORTS, DATA, NET, LOSS, "%check_init", "%recipe"]


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """Writes the notebook of this kernel, as a server names it, its cells numbered as they ran."""

    def write(sources, numbers=None):
        numbers = numbers or range(1, len(sources) + 1)
        code = [
            {"cell_type": "code", "execution_count": n or None, "source": source.splitlines(True), "outputs": []}
            for n, source in zip(numbers, sources, strict=True)
        ]  # fmt: skip
        path = tmp_path / "hw.ipynb"
        path.write_text(json.dumps({"cells": [{"cell_type": "markdown", "source": "# Hi"}, *code]}))
        monkeypatch.setenv("JPY_SESSION_NAME", str(path))
        return path

    return write


def told(ip, source):
    """What a cell is refused with."""
    with capture_output() as said:
        done = ip.run_cell(source, store_history=True)
    assert type(done.error_in_exec) is UsageError, done.error_in_exec
    assert said.stderr == f"UsageError: {done.error_in_exec}\n", "one line, no traceback"
    return str(done.error_in_exec)


def test_the_cell_that_made_the_model_is_named_with_those_that_it_needs(ip, saved):
    saved(CELLS)
    sentence = "no model here; run cells 2 and 4 again, for the line `net = nn.Sequential(`"
    assert told(ip, "%check_init") == sentence
    assert told(ip, "%overfit_batch") == sentence
    assert told(ip, "%evaluate") == sentence
    ip.run_cell(IMPORTS)
    assert told(ip, "%check_init") == "no model here; run cell 4 again, which begins `net = nn.Sequential(`"


def test_one_thing_after_the_other_is_asked_for_until_it_runs(ip, saved):
    saved(CELLS)
    ip.run_cell(IMPORTS)
    ip.run_cell(NET)
    assert told(ip, "%check_init") == "no batch here; run cell 3 again, which begins `x = torch.randn(32, 6)`"
    ip.run_cell(DATA)
    assert (
        told(ip, "%check_init")
        == "no loss function here; run cell 5 again, which begins `criterion = nn.CrossEntropyLoss()`"
    )
    ip.run_cell(LOSS)
    with capture_output():
        assert ip.run_cell("%check_init -q").success


def test_a_name_that_is_not_here_is_looked_up_too(ip, saved):
    saved([*CELLS, "my_net = nn.Linear(6, 3)"])
    ip.run_cell(IMPORTS)
    assert (
        told(ip, "%check_init my_net")
        == "there is no `my_net` here; run cell 8 again, which begins `my_net = nn.Linear(6, 3)`"
    )
    assert told(ip, "%check_init nett") == "there is no `nett` here"


def test_a_cell_that_never_ran_is_to_be_run_first(ip, saved):
    saved([IMPORTS, NET, "%check_init"], [1, 0, 2])
    ip.run_cell(IMPORTS)
    assert told(ip, "%check_init") == "no model here; run the cell that begins `net = nn.Sequential(` first"


def test_the_last_cell_before_the_one_that_runs_is_meant_and_what_it_builds_on(ip, saved):
    saved(
        [IMPORTS, "model = nn.Linear(6, 3)", "model = nn.Sequential(model, nn.ReLU())", "%check_init", "model = None"]
    )
    ip.run_cell(IMPORTS)
    assert (
        told(ip, "%check_init")
        == "no model here; run cells 2 and 3 again, for the line `model = nn.Sequential(model, nn.ReLU())`"
    )


def test_a_line_that_is_not_the_first_of_its_cell_is_quoted_as_such(ip, saved):
    saved([IMPORTS, "width = 6\nnet = nn.Linear(width, 3)"])
    ip.run_cell(IMPORTS)
    assert told(ip, "%check_init") == "no model here; run cell 2 again, with the line `net = nn.Linear(width, 3)`"


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"cells": 3}', '{"cells": [{}]}', '{"cells": [{"cell_type": "code"}]}']
)
def test_a_file_that_cannot_be_read_changes_nothing(ip, saved, content):
    saved(CELLS).write_text(content)
    assert told(ip, "%check_init") == "no model here: assign one (`model = ...`) or name it"


def test_a_notebook_that_does_not_make_it_changes_nothing(ip, saved):
    saved([IMPORTS, "print('# net = 3')", "net +", "%check_init"])
    assert told(ip, "%check_init") == "no model here: assign one (`model = ...`) or name it"


def test_the_file_that_an_editor_names_comes_first(ip, saved, tmp_path):
    saved([])
    other = tmp_path / "other.ipynb"
    other.write_text(json.dumps({"cells": [{"cell_type": "code", "execution_count": 7, "source": "net = make()"}]}))
    ip.user_ns["__vsc_ipynb_file__"] = str(other)
    assert told(ip, "%check_init") == "no model here; run cell 7 again, which begins `net = make()`"


def test_the_board_of_a_new_kernel_says_which_cells_looked_before(ip, saved):
    saved(CELLS)
    with capture_output():
        board = ip.run_cell("%recipe -q").result
    assert "– This kernel has seen nothing yet; run cell 6 of the notebook again, which looked before" in str(
        board
    ).replace("\n  ", " ")
    for cell in (IMPORTS, DATA, NET, LOSS, "%check_init -q"):
        with capture_output():
            assert ip.run_cell(cell, store_history=True).success
    with capture_output():
        assert "seen nothing" not in str(ip.run_cell("%recipe -q").result)
