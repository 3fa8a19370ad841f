"""In Notebook 7: the panel moves, stops and is saved; data are filtered; without a kernel it still scrubs."""

from __future__ import annotations

import json

import pytest
from axed import serious

from tests.notebook.test_lab import FILM, READY, SCRUB, end_kernels, film, run_cell, shot, write_notebook

pytestmark = pytest.mark.browser

CELLS = [
    "%load_ext nbrecipe\n%seed 0",
    """import time
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

draws = np.random.default_rng(0)
labels = draws.integers(0, 10, 3000)
images = draws.integers(0, 60, (3000, 16, 16), dtype=np.uint8)
images[np.arange(3000), 3 + labels] = 255
digits = images, labels
x = torch.tensor(images, dtype=torch.float32).flatten(1) / 255
train_dl = DataLoader(TensorDataset(x - x.mean(), torch.tensor(labels)), batch_size=64)
criterion = nn.CrossEntropyLoss()""",
    # steps so slow that the run takes longer than the test
    """%%overfit_batch
class Slow(nn.Sequential):
    def forward(self, x):
        time.sleep(0.03)
        return super().forward(x)

net = Slow(nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.SGD(net.parameters(), lr=0.2)""",
    "print('AFTER'.title(), _.results['cannot-overfit'].verdict)",
    "seen = %browse digits\nseen",
]
WAIT = 90_000


def open_in_notebook(browser, lab, name, *, dark=False, width=1100):
    url, token, _ = lab
    page = browser.new_page(viewport={"width": width, "height": 1400})
    page.set_default_timeout(60_000)
    page.goto(f"{url}/notebooks/{name}.ipynb?token={token}")
    page.evaluate(READY)
    if dark:
        page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
        page.wait_for_selector("[data-jp-theme-light=false]", state="attached")
    return page


@pytest.fixture(scope="module")
def run(browser, lab):
    """A notebook run from top to bottom, its panel scrubbed and stopped, its data filtered; what was seen."""
    place = lab[2] / "seven.ipynb"
    write_notebook(place, CELLS)
    page = open_in_notebook(browser, lab, "seven")
    seen = {"app": page.evaluate("() => window.jupyterapp.name")}
    try:
        for number in range(4):
            run_cell(page, number)
        page.wait_for_selector(".nbr-film", timeout=WAIT)
        page.wait_for_function(f"Number({FILM}.dataset.nframes) > 10")
        seen |= {
            "state": film(page, "state"),
            "step": int(film(page, "step")),
            "after": "After" in page.inner_text("body"),
        }
        page.locator(".nbr-film").scroll_into_view_if_needed()
        shot(page, "notebook7-running")
        seen["axe"] = serious(page, within=".nbr")
        page.evaluate(SCRUB, 0)
        seen |= {"scrubbed": film(page, "step"), "frames": int(film(page, "nframes"))}
        page.wait_for_function(f"Number({FILM}.dataset.nframes) > {seen['frames'] + 3}")
        seen["still"] = film(page, "step")
        page.locator(".nbr-stop").focus()
        page.keyboard.press("Enter")
        page.wait_for_function("() => document.body.innerText.includes('After')")
        page.wait_for_selector(".nbr-shot .nbr-film")
        seen["snapshot"] = int(film(page, "nframes"))
        run_cell(page, 4)
        page.wait_for_selector(".nbr-grid [role=option] img", timeout=WAIT)
        page.locator(".nbr-filter").fill("label == 7")
        page.wait_for_function(
            "() => /^[0-9]+ of 3000 rows$/.test(document.querySelector('.nbr-said output').textContent)"
        )
        seen["filtered"] = page.locator(".nbr-said output").inner_text()
        page.locator(".nbr-browser").scroll_into_view_if_needed()
        shot(page, "notebook7-filtered")
        seen["axe"] += serious(page, within=".nbr")
        page.evaluate("async () => { await window.jupyterapp.commands.execute('docmanager:save') }")
    finally:
        shot(page, "notebook7-last")
    page.close()
    end_kernels(lab)
    return {**seen, "notebook": json.loads(place.read_text())}


def test_it_is_notebook_7(run):
    assert run["app"] == "Jupyter Notebook"


def test_the_panel_moves_and_scrubs_while_its_cell_runs(run):
    assert run["state"] == "running"
    assert not run["after"]
    assert run["step"] > 0
    assert (run["scrubbed"], run["still"]) == ("0", "0")


def test_stop_by_the_keyboard_ends_the_run_and_the_next_cells_run(run):
    assert run["snapshot"] > 5
    said = "".join("".join(output.get("text", "")) for output in run["notebook"]["cells"][3]["outputs"])
    assert said.startswith("After ")


def test_axe_finds_nothing_serious_while_the_panel_runs_and_rows_are_filtered(run):
    assert run["axe"] == []


def test_rows_are_filtered_by_the_kernel(run):
    rows = int(run["filtered"].split()[0])
    assert 200 < rows < 400


def test_what_is_saved_needs_no_widget(run):
    outputs = [output for cell in run["notebook"]["cells"] for output in cell["outputs"]]
    assert not [each for each in outputs if "application/vnd.jupyter.widget-view+json" in each.get("data", {})]
    assert "widgets" not in run["notebook"]["metadata"]


@pytest.mark.parametrize(("dark", "width"), [(False, 1100), (True, 480)], ids=["light", "dark and narrow"])
def test_reopened_without_its_kernel_it_shows_and_scrubs(run, browser, lab, dark, width):
    page = open_in_notebook(browser, lab, "seven", dark=dark, width=width)
    end_kernels(lab)
    page.wait_for_selector(".nbr-shot .nbr-film")
    page.locator(".nbr-film input[type=range]").focus()
    page.keyboard.press("Home")
    assert film(page, "step") == "0"
    page.locator(".nbr-film input[type=range]").focus()
    page.keyboard.press("ArrowRight")
    assert int(film(page, "step")) > 0
    assert "model not found" not in page.inner_text("body")
    assert page.locator(".nbr-still .nbr-card").count() == 60
    page.locator(".nbr-film").scroll_into_view_if_needed()
    shot(page, f"notebook7-reopened-{'dark' if dark else 'light'}")
    if dark:  # the server keeps the theme for the tests that come after
        page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Light'})")
        page.wait_for_selector("[data-jp-theme-light=true]", state="attached")
    page.close()
