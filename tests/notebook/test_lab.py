"""In JupyterLab: the panel moves while its cell runs, scrubs and stops; saved, it still shows without a kernel."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

ARTIFACTS = Path(__file__).parents[2] / "artifacts"
CELLS = [
    "%load_ext nbrecipe\n%seed 0",
    """from sklearn.datasets import load_digits
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

digits = load_digits()
x = torch.tensor(digits.data, dtype=torch.float32) / 16
train_dl = DataLoader(TensorDataset(x - x.mean(), torch.tensor(digits.target)), batch_size=64)
criterion = nn.CrossEntropyLoss()
net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))""",
    "%check_init",
    # steps so slow that the run takes longer than the test
    """%%overfit_batch
class Slow(nn.Sequential):
    def forward(self, x):
        time.sleep(0.03)
        return super().forward(x)

import time
net = Slow(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.SGD(net.parameters(), lr=0.2)""",
    "print('AFTER'.title(), _.results['cannot-overfit'].verdict)",
    "%recipe",
]
#: the session of the notebook that is shown has a kernel that answers
READY = """async () => {
  for (let tries = 0; tries < 600; tries++) {
    const panel = window.jupyterapp?.shell?.currentWidget;
    if (panel?.sessionContext) {
      await panel.sessionContext.ready;
      await panel.sessionContext.session?.kernel?.info;
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("no notebook opened");
}"""
SCRUB = """(step) => {
  const slider = document.querySelector(".nbr-film input[type=range]");
  slider.value = step;
  slider.dispatchEvent(new Event("input", { bubbles: true }));
}"""
FILM = "document.querySelector('.nbr-film')"


def write_notebook(path, sources):
    cells = [
        {"cell_type": "code", "id": f"c{i}", "metadata": {}, "execution_count": None, "outputs": [], "source": source}
        for i, source in enumerate(sources)
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(notebook))


def open_notebook(browser, lab, name, *, dark=False, width=1100):
    url, token, _ = lab
    page = browser.new_page(viewport={"width": width, "height": 1600})
    page.goto(f"{url}/lab/tree/{name}.ipynb?token={token}&reset")
    page.evaluate(READY)
    page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
    if dark:
        page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
    return page


def end_kernels(lab):
    url, token, _ = lab
    with urllib.request.urlopen(f"{url}/api/sessions?token={token}") as answer:
        sessions = json.load(answer)
    for session in sessions:
        request = urllib.request.Request(f"{url}/api/sessions/{session['id']}?token={token}", method="DELETE")
        urllib.request.urlopen(request).close()


def shot(page, name):
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"{name}.png")


def run_cell(page, number):
    page.evaluate(f"() => {{ window.jupyterapp.shell.currentWidget.content.activeCellIndex = {number}; }}")
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-cell') }")


def film(page, field):
    return page.evaluate(f"{FILM}.dataset.{field}")


@pytest.fixture(scope="module")
def run(browser, lab):
    """A notebook run from top to bottom, scrubbed and stopped in the middle, and saved; what was seen on the way."""
    path = lab[2] / "live.ipynb"
    write_notebook(path, CELLS)
    page = open_notebook(browser, lab, "live")
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")
    try:
        page.wait_for_selector(".nbr-film", timeout=90_000)  # a kernel that starts beside other tests takes its time
    finally:
        shot(page, "lab-started")
    seen = {}
    page.wait_for_function(f"Number({FILM}.dataset.nframes) > 10")
    seen |= {"state": film(page, "state"), "step": int(film(page, "step")), "after": "After" in page.inner_text("body")}
    page.locator(".nbr-film").scroll_into_view_if_needed()
    shot(page, "lab-running")
    page.evaluate(SCRUB, 0)
    seen |= {"scrubbed": film(page, "step"), "frames": int(film(page, "nframes"))}
    page.wait_for_function(f"Number({FILM}.dataset.nframes) > {seen['frames'] + 3}")
    seen["still"] = film(page, "step")
    page.click(".nbr-stop")
    page.wait_for_function("() => document.body.innerText.includes('After')")
    page.wait_for_selector(".nbr-shot .nbr-film")
    seen["snapshot"] = int(film(page, "nframes"))
    page.wait_for_function("() => document.querySelectorAll('.jp-OutputArea-output .nbr').length >= 3")
    page.locator(".nbr-film").scroll_into_view_if_needed()
    shot(page, "lab-stopped")
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    seen["text"] = page.inner_text("body")
    page.close()
    end_kernels(lab)
    return {"path": path, **seen}


def test_the_panel_moves_while_its_cell_runs(run):
    assert run["state"] == "running"
    assert not run["after"]
    assert run["step"] > 0


def test_the_scrubber_goes_back_while_the_run_goes_on(run):
    assert run["scrubbed"] == "0"
    assert run["still"] == "0"


def test_stop_ends_the_run_and_the_next_cells_run(run):
    assert run["snapshot"] > 5
    assert "After" in run["text"]


def test_what_is_saved_needs_no_widget(run):
    saved = json.loads(run["path"].read_text())
    outputs = [output for cell in saved["cells"] for output in cell["outputs"]]
    assert not [o for o in outputs if "application/vnd.jupyter.widget-view+json" in o.get("data", {})]
    assert len([o for o in outputs if "image/png" in o.get("data", {})]) == 1
    assert run["path"].stat().st_size < 1_000_000


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_reopened_without_its_kernel_it_shows_and_scrubs(run, browser, lab, dark):
    page = open_notebook(browser, lab, "live", dark=dark, width=700 if dark else 1100)
    end_kernels(lab)
    page.wait_for_selector(".nbr-shot .nbr-film")
    page.evaluate(SCRUB, 0)
    assert film(page, "step") == "0"
    page.evaluate(SCRUB, 12)
    assert int(film(page, "step")) > 0
    assert "model not found" not in page.inner_text("body")
    page.locator(".nbr-film").scroll_into_view_if_needed()
    page.wait_for_timeout(500)  # the theme comes in by and by
    shot(page, f"lab-reopened-{'dark' if dark else 'light'}")
    page.close()


def test_exported_to_html_it_shows_without_network(run, browser, tmp_path):
    from nbconvert import HTMLExporter

    page = browser.new_page()
    asked = []
    page.route(
        "**/*",
        lambda route: (
            route.continue_()
            if route.request.url.startswith("file:")
            else asked.append(route.request.url) or route.abort()
        ),
    )
    exported = tmp_path / "live.html"
    exported.write_text(HTMLExporter().from_filename(str(run["path"]))[0])
    page.goto(exported.as_uri())
    page.wait_for_selector(".nbr-shot .nbr-film")
    page.evaluate(SCRUB, 0)
    assert film(page, "step") == "0"
    assert not [url for url in asked if "nbr" in url]
    page.locator(".nbr-film").scroll_into_view_if_needed()
    shot(page, "nbconvert-offline")
    page.close()


def test_without_scripts_the_picture_stands(run, browser, tmp_path):
    from nbconvert import HTMLExporter

    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    exported = tmp_path / "live.html"
    exported.write_text(HTMLExporter().from_filename(str(run["path"]))[0])
    page.goto(exported.as_uri())
    picture = page.locator(".nbr-shot img")
    assert picture.count() == 1
    assert len(picture.get_attribute("alt")) > 20
    picture.scroll_into_view_if_needed()
    shot(page, "without-scripts")
    context.close()
