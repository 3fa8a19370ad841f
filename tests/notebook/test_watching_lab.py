"""In JupyterLab: the panel of a watched cell moves while the cell runs, scrubs after it, and stays without a kernel."""

from __future__ import annotations

import json

import pytest
from axed import serious
from test_lab import SCRUB, end_kernels, open_notebook, write_notebook

pytestmark = pytest.mark.browser

CELLS = [
    "%load_ext nbrecipe\n%seed 0",
    """import time

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

digits = load_digits()
x = torch.tensor(digits.data, dtype=torch.float32) / 16
y = torch.tensor(digits.target)
train_dl = DataLoader(TensorDataset(x[:1500], y[:1500]), batch_size=64, shuffle=True)
val_dl = DataLoader(TensorDataset(x[1500:], y[1500:]), batch_size=64)
criterion = nn.CrossEntropyLoss()
net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
probe = next(iter(val_dl))""",
    # steps so slow that there is time to look
    """%%watch --probe probe
for epoch in range(6):
    net.train()
    for inputs, labels in train_dl:
        optimizer.zero_grad()
        loss = criterion(net(inputs), labels)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        time.sleep(0.05)
    net.eval()
    with torch.no_grad():
        val_loss = sum(criterion(net(inputs), labels).item() for inputs, labels in val_dl) / len(val_dl)
print("END OF".title(), "THE CELL".title())""",
    "print('AFTER'.title(), _.trace.steps)",
]
PANEL = "document.querySelector('.nbr-watch')"
RUN = """async (numbers) => {
  const app = window.jupyterapp, book = app.shell.currentWidget.content;
  for (const number of numbers) {
    book.activeCellIndex = number;
    await app.commands.execute("notebook:run-cell");
  }
}"""


def data(page, field):
    return page.evaluate(f"{PANEL}.dataset.{field}")


@pytest.fixture(scope="module")
def run(browser, lab, tmp_path_factory):
    """A notebook run from top to bottom, and saved; what was seen of its panel on the way."""
    shots = tmp_path_factory.mktemp("shots")
    path = lab[2] / "watched.ipynb"
    write_notebook(path, CELLS)
    page = open_notebook(browser, lab, "watched")
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")
    try:
        page.wait_for_selector(".nbr-watch")
        page.wait_for_function(f"Number({PANEL}?.dataset.updates) > 2", timeout=90_000)
    finally:
        page.screenshot(path=shots / "started.png")
    seen = {"state": data(page, "state"), "updates": int(data(page, "updates")), "step": int(data(page, "step"))}
    seen["ended"] = "End Of The Cell" in page.inner_text("body")
    page.locator(".nbr-watch").scroll_into_view_if_needed()
    page.screenshot(path=shots / "running.png")
    seen["axe"] = serious(page, within=".nbr")
    page.wait_for_function(f"Number({PANEL}?.dataset.step) > {seen['step']}")
    page.wait_for_function("() => document.body.innerText.includes('After')")
    page.wait_for_selector(".nbr-shot .nbr-watch")
    seen["last"] = int(data(page, "step"))
    page.evaluate(SCRUB, 0)
    seen["scrubbed"] = int(data(page, "step"))
    page.locator(".nbr-watch").scroll_into_view_if_needed()
    page.screenshot(path=shots / "ended.png")
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    seen["text"] = page.inner_text("body")
    page.close()
    end_kernels(lab)
    return {"path": path, "shots": shots, **seen}


def test_the_panel_moves_while_the_cell_runs(run):
    assert run["state"] == "running"
    assert run["updates"] > 2
    assert run["step"] > 0
    assert not run["ended"]


def test_axe_finds_nothing_serious_while_it_moves(run):
    assert run["axe"] == []


def test_after_the_cell_it_scrubs_and_the_next_cell_has_the_trace(run):
    assert run["last"] > run["step"]
    assert run["scrubbed"] < 5
    assert "After 144" in run["text"]


def test_what_is_saved_needs_no_widget_and_stays_small(run):
    saved = json.loads(run["path"].read_text())
    outputs = [output for cell in saved["cells"] for output in cell["outputs"]]
    assert not [o for o in outputs if "application/vnd.jupyter.widget-view+json" in o.get("data", {})]
    [page] = [
        "".join(o["data"]["text/html"])
        for o in outputs
        if "nbr-shot" in "".join(o.get("data", {}).get("text/html", ""))
    ]
    assert len(page) <= 300_000


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_reopened_without_its_kernel_it_shows_and_scrubs(run, browser, lab, dark):
    page = open_notebook(browser, lab, "watched", dark=dark, width=700 if dark else 1100)
    end_kernels(lab)
    page.wait_for_selector(".nbr-shot .nbr-watch")
    last = int(data(page, "step"))
    page.evaluate(SCRUB, 0)
    assert int(data(page, "step")) < 5 < last
    assert "model not found" not in page.inner_text("body")
    page.locator(".nbr-watch").scroll_into_view_if_needed()
    page.wait_for_timeout(500)  # the theme comes in by and by
    page.screenshot(path=run["shots"] / f"reopened-{'dark' if dark else 'light'}.png")
    page.close()


#: lacks a line, and runs until its page is gone
LEFT_ALONE = """%%watch
from pathlib import Path

gone = Path("gone")
while not gone.exists():
    for inputs, labels in train_dl:
        loss = criterion(net(inputs), labels)
        loss.backward()
        optimizer.step()
        time.sleep(0.05)
        if gone.exists():
            break"""


def test_a_run_goes_on_without_its_page_and_the_board_has_what_it_found(browser, lab):
    """A lid that is closed in the middle: what was saved is there, and the next magic knows the rest."""
    path = lab[2] / "lid.ipynb"
    write_notebook(path, [*CELLS[:2], LEFT_ALONE, "%recipe --lock 3"])
    page = open_notebook(browser, lab, "lid")
    page.evaluate(f"() => {{ ({RUN})([0, 1, 2]) }}")
    page.wait_for_selector(".nbr-watch", timeout=120_000)
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.close()
    (lab[2] / "gone").touch()

    first = json.loads(path.read_text())["cells"][0]
    assert "nbrecipe" in first["outputs"][0]["text"][0]
    page = open_notebook(browser, lab, "lid")
    page.evaluate(f"() => {{ ({RUN})([3]) }}")
    page.wait_for_function("() => document.body.innerText.includes('you are at')", timeout=120_000)
    text = page.inner_text("body")
    assert "still had the gradients of the step before in them" in text
    assert "Clear the gradients before loss.backward()." in text
    page.close()
    end_kernels(lab)
