"""A real kernel without a browser: curves arrive while the cell runs, interrupts are the user's, a snapshot stays."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from test_kernel import fresh, kernel, states  # noqa: F401  (fixtures)

from nbrecipe.film import Film, Kind

panel = pytest.importorskip("nbrecipe.notebook.panel")

SLOW = """%%watch
import time
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range({epochs}):
    for inputs, labels in train_dl:
        {clear}
        loss = criterion(net(inputs), labels)
        loss.backward()
        opt.step()
        time.sleep(0.01)
"""
CLEAR = "opt.zero_grad()"


def slow(epochs, clear=CLEAR):
    return SLOW.format(epochs=epochs, clear=clear)


def boards(messages):
    """What the panel was sent to show, in order."""
    updates = [m["content"]["data"] for m in messages if m["msg_type"] == "comm_msg"]
    return [data["state"]["board"] for data in updates if "board" in data.get("state", {})]


def of_type(messages, kind):
    return [m for m in messages if m["msg_type"] == kind]


def test_curves_arrive_while_the_cell_runs_and_a_snapshot_takes_their_place(kernel):  # noqa: F811
    messages = kernel.run(slow(60) + "print('the end')")
    end = messages.index(of_type(messages, "stream")[0])
    assert len(boards(messages[:end])) > 3
    shown = boards(messages)
    assert [chart["id"] for chart in shown[-1]["charts"]] == ["loss", "ratio", "gradient", "rate"]
    assert shown[-1]["last"] > shown[0]["last"]
    assert states(messages) == ["running", "done"]
    [data] = [m["content"]["data"] for m in of_type(messages, "update_display_data")]
    assert set(data) == {"text/plain", "text/html", "image/png"}
    assert len(data["text/html"]) <= 300_000
    assert of_type(messages, "comm_close")
    assert not of_type(messages, "execute_result")  # the snapshot stands there already
    assert kernel.text("print(_.trace.steps)") == "120\n"


def test_no_more_than_ten_boards_a_second_come(kernel):  # noqa: F811
    start, came = time.monotonic(), []
    kernel.run(slow(60), lambda m: came.append(time.monotonic()) if boards([m]) else None)
    assert len(came) <= 10 * (time.monotonic() - start) + 1


@pytest.mark.parametrize("source", [slow(2), slow(60).replace("%%watch", "%%watch --no-panel"), "%%watch\nk = 1"])
def test_a_short_cell_and_one_without_panel_show_the_answer_alone(kernel, source):  # noqa: F811
    messages = kernel.run(source)
    assert not [m for m in messages if m["msg_type"].startswith("comm")]
    [data] = [m["content"]["data"] for m in of_type(messages, "execute_result")]
    assert {"text/plain", "text/html"} <= set(data)


def test_an_interrupt_is_the_users_own_and_the_snapshot_stays(kernel):  # noqa: F811
    seen = []

    def interrupt(message):
        seen.extend(boards([message]))
        if len(seen) == 3:
            seen.append("interrupted")
            kernel.manager.interrupt_kernel()

    messages = kernel.run(slow(100_000), interrupt)
    [error] = of_type(messages, "error")
    assert error["content"]["ename"] == "KeyboardInterrupt"
    assert "nbrecipe" not in "\n".join(error["content"]["traceback"]).replace("get_ipython", "")
    assert states(messages) == ["running", "interrupted"]
    [data] = [m["content"]["data"] for m in of_type(messages, "update_display_data")]
    assert "ended by KeyboardInterrupt" in " ".join(data["text/plain"].split())
    assert of_type(messages, "comm_close")
    assert kernel.text("print(k := 3)") == "3\n"


def test_an_error_leaves_the_snapshot_and_no_dead_widget(kernel):  # noqa: F811
    messages = kernel.run(slow(40) + "1 / 0")
    assert [m["content"]["ename"] for m in of_type(messages, "error")] == ["ZeroDivisionError"]
    assert states(messages) == ["running", "error"]
    assert of_type(messages, "comm_close")
    assert len(of_type(messages, "update_display_data")) == 1


def test_a_fault_is_shown_while_the_cell_still_runs(kernel):  # noqa: F811
    kernel.text("import nbrecipe.notebook.watching as w; kept, w.GLANCE = w.GLANCE, 0.2")
    shown = boards(kernel.run(slow(100, clear="pass")))
    kernel.text("w.GLANCE = kept")
    assert any("missing-zero-grad" in board["found"] for board in shown)


# ---- the panel without a kernel ------------------------------------------------------------------------------------


@pytest.fixture
def widget(monkeypatch):
    told = []
    monkeypatch.setattr(panel.WatchPanel, "send", lambda self, content, buffers: told.append((content, buffers)))
    widget = panel.WatchPanel(state="running")
    widget.told = told
    yield widget
    widget.close()


def film(frames):
    values = [np.full(3, i / 100, "f4") for i in range(frames)]
    guesses = [np.zeros(3, "i4") for _ in range(frames)]
    return Film(Kind.CLASSES, ["a", "b", "c"], np.ones(3, "f4"), values, guesses, list(range(frames)))


def test_only_new_frames_are_sent_and_all_of_them_ever_so_rarely(widget):
    growing, filled = film(1), []
    widget.observe(lambda change: filled.append(len(change["new"]["steps"])), "film")
    for frames in range(1, 60):
        whole = film(frames)
        growing.frames, growing.guesses, growing.steps = whole.frames, whole.guesses, whole.steps
        widget.show({"charts": []}, growing)
    assert filled == [1, 10, 21, 43]
    assert [content["step"] for content, _ in widget.told] == [i for i in range(1, 59) if i + 1 not in filled]
    assert [len(buffer) for buffer in widget.told[0][1]] == [12, 12]


def test_another_film_starts_anew(widget):
    widget.show({}, film(5))
    before = widget.run
    widget.show({}, film(3))
    assert widget.run == before + 1
    assert widget.film["steps"] == [0, 1, 2]


def test_a_film_that_was_thinned_meanwhile_goes_on(widget):
    growing = film(20)
    widget.show({}, growing)
    thinned = replace(growing)
    for name in ("frames", "guesses", "steps"):
        setattr(growing, name, getattr(thinned, name)[::2])
    growing.frames.append(np.ones(3, "f4"))
    growing.guesses.append(np.zeros(3, "i4"))
    growing.steps.append(25)
    widget.show({}, growing)
    assert [content["step"] for content, _ in widget.told] == [25]


def test_without_a_film_the_curves_are_shown(widget):
    widget.show({"charts": [], "last": 3}, None)
    assert widget.board == {"charts": [], "last": 3}
    assert widget.told == []
