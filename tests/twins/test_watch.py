"""`nbrecipe.watch`: a block computes what it always does, its loop is judged, and its curves can be taken elsewhere."""

from __future__ import annotations

import json
import math
import sys
import types

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import nbrecipe
from nbrecipe import verbs
from nbrecipe.finding import Result, bad, ok, skipped
from nbrecipe.report import Report
from nbrecipe.session import NOTHING, Session, reading_traces
from nbrecipe.trace import Trace
from nbrecipe.twins.runs import watch

ID = "missing-zero-grad"


@pytest.fixture(autouse=True)
def fresh_session(monkeypatch):
    monkeypatch.setattr(verbs, "SESSION", Session())


class Program:
    """A small classifier and its loop; `clears` is whether it clears its gradients."""

    def __init__(self, clears: bool = True) -> None:
        torch.manual_seed(0)
        self.y = torch.randint(3, (96,))
        self.x = torch.randn(96, 6) + 2 * nn.functional.one_hot(self.y, 6)
        self.loader = DataLoader(TensorDataset(self.x, self.y), batch_size=32)
        self.net = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 3))
        self.opt = torch.optim.SGD(self.net.parameters(), lr=0.1)
        self.clears = clears

    def train(self, epochs: int = 4) -> None:
        net, opt, criterion = self.net, self.opt, nn.CrossEntropyLoss()
        for _ in range(epochs):
            for x, y in self.loader:
                if self.clears:
                    opt.zero_grad()
                loss = criterion(net(x), y)
                loss.backward()
                opt.step()

    def evaluate(self) -> float:
        self.net.eval()
        with torch.no_grad():
            return sum((self.net(x).argmax(1) == y).float().mean().item() for x, y in self.loader) / len(self.loader)


def train_watched(clears=True, **options):
    program = Program(clears)
    with nbrecipe.watch(**options) as w:
        program.train()
    return w


# ---- the block -----------------------------------------------------------------------------------------------------


def test_a_watched_block_computes_what_it_computes_without():
    bare = Program()
    bare.train()
    state = torch.get_rng_state()
    seen = Program()
    with nbrecipe.watch():
        seen.train()
    assert torch.equal(torch.get_rng_state(), state)
    for one, other in zip(bare.net.parameters(), seen.net.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_answer_has_the_trace_the_verdicts_and_the_report_keeps_them():
    w = train_watched()
    assert (w.trace.steps, w.trace.trained, w.trace.ended) == (12, True, True)
    assert w.results[f"{ID} (training)"].verdict == "ok"
    assert f"{ID} (training)" in nbrecipe.report().results
    assert str(w).startswith("Watched test_watch.py: ")
    assert "loss " in str(w)
    assert repr(w) == str(w)


def test_a_fault_is_found():
    assert train_watched(clears=False).results[f"{ID} (training)"].verdict == "bad"


def test_an_error_of_the_block_stays_its_own_and_what_was_seen_is_judged():
    program = Program()
    watcher = nbrecipe.watch()
    with pytest.raises(ZeroDivisionError) as raised, watcher as w:  # noqa: PT012
        program.train()
        program.steps = 1 / 0
    frames = [entry.path.name for entry in raised.traceback]
    assert frames == ["test_watch.py"]
    assert w.trace.error == "ZeroDivisionError: division by zero"
    assert w.results[f"{ID} (training)"].verdict == "ok"
    assert "ended by ZeroDivisionError" in str(w)


class Torn(TensorDataset):
    """A data set that breaks at its tenth row, and says why."""

    def __getitem__(self, row):
        if row == 10:
            try:
                return {}["missing"]
            except KeyError:
                raise ValueError("torn") from None
        return super().__getitem__(row)


def test_a_traceback_through_what_is_watched_is_that_of_the_bare_block():
    def broken():
        program = Program()
        program.loader = DataLoader(Torn(program.x, program.y), batch_size=4)
        program.train()

    def watched_block():
        with nbrecipe.watch():
            broken()

    def frames(run):
        with pytest.raises(ValueError, match="torn") as raised:
            run()
        names = [(entry.path.name, entry.frame.code.name, entry.lineno) for entry in raised.traceback]
        return names[[name for _, name, _ in names].index("broken") :]

    assert frames(watched_block) == frames(broken)


def test_the_answer_fills_while_the_block_runs():
    program = Program()
    with nbrecipe.watch() as w:
        program.train()
        assert w.trace.steps == 12
        assert not w.results


def test_names_are_those_of_the_function_that_watches():
    def here():
        model = nn.Linear(4, 2)
        opt = torch.optim.SGD(model.parameters(), lr=0.1)
        with nbrecipe.watch() as w:
            for _ in range(3):
                opt.zero_grad()
                model(torch.randn(8, 4)).square().mean().backward()
                opt.step()
        return w

    trace = here().trace
    assert [seen.name for seen in trace.optimizers] == ["opt"]
    assert [seen.name for seen in trace.models] == ["model"]


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"every": 0}, ValueError, "`every` is a number of steps, 1 or more; 0 was given"),
        ({"tensorboard": "runs"}, ImportError, "watch(tensorboard=...) needs tensorboard: `pip install tensorboard`"),
    ],
)
def test_bad_values_are_refused_before_the_block_runs(monkeypatch, options, error, told):
    monkeypatch.setattr(watch.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(error) as raised:
        nbrecipe.watch(**options)
    assert str(raised.value) == told


def test_a_bug_of_ours_becomes_a_note(monkeypatch):
    monkeypatch.setattr(Session, "judge_trace", lambda *args: 1 / 0)
    w = train_watched()
    assert w.trace.notes == ["a bug of nbrecipe: ZeroDivisionError: division by zero"]
    assert "a bug of nbrecipe" in str(w)
    assert "A bug of nbrecipe" in w._repr_html_()


@pytest.mark.parametrize("where", ["__init__", "__enter__", "__exit__"])
def test_a_bug_of_the_recorder_never_reaches_the_block(monkeypatch, where):
    real = getattr(watch.Watcher, where)

    def broken(*args, **options):
        if where == "__exit__":  # what was installed is taken away all the same
            real(*args, **options)
        raise OSError("no room")

    monkeypatch.setattr(watch.Watcher, where, broken)
    program = Program()
    with nbrecipe.watch() as w:
        program.train()
        program.done = True
    monkeypatch.undo()
    assert program.done
    assert w.trace.notes == ["a bug of nbrecipe: OSError: no room"]
    assert "a bug of nbrecipe: OSError: no room" in str(w)


# ---- occasions -----------------------------------------------------------------------------------------------------


def test_evaluating_later_does_not_replace_what_was_seen_in_training():
    program = Program(clears=False)
    with nbrecipe.watch():
        program.train()
    with nbrecipe.watch() as w:
        program.evaluate()
    assert not w.trace.trained
    report = verbs.SESSION.report
    assert report.results[f"{ID} (training)"].verdict == "bad"
    assert not report.ok
    told = [(entry["id"], entry["occasion"], entry["verdict"]) for entry in report.to_dict()["findings"]]
    assert (ID, "training", "bad") in told
    assert "evaluation" in {occasion for _, occasion, _ in told}


def test_training_again_without_the_fault_replaces_it():
    train_watched(clears=False)
    train_watched(clears=True)
    assert verbs.SESSION.report.results[f"{ID} (training)"].verdict == "ok"


def test_a_block_in_which_nothing_happened_says_so_and_keeps_nothing():
    with nbrecipe.watch() as w:
        sum(range(10))
    assert w.note == "no model was called and nothing trained in this cell"
    assert {result.finding.message for result in w} == {NOTHING}
    assert {result.id for result in w} == {check.id for check in reading_traces()}
    assert len(verbs.SESSION.report) == 0
    told = " ".join(str(w).split())
    assert f"{w.note} – " in told
    assert told.endswith(f": {NOTHING}")


def result(name, finding, occasion=""):
    return Result(name, f"title {name}", finding, occasion=occasion)


def test_findings_on_both_occasions_are_kept_and_what_was_skipped_gives_way():
    report = Report().add([result("a", skipped("needs `trace`"))])
    report.add([result("a", bad("wrong", fix="Do it."), "training")])
    assert list(report.results) == ["a (training)"]
    report.add([result("a", ok("fine"), "evaluation"), result("a", skipped("needs `trace`"))])
    assert [(key, str(found.verdict)) for key, found in report.results.items()] == [
        ("a (training)", "bad"),
        ("a (evaluation)", "ok"),
    ]
    assert [entry["occasion"] for entry in report.to_dict()["findings"]] == ["training", "evaluation"]
    report.drop(["a"])
    assert len(report) == 0


def test_what_is_silenced_is_silenced_on_every_occasion():
    train_watched(clears=False)
    verbs.SESSION.silence([ID])
    assert not [name for name in verbs.SESSION.report.results if name.startswith(ID)]
    assert not [found for found in train_watched(clears=False) if found.id == ID]


def test_a_glance_shows_faults_and_hints_alone_and_keeps_nothing():
    trace = train_watched(clears=False).trace
    verbs.SESSION.report = Report()
    seen = verbs.SESSION.glance(trace)
    assert ID in {found.id for found in seen}
    assert {str(found.verdict) for found in seen} <= {"bad", "hint"}
    assert len(verbs.SESSION.report) == 0
    assert len(verbs.SESSION.glance(Trace())) == 0


# ---- elsewhere -----------------------------------------------------------------------------------------------------


def test_a_figure_and_a_page(tmp_path):
    w = train_watched()
    drawn = w.plot()
    assert drawn.axes[0].get_title(loc="left").startswith("Loss per step")
    assert drawn._repr_png_().startswith(b"\x89PNG")  # a notebook shows it, without pyplot
    page = w.save_html(tmp_path / "w.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "nbr-shot" in page
    assert w.picture().startswith(b"\x89PNG")
    told = json.loads(w.save_json(tmp_path / "w.json").read_text())
    assert {entry["occasion"] for entry in told["findings"]} == {"training"}


def test_every_curve_is_a_column_by_step():
    pandas = pytest.importorskip("pandas")
    frame = train_watched().to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert frame.index.name == "step"
    assert len(frame) == 12
    assert {"rate", "gradient", "update/weight"} <= set(frame.columns)


def test_the_scalars_are_those_of_the_trace():
    trace = train_watched().trace
    found = watch.scalars(trace)
    [place] = trace.backward
    assert found[place.name] == list(place.values)
    assert len(found["rate"]) == 12
    assert {value for _, value in found["rate"]} == {0.1}
    update = trace.optimizers[0].updates[0]
    assert dict(found["gradient"])[update.step] == pytest.approx(
        math.sqrt(sum(norm**2 for norm in update.gradients if norm is not None))
    )


@pytest.mark.parametrize(
    ("method", "told"),
    [
        ("to_frame", "to_frame() needs pandas: `pip install pandas`"),
        ("to_tensorboard", "to_tensorboard() needs tensorboard: `pip install tensorboard`"),
    ],
)
def test_what_is_not_installed_is_told_in_a_sentence(monkeypatch, method, told):
    monkeypatch.setattr(watch.importlib.util, "find_spec", lambda name: None)
    w = watch.Watched()
    with pytest.raises(ImportError) as raised:
        getattr(w, method)(*(["runs"] if method == "to_tensorboard" else []))
    assert str(raised.value) == told


class Writer:
    """Takes down what it is told to write."""

    def __init__(self, folder):
        self.folder, self.scalars, self.histograms = folder, [], []
        Writer.last = self

    def __enter__(self):
        return self

    def __exit__(self, *ended):
        self.closed = True

    def add_scalar(self, name, value, step):
        self.scalars.append((name, value, step))

    def add_histogram(self, name, values, step):
        assert len(values)
        self.histograms.append((name, step))


@pytest.fixture
def tensorboard(monkeypatch):
    """TensorBoard's writer, played by one that remembers."""
    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    monkeypatch.setattr(watch.importlib.util, "find_spec", lambda name: object())


def test_tensorboard_gets_scalars_and_histograms(tensorboard, tmp_path):
    w = train_watched(tensorboard=tmp_path / "runs")
    writer = Writer.last
    assert (writer.folder, writer.closed) == (str(tmp_path / "runs"), True)
    assert sorted(writer.scalars) == sorted(
        (name, value, step) for name, points in watch.scalars(w.trace).items() for step, value in points
    )
    moves = [step for name, step in writer.histograms if name == "update/weight by layer of opt"]
    assert moves == [update.step for update in w.trace.optimizers[0].updates]
    assert {name for name, _ in writer.histograms} <= {"update/weight by layer of opt", "predictions"}


def test_a_folder_that_cannot_be_written_is_a_note_and_no_error(tensorboard, monkeypatch):
    def refuse(folder):
        raise PermissionError("no")

    monkeypatch.setattr(sys.modules["torch.utils.tensorboard"], "SummaryWriter", refuse)
    w = train_watched(tensorboard="runs")
    assert w.trace.notes == ["nothing was written to runs: no"]
    assert w.results
