"""`%%watch` in a shell: the cell runs as it is, its errors are its own, and its answer is where the user wants it."""

from __future__ import annotations

import re

import pytest
import torch
from IPython.utils.capture import capture_output
from shells import do, refused

from nbrecipe import verbs
from nbrecipe.notebook import watching
from nbrecipe.notebook.watching import Pace, label
from nbrecipe.trace.record.data import LoaderSeen, Trace
from nbrecipe.twins.runs import watch
from nbrecipe.twins.runs.watch import Watched

CELL = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(0)
y = torch.randint(3, (96,))
x = torch.randn(96, 6) + 2 * nn.functional.one_hot(y, 6)
train_dl = DataLoader(TensorDataset(x, y), batch_size=32)
criterion = nn.CrossEntropyLoss()
net = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 3))
opt = torch.optim.SGD(net.parameters(), lr=0.1)
"""
LOOP = """
for inputs, labels in train_dl:
    opt.zero_grad()
    loss = criterion(net(inputs), labels)
    loss.backward()
    opt.step()
"""
EVALUATION = """
net.eval()
with torch.no_grad():
    right = sum((net(inputs).argmax(1) == labels).sum().item() for inputs, labels in train_dl)
"""
FORGETS = """
for epoch in range(4):
    for inputs, labels in train_dl:
        loss = criterion(net(inputs), labels)
        loss.backward()
        opt.step()
"""


def told(said):
    """What was shown, as plain text."""
    shown = [output.data.get("text/plain", "") for output in said.outputs]
    return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join([said.stdout, *shown]))


# ---- answers -------------------------------------------------------------------------------------------------------


def test_the_answer_is_shown_and_is_the_value_of_the_cell(notebook):
    answer, said = do(notebook, "%%watch" + LOOP)
    assert isinstance(answer, Watched)
    assert (answer.trace.steps, answer.trace.where) == (3, "cell 2")
    assert notebook.user_ns["_"] is answer
    assert "Watched cell 2: " in told(said)
    assert "3 steps" in told(said)
    assert answer.results["missing-zero-grad (training)"].verdict == "ok"


def test_the_next_cell_can_keep_it_and_so_can_out(notebook):
    do(notebook, "%%watch" + LOOP)
    do(notebook, "w = _\nsteps = w.trace.steps")
    assert notebook.user_ns["steps"] == 3
    answer, _ = do(notebook, "%%watch -o kept" + LOOP)
    assert notebook.user_ns["kept"] is answer


@pytest.mark.parametrize("how", ["-q", "--quiet", ""])
def test_quiet_shows_nothing_now_and_the_answer_later(notebook, how):
    if not how:
        do(notebook, "%config RecipeMagics.quiet = True")
    answer, said = do(notebook, f"%%watch {how}{LOOP}")
    assert isinstance(answer, Watched)
    assert (told(said).strip(), said.outputs) in (("", []), (f"Out[{notebook.execution_count - 1}]:", []))
    _, said = do(notebook, "_")
    assert "Watched cell" in told(said)


def test_a_fault_of_the_loop_is_found_and_told_with_its_line(notebook):
    answer, said = do(notebook, "%%watch" + FORGETS)
    found = answer.results["missing-zero-grad (training)"]
    assert found.verdict == "bad"
    assert "missing-zero-grad" in told(said)
    board, _ = do(notebook, "%recipe")
    assert board.results["missing-zero-grad (training)"].verdict == "bad"


def test_places_are_cells_and_lines_of_the_notebook(notebook):
    answer, _ = do(notebook, "%%watch\n\n" + LOOP.lstrip("\n"))
    [place] = answer.trace.backward
    assert str(place.place) == "cell 2, line 6: `loss.backward()`"


def test_a_comment_silences_a_check(notebook):
    answer, _ = do(notebook, "%%watch\n# nbrecipe: ignore missing-zero-grad" + FORGETS)
    assert not [found for found in answer if found.id == "missing-zero-grad"]


def test_evaluating_in_a_later_cell_keeps_what_training_showed(notebook):
    do(notebook, "%%watch" + FORGETS)
    answer, said = do(notebook, "%%watch" + EVALUATION)
    assert not answer.trace.trained
    assert "nothing trained" in told(said)
    assert verbs.SESSION.report.results["missing-zero-grad (training)"].verdict == "bad"
    assert {found.occasion for found in answer} == {"evaluation"}


def test_a_cell_in_which_nothing_happened_says_so_in_a_sentence(notebook):
    answer, said = do(notebook, "%%watch\nk = 1")
    assert "no model was called and nothing trained in this cell" in " ".join(told(said).split())
    assert "missing-zero-grad" in told(said)
    assert len(verbs.SESSION.report) == 0
    assert len(answer) > 0


def test_the_cell_computes_what_it_computes_without(notebook):
    do(notebook, CELL + LOOP + "bare = [p.detach().clone() for p in net.parameters()]\nrng = torch.get_rng_state()")
    do(notebook, CELL)
    do(notebook, "%%watch -q" + LOOP)
    space = notebook.user_ns
    assert all(torch.equal(a, b) for a, b in zip(space["bare"], space["net"].parameters(), strict=True))
    assert torch.equal(space["rng"], torch.get_rng_state())


# ---- errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", ["1 / 0", "raise KeyboardInterrupt"])
def test_an_error_of_the_cell_is_the_users_own_and_what_was_seen_stands_there(notebook, error):
    body = f"{LOOP}{error}\n"
    with capture_output() as said:
        result = notebook.run_cell(f"%%watch -o kept{body}", store_history=True)
    kind = ZeroDivisionError if "0" in error else KeyboardInterrupt
    assert type(result.error_in_exec) is kind
    shown = told(said)
    assert "line 7" in shown
    assert "watching.py" not in shown
    assert f"3 steps, ended by {kind.__name__}" in shown
    assert notebook.user_ns["kept"].trace.steps == 3
    assert verbs.SESSION.report.results["missing-zero-grad (training)"].verdict == "ok"


def test_a_traceback_has_the_frames_of_the_cell_alone(notebook):
    def frames(source):
        with capture_output():
            error = notebook.run_cell(source, store_history=True).error_in_exec
        found, trace = [], error.__traceback__
        while trace is not None:
            if not trace.tb_frame.f_locals.get("__tracebackhide__"):
                found.append(trace.tb_frame.f_code.co_name)
            trace = trace.tb_next
        return found

    bare, seen = (
        frames(f"def f():\n    return 1 / 0\n{LOOP}f()"),
        frames(f"%%watch\ndef f():\n    return 1 / 0\n{LOOP}f()"),
    )
    assert bare[-2:] == seen[-2:] == ["<module>", "f"]
    assert [name for name in seen if name not in ("run_code", "<module>", "run_cell_magic", "f")] == []


def test_a_cell_that_fails_before_anything_happened_shows_its_error_alone(notebook):
    with capture_output() as said:
        notebook.run_cell("%%watch\n1 / 0", store_history=True)
    assert "ZeroDivisionError" in told(said)
    assert "Watched" not in told(said)


def test_a_bug_of_ours_never_reaches_the_cell(notebook, monkeypatch):
    monkeypatch.setattr(type(verbs.SESSION), "judge_trace", lambda *args: 1 / 0)
    answer, said = do(notebook, "%%watch" + LOOP)
    assert answer.trace.steps == 3
    assert "a bug of nbrecipe: ZeroDivisionError" in told(said)


def test_where_drawing_fails_words_stay_and_the_error_is_still_the_users(notebook, monkeypatch):
    monkeypatch.setattr(watching, "bundle", lambda answer: 1 / 0)
    with capture_output() as said:
        result = notebook.run_cell(f"%%watch{LOOP}[].pop()", store_history=True)
    assert type(result.error_in_exec) is IndexError
    assert "Watched cell 2: a bug of nbrecipe: ZeroDivisionError: division by zero" in told(said)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("--every 0", "--every takes a number of steps, 1 or more; 0 was given"),
        ("--every few", "argument --every: invalid int value: 'few'"),
        ("--probe nett", "there is no `nett` here; did you mean `net`?"),
        ("--probe x[", "a bracket or a quote is not closed: --probe x["),
        ("--probe 1/0", "`1/0` raises ZeroDivisionError: division by zero"),
        (
            "--probe criterion",
            "`criterion` is of type CrossEntropyLoss; --probe takes a tensor, a tuple (inputs, target) or a dict",
        ),
        ("--tensorboard runs", "--tensorboard needs tensorboard: `pip install tensorboard`"),
        ("--out 1a", "--out takes the name of a variable; `1a` is none"),
        ("--evry 3", "%%watch has no --evry; did you mean --every?"),
        ("net", "%%watch does not take `net`; %%watch? shows what it takes"),
    ],
)  # fmt: skip
def test_a_bad_line_is_refused_in_a_sentence_before_the_cell_runs(notebook, monkeypatch, line, sentence):
    monkeypatch.setattr(watch.importlib.util, "find_spec", lambda name: None)
    assert refused(notebook, f"%%watch {line}\nran = True") == sentence
    assert "ran" not in notebook.user_ns


# ---- around it -----------------------------------------------------------------------------------------------------


def test_help_and_completion_know_the_flags(notebook):
    from nbrecipe.notebook.completion import complete
    from nbrecipe.notebook.magics import RecipeMagics

    flags = {"--probe", "--every", "--no-panel", "--tensorboard", "--quiet", "--out"}
    magics = next(thing for thing in notebook.configurables if isinstance(thing, RecipeMagics))
    assert flags <= set(complete(notebook, magics, "%%watch --")[1])
    do(notebook, "batch = next(iter(train_dl))")
    assert complete(notebook, magics, "%%watch --probe ba") == ("ba", ["batch"])
    with capture_output() as said:
        notebook.run_cell("%%watch?")
    shown = told(said)
    assert "Run the cell as it is" in shown
    assert all(flag in shown for flag in flags)


def test_a_file_is_called_by_its_cell_or_by_its_name(notebook):
    do(notebook, "def where():\n    import sys\n    return sys._getframe().f_code.co_filename")
    name = notebook.user_ns["where"]()
    assert label(notebook, name) == "cell 2"
    assert label(notebook, "/home/me/models.py") == "models.py"
    assert label(notebook, "<ipython-input-31-abcdef>") == "cell 31"


def pace_after(*readings):
    """What a pace tells after these readings of (seconds, passes, batches) of a loader of 100 batches."""
    pace, said = Pace(), ""
    for seconds, passes, batches in readings:
        trace = Trace(seconds=seconds, steps=batches)
        trace.loaders = [LoaderSeen("train_dl", "DataLoader", 100, 3200, 32, True, passes, batches, batches)]
        said = pace.told(trace)
    return said


@pytest.mark.parametrize(
    ("readings", "said"),
    [
        ([(0.5, 1, 10)], "pass 1: 10 of 100 batches"),
        ([(0.5, 1, 10), (2.5, 1, 30)], "pass 1: 30 of 100 batches, 7 s left in it"),
        ([(0.5, 1, 10), (9.5, 2, 101), (11.5, 2, 151)], "pass 2: 51 of 100 batches, 2 s left in it"),
        ([(0.5, 1, 10), (9.5, 4, 101)], "pass 4"),  # the passes before were broken off
    ],
)
def test_time_is_only_claimed_for_a_pass_whose_length_is_known(readings, said):
    assert pace_after(*readings) == said


def test_the_share_of_a_pass_is_told_where_it_is_known():
    pace = Pace()
    for passes, batches, share in ((1, 25, 0.25), (2, 150, 0.5), (4, 160, None)):
        trace = Trace(seconds=1.0, steps=batches)
        trace.loaders = [LoaderSeen("train_dl", "DataLoader", 100, 3200, 32, True, passes, batches, batches)]
        pace.told(trace)
        assert pace.share == share


def test_of_a_loader_without_length_nothing_is_told():
    trace = Trace(seconds=3.0, steps=9)
    trace.loaders = [LoaderSeen("stream", "generator", None, None, None, None, 1, 9, 9)]
    assert Pace().told(trace) == ""
    assert Pace().told(Trace()) == ""


def test_no_panel_opens_in_a_shell_without_front_end(notebook, monkeypatch):
    opened = []
    monkeypatch.setattr(watching.Place, "open", lambda self, panel: opened.append(panel))
    do(notebook, "%%watch\nimport time\nfor _ in range(5):" + LOOP.replace("\n", "\n    ") + "\n    time.sleep(0.1)")
    assert opened == []


def test_the_same_loop_once_more_on_the_same_model_is_said(ip):
    loop = "%%watch -q\nfor _ in range(3):\n    opt.zero_grad()\n    net(x).pow(2).mean().backward()\n    opt.step()"
    make = "net = nn.Linear(3, 1)\nopt = torch.optim.SGD(net.parameters(), lr=0.1)"
    said = []
    for source in ("import torch\nfrom torch import nn\nx = torch.randn(8, 3)", make, loop, loop, make, loop):
        with capture_output():
            done = ip.run_cell(source, store_history=True)
        done.raise_error()
        said.append("This cell ran before" in str(done.result).replace("this", "This"))
    assert said == [False, False, False, True, False, False]
    assert "as cell 3, and `net` was not made anew in between" in "".join(ip.user_ns["_4"].trace.notes)
