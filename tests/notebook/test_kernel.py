"""A real kernel without a browser: frames arrive while the cell runs, an interrupt ends it gently, the rest goes on."""

from __future__ import annotations

import os
import time

import pytest

DATA = """
%load_ext nbrecipe
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(0)
y = torch.randint(4, (64,))
x = torch.randn(64, 10)
train_dl = DataLoader(TensorDataset(x, y), batch_size=32)
criterion = nn.CrossEntropyLoss()
net = nn.Sequential(nn.Linear(10, 32), nn.Tanh(), nn.Linear(32, 4))
kept = [p.clone() for p in net.parameters()]
"""
#: steps so slow that it is never through before it is stopped
ENDLESS = """%%overfit_batch
class Slow(nn.Sequential):
    def forward(self, x):
        time.sleep(0.05)
        return super().forward(x)
import time
net = Slow(*net)
"""
UNTOUCHED = "print('AFTER', all(torch.equal(a, b) for a, b in zip(net.parameters(), kept)))"


class Kernel:
    """Runs cells and keeps every message they cause."""

    def __init__(self, manager, client):
        self.manager, self.client = manager, client

    def run(self, source, on_message=lambda message: None, timeout=60):
        """The messages of one cell, in order, each with the time it came."""
        asked = self.client.execute(source)
        messages, end = [], time.monotonic() + timeout
        while time.monotonic() < end:
            message = self.client.get_iopub_msg(timeout=timeout)
            if message["parent_header"].get("msg_id") != asked:
                continue
            messages.append(message)
            on_message(message)
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return messages
        raise AssertionError(f"still running after {timeout} s")

    def text(self, source):
        """What a cell prints; its error, if it has one, fails the test."""
        messages = self.run(source)
        errors = [m["content"]["evalue"] for m in messages if m["msg_type"] == "error"]
        assert not errors, errors
        return "".join(m["content"]["text"] for m in messages if m["msg_type"] == "stream")


def is_frame(message):
    data = message["content"].get("data", {}) if message["msg_type"] == "comm_msg" else {}
    return data.get("method") == "custom" and data["content"]["kind"] == "frame"


def states(messages):
    """The values that the trait `state` took."""
    updates = [m["content"]["data"] for m in messages if m["msg_type"] in ("comm_msg", "comm_open")]
    return [data["state"]["state"] for data in updates if "state" in data.get("state", {})]


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    from jupyter_client.manager import start_new_kernel

    home = tmp_path_factory.mktemp("kernel")
    env = {**os.environ, "IPYTHONDIR": str(home), "OMP_NUM_THREADS": "1"}
    manager, client = start_new_kernel(kernel_name="python3", env=env)
    yield Kernel(manager, client)
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.fixture(autouse=True)
def fresh(kernel):
    kernel.text(DATA)


def test_frames_arrive_while_the_cell_runs_and_an_interrupt_keeps_the_result(kernel):
    frames = []

    def watch(message):
        if is_frame(message):
            frames.append(message)
            if len(frames) == 5:
                kernel.manager.interrupt_kernel()

    messages = kernel.run(ENDLESS, watch, timeout=120)
    assert len(frames) >= 5
    assert len(frames[0]["buffers"]) == 2  # the probabilities and the classes guessed
    assert len(frames[0]["buffers"][0]) == 16 * 4
    assert not [m for m in messages if m["msg_type"] == "error"]
    assert states(messages)[-1] == "stopped"
    snapshot = [m for m in messages if m["msg_type"] == "update_display_data"][-1]["content"]["data"]
    assert set(snapshot) == {"text/plain", "text/html", "image/png"}
    assert [m for m in messages if m["msg_type"] == "comm_close"]
    assert not [m for m in messages if m["msg_type"] == "execute_result"]  # the snapshot stands there already
    assert kernel.text("print(_.results['cannot-overfit'].verdict)").strip() in ("skipped", "hint")
    assert kernel.text(UNTOUCHED) == "AFTER True\n"


def test_a_run_that_ends_by_itself_is_done(kernel):
    assert states(kernel.run("%overfit_batch --steps 300"))[-1] == "done"


def test_two_interrupts_raise_one(kernel):
    source = """
import signal
from nbrecipe.notebook.live import Showing
before = signal.getsignal(signal.SIGINT)
with Showing(False) as run:
    signal.raise_signal(signal.SIGINT)
    print("asked", run.stop.is_set())
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        print("raised")
print(signal.getsignal(signal.SIGINT) is before)
"""
    assert kernel.text(source) == "asked True\nraised\nTrue\n"


def test_a_click_that_is_heard_and_an_interrupt_after_it_are_one_request(kernel):
    """On a slow machine the page does not see in time that its click was heard, and interrupts."""
    source = """
import signal
from nbrecipe.notebook.live import Showing
with Showing(False) as run:
    run.stop.set()
    signal.raise_signal(signal.SIGINT)
    print("went on")
"""
    assert kernel.text(source) == "went on\n"


def test_static_shows_no_widget(kernel):
    messages = kernel.run("%overfit_batch --static --steps 50")
    assert not [m for m in messages if m["msg_type"].startswith("comm")]
    data = [m for m in messages if m["msg_type"] == "execute_result"][-1]["content"]["data"]
    assert {"text/plain", "text/html"} <= set(data)


def test_an_error_in_the_run_leaves_no_dead_widget(kernel):
    source = """%%overfit_batch --steps 100000
class Breaks(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.calls = nn.Linear(10, 4), 0
    def forward(self, x):
        self.calls += 1
        if self.calls > 2000:
            raise RuntimeError("the two-thousandth call")
        return self.inner(x)
net = Breaks()
"""
    messages = kernel.run(source)
    opened = [m for m in messages if m["msg_type"] == "display_data"]
    if opened:  # whatever the answer is, no widget stays behind
        assert [m for m in messages if m["msg_type"] == "update_display_data"]
        assert [m for m in messages if m["msg_type"] == "comm_close"]
