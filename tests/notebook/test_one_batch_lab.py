"""In JupyterLab: charts, batches, filters and activations answer while a kernel runs, and reopened without one."""

from __future__ import annotations

import pytest
from test_lab import end_kernels, open_notebook, run_cell, shot, write_notebook

pytestmark = pytest.mark.browser

CELLS = [
    "%load_ext nbrecipe\n%seed 0",
    """import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x = nn.functional.avg_pool2d(torch.randn(200, 1, 20, 20), 5, 1)
train_dl = DataLoader(TensorDataset(x, torch.arange(200) % 3), batch_size=40)
criterion = nn.CrossEntropyLoss()

class Mixing(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, 12, 5), nn.Linear(12 * 144, 3)

    def forward(self, x):
        seen = torch.relu(self.conv(x))
        return self.head((seen + 0.1 * seen.roll(4, 0)).flatten(1))

net = Mixing()""",
    "%show_batch",
    "%chart_dependencies",
    "%filters",
    "%activations",
]


@pytest.fixture(scope="module")
def saved(browser, lab):
    """A notebook run from top to bottom and saved; what was seen on the way."""
    write_notebook(lab[2] / "one_batch.ipynb", CELLS)
    page = open_notebook(browser, lab, "one_batch")
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")
    try:
        page.wait_for_function("() => document.querySelectorAll('.nbr-shot').length >= 4", timeout=90_000)
        page.wait_for_selector(".nbr-heats canvas")
    finally:
        shot(page, "lab-one-batch")
    seen = answers(page)
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.close()
    end_kernels(lab)
    return seen


LEAF = ".nbr-leaf output"
#: how many states of random numbers and weights it has met, and how many different ones
STATE = """states.append((torch.get_rng_state().tolist(), net.conv.weight.tolist()))
print(len(states), "states,", len(set(map(str, states))), "of a kind")"""


def says(page, words):
    page.wait_for_function(f"(words) => document.querySelector('{LEAF}')?.textContent === words", arg=words)


def told(page):
    return page.locator(".nbr-leaf [role=status]").inner_text()


def turned(page, times=1):
    for _ in range(times):
        page.get_by_role("button", name="next batch").click()


@pytest.fixture(scope="module")
def leafed(browser, lab):
    """Batches read on while the kernel runs, to the end of the loader, in both themes; then the kernel starts anew."""
    shuffled = "train_dl, states = DataLoader(train_dl.dataset, batch_size=40, shuffle=True), []\n" + STATE
    write_notebook(lab[2] / "leafed.ipynb", [CELLS[0], CELLS[1], shuffled, "%show_batch", STATE])
    page = open_notebook(browser, lab, "leafed")
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")
    seen = {}
    try:
        page.wait_for_selector(LEAF, timeout=90_000)
        says(page, "batch 1 of 4 read")
        turned(page, 4)
        says(page, "batch 5 of 5 read")
        seen["focus"] = page.evaluate("() => document.activeElement.getAttribute('aria-label')")
        seen["pictures"] = page.locator(".nbr-gallery img").count()
        page.keyboard.press("ArrowRight")
        says(page, "batch 5 of 5")
        seen["end"] = told(page)
        shot(page, "lab-leafed-light")
        page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
        page.set_viewport_size({"width": 420, "height": 1600})
        page.wait_for_timeout(500)  # the theme comes in by and by
        shot(page, "lab-leafed-dark")
        run_cell(page, 4)
        page.wait_for_function("() => document.body.innerText.includes('3 states, 1 of a kind')")
        run_cell(page, 3)
        says(page, "batch 1 of 4 read")
        page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
        turned(page, 4)
        seen["gone"] = told(page)
    finally:
        shot(page, "lab-leafed-last")
    page.close()
    end_kernels(lab)
    return seen


def test_next_reads_on_to_the_end_of_the_loader_and_touches_nothing(leafed):
    assert leafed["focus"] == "next batch"
    assert leafed["pictures"] == 12
    assert leafed["end"] == "The loader gives no more than 5 batches."


def test_a_kernel_that_is_gone_is_named(leafed):
    assert leafed["gone"] == "The kernel that read these batches is gone: run the cell again."


def test_saved_the_batches_of_the_cell_stand_without_a_kernel(browser, lab, leafed):
    page = open_notebook(browser, lab, "leafed")
    end_kernels(lab)
    says(page, "batch 1 of 4")
    turned(page, 3)
    says(page, "batch 4 of 4")
    assert page.get_by_role("button", name="next batch").get_attribute("aria-disabled") == "true"
    assert "model not found" not in page.inner_text("body")
    page.close()


def answers(page):
    """What the chart reads out under the pointer, and how many scripts have drawn."""
    figure = page.locator(".nbr-heats figure").first
    figure.scroll_into_view_if_needed()
    canvas = figure.locator("canvas").first
    cell = canvas.bounding_box()["width"] / 32
    canvas.hover(position={"x": 1.5 * cell, "y": 5.5 * cell})
    failed = page.evaluate("() => [...document.querySelectorAll('.nbr-shot')].map((shot) => shot.dataset.failed ?? '')")
    return {"read": figure.locator("output").text_content(), "failed": failed}


def test_the_chart_reads_out_under_the_pointer(saved):
    assert saved["read"].startswith("row 5 ← row 1: ")
    assert saved["read"].endswith("should be 0")


def test_every_script_has_drawn(saved):
    assert saved["failed"] == [""] * 4


@pytest.mark.parametrize(("dark", "width"), [(False, 1100), (True, 700)], ids=["light", "dark and narrow"])
def test_reopened_without_a_kernel_all_of_it_answers(browser, lab, saved, dark, width):
    page = open_notebook(browser, lab, "one_batch", dark=dark, width=width)
    page.evaluate("async () => { await window.jupyterapp.shell.currentWidget.sessionContext.shutdown() }")
    page.wait_for_selector(".nbr-heats canvas")
    try:
        assert answers(page) == saved
        figure = page.locator(".nbr-heats figure").first
        figure.locator("canvas").first.click()
        assert figure.get_attribute("data-held") != ""
    finally:
        shot(page, f"lab-one-batch-{'dark' if dark else 'light'}")
        page.close()
        end_kernels(lab)
