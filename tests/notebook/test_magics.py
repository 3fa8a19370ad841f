"""The magics parse, return and refuse; every sentence is asserted word for word."""

from __future__ import annotations

import argparse
import random

import pytest
import torch
from IPython.utils.capture import capture_output
from shells import CLASSIFIER, do, refused

CELL = CLASSIFIER


# ---- what they return ----------------------------------------------------------------------------------------------


def test_check_init_returns_shows_and_can_be_assigned(notebook):
    answer, said = do(notebook, "%check_init")
    assert answer.ok
    assert "Initialisation of `net`" in str(answer)
    assert notebook.user_ns["_"] is answer
    assert any("text/html" in output.data for output in said.outputs) or str(answer) in said.stdout
    again, said = do(notebook, "r = %check_init net\nr.ok")
    assert again is True
    assert said.stdout.strip() in ("", "True", "Out[3]: True")


def test_a_semicolon_silences(notebook):
    answer, said = do(notebook, "%check_init net -o kept;")
    assert answer is None
    assert (said.stdout, said.outputs) == ("", [])
    assert notebook.user_ns["kept"].ok


@pytest.mark.parametrize("how", ["-q", "--quiet", ""])
def test_quiet_shows_nothing_and_returns_all_the_same(notebook, how):
    if not how:
        do(notebook, "%config RecipeMagics.quiet = True")
    answer, said = do(notebook, f"%check_init {how}")
    assert answer.ok
    assert said.stdout in ("", f"Out[{notebook.execution_count - 1}]: ")  # a terminal's own prompt
    assert said.outputs == []
    _, said = do(notebook, "_")  # a later cell shows it
    assert "Initialisation of `net`" in said.outputs[0].data["text/plain"]


def test_out_assigns_and_keeps_showing(notebook):
    answer, said = do(notebook, "%overfit_batch --steps 300 -o result")
    assert notebook.user_ns["result"] is answer
    assert said.stdout or said.outputs


def test_overfit_takes_the_model_of_its_own_cell(notebook):
    source = """%%overfit_batch -n 8 --steps 500
wide = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 3))
before = [p.clone() for p in wide.parameters()]
"""
    answer, _ = do(notebook, source)
    assert answer.ok
    wide = notebook.user_ns["wide"]
    assert all(torch.equal(a, b) for a, b in zip(wide.parameters(), notebook.user_ns["before"], strict=True))
    film = next(iter(answer)).finding.film
    assert len(film.labels) == 8


def test_a_function_may_call_them_on_its_own_variables(notebook):
    source = """
def judge():
    student = nn.Linear(6, 3)
    return get_ipython().run_line_magic("check_init", "student")
judge()
"""
    answer, _ = do(notebook, source)
    assert "Initialisation of `student`" in str(answer)


def test_expressions_are_evaluated_in_the_notebook(notebook):
    answer, _ = do(notebook, "%check_init net --batch (x[:40], y[:40]) --loss nn.CrossEntropyLoss(label_smoothing=0.1)")
    assert answer.ok


def test_recipe_is_the_board_runs_ids_and_explains(notebook):
    board, _ = do(notebook, "%recipe")
    assert board.view == "board"
    one, _ = do(notebook, "%recipe loss-at-init")
    assert list(one.results) == ["loss-at-init"]
    page, _ = do(notebook, "%recipe explain loss-at-init")
    assert "loss-at-init" in str(page)


def test_an_interrupt_of_everything_keeps_what_was_seen(notebook, monkeypatch):
    from nbrecipe.checks.init import symmetric_init

    def interrupted(given):
        raise KeyboardInterrupt

    monkeypatch.setattr(symmetric_init.check, "judge", interrupted)
    board, _ = do(notebook, "%recipe --full")
    assert board.note == "interrupted: this is what was seen so far"
    assert "loss-at-init" in board.results
    assert "symmetric-init" not in board.results


@pytest.mark.parametrize("ending", ["html", "json"])
def test_recipe_writes_a_report(notebook, tmp_path, ending):
    path = tmp_path / f"with space.{ending}"
    do(notebook, f'%check_init\n%recipe --report "{path}"')
    assert "symmetric-init" in path.read_text()


def test_a_comment_silences_a_check(notebook):
    answer, _ = do(notebook, "%check_init")
    assert "loss-at-init" in answer.results
    do(notebook, "# nbrecipe: ignore loss-at-init")
    answer, _ = do(notebook, "%check_init")
    assert "loss-at-init" not in answer.results
    assert answer.note.endswith("; silenced in a cell: loss-at-init")
    board, _ = do(notebook, "%recipe")
    assert "loss-at-init" not in board.results  # what it said before is taken back
    assert board.note == "silenced in a cell: loss-at-init"


def test_a_trained_model_is_known_for_one(notebook):
    from nbrecipe.notebook.binding import bench

    def past():
        args = argparse.Namespace()
        return bench(
            notebook.magics_manager.registry["RecipeMagics"], "%recipe", args, None, cell="", board=False
        ).trained

    assert past() == ""
    do(notebook, "criterion(net(x), y).backward()")
    assert past() == "`criterion(net(x), y).backward` in cell 2"


def test_bind_follows_the_name_when_its_cell_runs_again(notebook):
    do(notebook, "other = nn.Linear(6, 3)")
    bound, _ = do(notebook, "%bind model=other")
    assert bound == {"model": "other"}
    assert "Initialisation of `other`" in str(do(notebook, "%check_init")[0])
    do(notebook, "other = nn.Linear(6, 3, bias=False)\nfor p in other.parameters(): p.data.zero_()")
    answer, _ = do(notebook, "%check_init")
    assert "Initialisation of `other`" in str(answer)
    assert do(notebook, "%bind --clear")[0] == {}
    assert "Initialisation of `net`" in str(do(notebook, "%check_init")[0])


def test_seed_repeats_everything(ip):
    import numpy as np

    do(ip, "%seed 7")
    first = (random.random(), np.random.rand(), torch.rand(1).item())
    do(ip, "%seed 7")
    assert (random.random(), np.random.rand(), torch.rand(1).item()) == first


def test_the_twin_answers_as_the_magic_does(notebook):
    import nbrecipe

    ns = notebook.user_ns
    answer, _ = do(notebook, "%check_init")
    twin = nbrecipe.check_init(ns["net"], train=ns["train_dl"], loss=ns["criterion"])
    assert {r.id: r.verdict for r in twin} == {r.id: r.verdict for r in answer}


def test_errors_of_the_users_cell_stay_theirs(notebook):
    with capture_output() as said:
        result = notebook.run_cell("%%overfit_batch\nwide = nn.Linear(6, 3)\nwide.nothing\n", store_history=True)
    assert isinstance(result.error_in_exec, AttributeError)
    assert "line 3" in said.stdout
    assert "magics.py" not in said.stdout


# ---- what they refuse ----------------------------------------------------------------------------------------------


def test_no_model(ip):
    do(ip, "x = 3")
    assert refused(ip, "%check_init") == "no model here: assign one (`model = ...`) or name it"


def test_two_models(notebook):
    do(notebook, "del net\nteacher = nn.Linear(6, 3)\nstudent = nn.Linear(6, 3)")
    assert refused(notebook, "%check_init") == "2 models here: `teacher`, `student`; say which: %check_init student"
    assert (
        refused(notebook, "%recipe loss-at-init")
        == "2 models here: `teacher`, `student`; say which: %bind model=student"
    )


def test_no_batch(ip):
    do(ip, "from torch import nn\nnet = nn.Linear(6, 3)\nloss_fn = nn.MSELoss()")
    assert refused(ip, "%check_init") == "no batch here: give a loader (`--train loader`) or a batch (`--batch (x, y)`)"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("%check_init --modle net", "%check_init has no --modle; %check_init? shows what it has"),
        ("%check_init --optimiser opt", "%check_init has no --optimiser; did you mean --optimizer?"),
        ("%recipe --ful --buget 3", "%recipe has no --buget; did you mean --budget?"),
        ("%%overfit_batch --frist", "%%overfit_batch has no --frist; %%overfit_batch? shows what it has"),
        ("%check_init net other", "%check_init does not take `other`; %check_init? shows what it takes"),
        ("%%overfit_batch -n many", "argument -n: invalid int value: 'many'"),
        ("%check_init nett", "there is no `nett` here; did you mean `net`?"),
        ("%check_init train_dl", "`train_dl` is of type DataLoader; model takes a torch.nn.Module"),
        ("%check_init --batch (x, y", "a bracket or a quote is not closed: --batch (x, y"),
        ("%check_init -o 3x", "--out takes the name of a variable; `3x` is none"),
        ("%recipe loss-at-ini", "no check is called 'loss-at-ini'. Did you mean 'loss-at-init'?"),
        ("%recipe explain loss-at-ini", "no check is called 'loss-at-ini'. Did you mean 'loss-at-init'?"),
        ("%bind modle=net", "%bind knows no `modle`; did you mean `model`?"),
        ("%bind net", "%bind takes pairs such as model=net; `net` is none"),
        ("%bind model=nett", "there is no `nett` here; did you mean `net`?"),
        ("%seed -1", "a seed is a whole number from 0 to 4294967295; -1 was given"),
        ("%recipe --report board.txt", "a report is written to a .html or a .json file; 'board.txt' is neither"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_told_in_one_line(notebook, line, sentence):
    source = line + "\nspoiled = True" if line.startswith("%%") else line
    assert refused(notebook, source) == sentence


def test_a_bind_that_fails_binds_nothing(notebook):
    refused(notebook, "%bind loss=criterion model=nett")
    assert do(notebook, "%bind")[0] == {}


def test_an_empty_loader(notebook):
    do(notebook, "train_dl = DataLoader(TensorDataset(x[:0], y[:0]), batch_size=4)")
    assert refused(notebook, "%check_init") == "`train_dl` is empty: it gives no batch"


def test_a_model_that_does_not_take_the_batch(notebook):
    do(notebook, "net = nn.Linear(7, 3)")
    assert refused(notebook, "%check_init") == (
        "the forward pass of Linear fails on this batch, whose input is (32, 6) float32: "
        "mat1 and mat2 shapes cannot be multiplied (32x6 and 7x3)"
    )
