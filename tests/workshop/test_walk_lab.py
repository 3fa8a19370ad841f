"""A student goes through a whole workshop notebook in JupyterLab: predicts, runs, scrubs, mends, saves, comes back."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
ARTIFACTS, NOTEBOOK = ROOT / "artifacts", ROOT / "notebooks/3_overfit.ipynb"
#: milliseconds for whatever is waited for, and for a cell, on a machine that does other things as well
PATIENCE, RUNS = 60_000, 240_000
#: the notebook that is shown has a kernel that answers, and nothing of an earlier run stands in it
READY = """async (cleared) => {
  for (let tries = 0; tries < 600; tries++) {
    const panel = window.jupyterapp?.shell?.currentWidget;
    if (panel?.sessionContext) {
      await panel.sessionContext.ready;
      await panel.sessionContext.session?.kernel?.info;
      window.jupyterapp.shell.collapseLeft();
      if (cleared) await window.jupyterapp.commands.execute("notebook:clear-all-cell-outputs");
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("no notebook opened");
}"""
CELLS = "window.jupyterapp.shell.currentWidget.content.widgets"
#: of cell i, as it is written now
SOURCE = f"{CELLS}[i].model.sharedModel.getSource()"
GO = """(number) => {
  const book = window.jupyterapp.shell.currentWidget.content;
  book.activeCellIndex = number;
  return book.scrollToItem(number);
}"""


class Student:
    """Someone at a notebook: finds a cell by a line of its code, writes in it, runs it, reads what it says."""

    def __init__(self, page):
        self.page = page

    def sources(self):
        return self.page.evaluate(f"() => {CELLS}.map((cell) => cell.model.sharedModel.getSource())")

    def index(self, line, nth=0):
        return [i for i, source in enumerate(self.sources()) if line in source.splitlines()][nth]

    def cell(self, number):
        self.page.evaluate(GO, number)
        return self.page.locator(f'.jp-Notebook [data-windowed-list-index="{number}"]')

    def press(self, number, *keys):
        editor = self.cell(number).locator(".cm-content")
        for key in keys:
            editor.press(key)  # which gives it the focus anew, each time

    def write(self, number, text):
        self.cell(number).locator(".cm-content").fill(text)
        self.page.wait_for_function(f"([i, text]) => {SOURCE} === text", arg=[number, text])

    def run(self, number):
        """Shift and enter; what the cell put out, in words."""
        count = self.page.evaluate(f"(i) => {CELLS}[i].model.executionCount ?? 0", number)
        self.press(number, "Shift+Enter")
        done = f"([i, n]) => ({CELLS}[i].model.executionCount ?? 0) > n"
        self.page.wait_for_function(done, arg=[number, count], timeout=RUNS)
        return self.says(number)

    def says(self, number):
        return " ".join(self.cell(number).locator(".jp-Cell-outputArea").inner_text().split())

    def see(self, what):
        from playwright.sync_api import expect

        expect.set_options(timeout=PATIENCE)
        return expect(what)

    def shot(self, number, name):
        ARTIFACTS.mkdir(exist_ok=True)
        self.cell(number).locator(".jp-Cell-outputArea").scroll_into_view_if_needed()
        self.page.screenshot(path=ARTIFACTS / f"walk-{name}.png")


@pytest.fixture
def student(browser, lab):
    """In JupyterLab, the notebook open and nothing run."""
    url, token, folder = lab
    shutil.copy(NOTEBOOK, folder / "walk.ipynb")
    context = browser.new_context(viewport={"width": 1100, "height": 1000})
    context.set_default_timeout(PATIENCE)
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=url)
    page = context.new_page()
    page.goto(f"{url}/lab/tree/walk.ipynb?token={token}&reset")
    page.evaluate(READY, True)
    yield Student(page)
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    context.close()


def scrubs(student, number):
    """Drags the slider of a cell's film to its middle, then goes by keys to its start and on from there."""
    film = student.cell(number).locator(".nbr-shot .nbr-film")
    slider = film.locator("input[type=range]")
    slider.scroll_into_view_if_needed()
    last, box = film.get_attribute("data-step"), slider.bounding_box()
    assert last not in (None, "0")
    middle = box["y"] + box["height"] / 2
    student.page.mouse.move(box["x"] + box["width"] - 5, middle)
    student.page.mouse.down()
    student.page.mouse.move(box["x"] + box["width"] / 2, middle, steps=4)
    student.page.mouse.up()
    student.see(film).not_to_have_attribute("data-step", last)
    assert 0 < int(film.get_attribute("data-step")) < int(last)
    slider.press("Home")
    student.see(film).to_have_attribute("data-step", "0")
    slider.press("ArrowRight")
    student.see(film).not_to_have_attribute("data-step", "0")


def mends(student, number):
    """Copies the line that the finding gives and pastes it where it is missing; what the cell says after it."""
    student.cell(number).get_by_role("button", name="copy").first.click()
    line = student.sources()[number].splitlines().index("        loss.backward()")
    student.press(number, "Control+Home", *["ArrowDown"] * line, "Home", "Control+v", "Enter")
    said = student.run(number)
    assert "        optimizer.zero_grad()\n        loss.backward()" in student.sources()[number]
    return said


def saves_and_comes_back(student, number):
    student.press(number, "Control+s")
    student.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    student.page.reload()
    student.page.evaluate(READY, False)


@pytest.mark.timeout(900)  # a minute, where nothing else runs
def test_a_student_goes_through_the_notebook(student, lab):
    code = [i for i, cell in enumerate(json.loads(NOTEBOOK.read_text("utf-8"))["cells"]) if cell["cell_type"] == "code"]
    guess = student.index("my_steps = None  # your number, for example 100")
    overfit, softmax = (student.index("%%overfit_batch", nth) for nth in (0, 1))
    loop = student.index("%%watch --probe eight --every 10")
    said = {}

    student.write(guess, "my_steps = 40")
    said |= {i: student.run(i) for i in code if i < overfit + 3}
    assert "You expected 40." in said[overfit + 2], said
    scrubs(student, overfit)
    student.shot(overfit, "scrubbed")

    said |= {i: student.run(i) for i in code if overfit + 3 <= i <= loop}
    assert "Remove the softmax at the end of model" in said[softmax], said[softmax]
    assert re.search("1 fault.*missing-zero-grad", said[loop]), said[loop]
    student.shot(loop, "fault")
    mended = mends(student, loop)
    assert re.search(r"Watched cell \d+ \d+ hold.*missing-zero-grad", mended), mended  # without a fault
    student.shot(loop, "mended")

    said |= {i: student.run(i) for i in code if i > loop}
    assert [i for i in said if "Error" in said[i]] == []
    assert re.search("1 fault.*evaluating-in-train-mode", said[student.index("def val_loss():")])
    assert "you are at" in said[code[-1]], said[code[-1]]
    student.shot(code[-1], "board")

    saves_and_comes_back(student, code[-1])
    assert student.sources()[guess] == "my_steps = 40"
    assert "optimizer.zero_grad()" in student.sources()[loop]
    assert student.says(overfit + 2) == said[overfit + 2]
    scrubs(student, overfit)
    student.shot(overfit, "reloaded")
    assert "application/vnd.jupyter.widget-view+json" not in (lab[2] / "walk.ipynb").read_text("utf-8")
