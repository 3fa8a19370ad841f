"""The same cells in three kernels: Colab's, Binder's and the newest; they differ in which thread a message comes on.

The kernel of this environment is also tested in `test_kernel.py`: of the three, the oldest is always run.
"""

from __future__ import annotations

import json
import os
import sys
import time

import pytest

from tests.frontends import layers
from tests.notebook.test_kernel import DATA, ENDLESS, UNTOUCHED, Kernel, is_frame, states

VIEW = "application/vnd.jupyter.widget-view+json"
#: what each kernel must be, lest a test of the wrong one passes
KERNELS = {
    "colab": (layers.COLAB, {"IPython": "7.34.0", "ipykernel": "6.17.1", "ipywidgets": "7.7.1"}),
    "binder": (layers.binder(), {"IPython": "9.6.0", "ipykernel": "7.0.1", "ipywidgets": "8.1.7"}),
    "here": ([], {}),
}
TOOLS = """
class Letters:
    def encode(self, text):
        return [ord(letter) for letter in text]
    def decode(self, ids):
        return "".join(map(chr, ids))
tok, texts = Letters(), ["the loss at init", "one batch"]
def slow(a):
    return sum(row.sum() for row in a)
"""
#: every magic once
TOUR = """
%bind model=net loss=criterion train=train_dl
%inspect_data train_dl
%check_init
%show_batch
%show_augment train_dl
%tokens tok texts
%chart_dependencies
%check_grad net --elements 1
%overfit_batch --static --steps 20
%filters
%activations
%freeze net[0] --budget 0.1
%evaluate net train_dl
%baseline train_dl train_dl --seconds 1
%browse train_dl
%human_baseline train_dl
%recipe explain loss-at-init
%recipe
%seed 0
"""
CELLS = [
    *TOUR.strip().splitlines(),
    "%%same_as slow\ndef fast(a):\n    return a.sum()\nfast(x)",
    """%%watch
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for xb, yb in train_dl:
    optimizer.zero_grad()
    criterion(net(xb), yb).backward()
    optimizer.step()""",
]


#: those that take seconds, mostly to load what they need
LONG = ("%inspect_data", "%chart_dependencies", "%check_grad", "%baseline")


@pytest.fixture(
    scope="session", params=["colab", *(pytest.param(each, marks=pytest.mark.slow) for each in ("binder", "here"))]
)
def kernel(request, tmp_path_factory):
    """A kernel of each kind, that has loaded the extension and the data."""
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import KernelManager

    pins, versions = KERNELS[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    try:
        python = layers.environment(folder / "env", pins) if pins else sys.executable
    except layers.NoIndex as reason:
        pytest.skip(str(reason))
    spec = folder / "kernels" / "layered"
    spec.mkdir(parents=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": request.param, "language": "python"}))
    specs = KernelSpecManager(kernel_dirs=[str(folder / "kernels")])
    manager = KernelManager(kernel_name="layered", kernel_spec_manager=specs)
    home = {"IPYTHONDIR": str(folder / "ipython"), "OMP_NUM_THREADS": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    manager.start_kernel(env={**os.environ, **home}, cwd=str(folder))
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=120)
    running = Kernel(manager, client)
    for name, version in versions.items():
        assert running.text(f"import {name}; print({name}.__version__)") == f"{version}\n"
    running.text(TOOLS)
    yield running
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.fixture(autouse=True)
def fresh(kernel):
    kernel.text(DATA)


def subshell(kernel):
    """The thread on which a front end has messages of widgets read, where the kernel has such; its name."""
    session, client = kernel.client.session, kernel.client
    features = client.kernel_info(reply=True, timeout=60)["content"].get("supported_features", [])
    if "kernel subshells" not in features:
        return None
    client.control_channel.send(session.msg("create_subshell_request"))
    return client.get_control_msg(timeout=60)["content"]["subshell_id"]


def click_stop(kernel, comm, run, thread):
    """Stop, as the panel says it."""
    content = {"comm_id": comm, "data": {"method": "custom", "content": {"kind": "stop", "run": run}}}
    message = kernel.client.session.msg("comm_msg", content)
    if thread:
        message["header"]["subshell_id"] = thread
    kernel.client.shell_channel.send(message)


def test_a_panel_moves_and_stops(kernel):
    """A click is a message; where it is not heard before the cell ends, the panel interrupts the kernel."""
    frames, seen, clicked, thread = [], [], [], subshell(kernel)

    def watch(message):
        seen.append(message)
        frames.extend([message] if is_frame(message) else [])
        if len(frames) == 5 and not clicked:
            opened = next(m for m in seen if m["msg_type"] == "comm_open" and "film" in m["content"]["data"]["state"])
            runs = [m["content"]["data"]["state"] for m in seen if "state" in m["content"].get("data", {})]
            run = next(state["run"] for state in reversed(runs) if "run" in state)
            clicked.append(time.monotonic())
            click_stop(kernel, opened["content"]["comm_id"], run, thread)
        # a further frame: the click waits behind the cell
        elif clicked and is_frame(message) and time.monotonic() - clicked[0] > (3 if thread else 0.4):
            clicked[0] += 60
            kernel.manager.interrupt_kernel()

    messages = kernel.run(ENDLESS, watch, timeout=120)
    assert [len(buffer) for buffer in frames[0]["buffers"]] == [16 * 4, 16 * 4]
    assert not [m["content"] for m in messages if m["msg_type"] == "error"]
    assert states(messages)[-1] == "stopped"
    (live,) = [m["content"] for m in messages if m["msg_type"] == "display_data"]
    assert VIEW in live["data"]
    if "colab" in live["metadata"].get(VIEW, {}):  # where Colab finds what draws widgets that are not its own
        assert live["metadata"][VIEW]["colab"]["custom_widget_manager"]["url"].startswith("https://")
    still = [m for m in messages if m["msg_type"] == "update_display_data"][-1]["content"]["data"]
    assert set(still) == {"text/plain", "text/html", "image/png"}
    assert [m for m in messages if m["msg_type"] == "comm_close"]
    assert kernel.text(UNTOUCHED) == "AFTER True\n"


@pytest.mark.parametrize(
    "cell", [pytest.param(c, id=c.split()[0], marks=[pytest.mark.slow] * c.startswith(LONG)) for c in CELLS]
)
def test_a_magic_answers_as_text_and_as_html(kernel, cell):
    messages = kernel.run(cell)
    assert not [m["content"] for m in messages if m["msg_type"] == "error"]
    assert not [m["content"] for m in messages if m["msg_type"] == "stream" and "Error" in m["content"]["text"]]
    shown = {}  # by place: what is shown last
    for number, message in enumerate(messages):
        if message["msg_type"] in ("display_data", "update_display_data", "execute_result"):
            place = message["content"].get("transient", {}).get("display_id", number)
            shown[place] = message["content"]["data"]
    assert all(VIEW not in data for data in shown.values()), "a viewer without this kernel would show an error"
    told = [data for data in shown.values() if data["text/plain"]]
    assert told if cell != "%seed 0" else not shown
    assert any("text/html" in data for data in told) or cell.startswith(("%bind", "%seed"))
