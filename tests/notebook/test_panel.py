"""The panel without a kernel: what it sends, and which clicks it obeys."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from nbrecipe.experiments.overfit import Frame
from nbrecipe.film import Film, Kind

panel = pytest.importorskip("nbrecipe.notebook.panel")


@pytest.fixture
def film():
    frames = [np.full(3, 0.1, "f4"), np.full(3, 0.9, "f4")]
    guesses = [np.zeros(3, "i4"), np.arange(3, dtype="i4")]
    return Film(Kind.CLASSES, ["a", "b", "c"], np.ones(3, "f4"), frames, guesses, [0, 5], [(0, 1.1), (5, 0.1)])


@pytest.fixture
def widget(film):
    widget = panel.FilmPanel(threading.Event(), state="running")
    widget.fill(film, run=3, total=100)
    yield widget
    widget.close()


def click(widget, run):
    """A click on Stop, as it comes from the front end."""
    message = {"content": {"data": {"method": "custom", "content": {"kind": "stop", "run": run}}}, "buffers": []}
    widget._handle_msg(message)


def test_a_click_stops_its_own_run(widget):
    click(widget, 3)
    assert widget._stop.is_set()
    assert widget.state == "stopping"


@pytest.mark.parametrize(("run", "state"), [(2, "running"), (None, "running"), (3, "done"), (3, "idle")])
def test_a_click_for_another_run_or_after_its_end_does_nothing(widget, run, state):
    widget.state = state
    click(widget, run)
    assert not widget._stop.is_set()
    assert widget.state == state


def test_a_click_before_training_started_anew_still_counts(widget, film):
    widget.fill(film, run=4)
    click(widget, 3)
    assert widget._stop.is_set()


def test_a_late_view_finds_everything_in_the_traits(widget, film):
    assert widget.film["steps"] == [0, 5]
    assert widget.film["total"] == 100
    assert np.frombuffer(widget.frames, "<f4").reshape(2, 3).tolist() == [f.tolist() for f in film.frames]
    assert np.frombuffer(widget.guesses, "<i4").tolist() == [0, 0, 0, 0, 1, 2]


def test_a_frame_is_told_in_bytes_and_a_loss_that_is_no_number_as_none(widget, film, monkeypatch):
    told = []
    monkeypatch.setattr(panel.FilmPanel, "send", lambda self, content, buffers: told.append((content, buffers)))
    frame = Frame(film, 6, film.frames[1], film.guesses[1], [(5, 0.1), (6, float("nan"))], 100)
    widget.tell(frame)
    widget.tell(Frame(film, 7, None, None, [], 100))
    (content, buffers), (_, none) = told
    assert content == {"kind": "frame", "step": 6, "losses": [(5, 0.1), (6, None)]}
    assert [len(buffer) for buffer in buffers] == [12, 12]
    assert none == []
