"""In JupyterLab: 100,000 rows scroll, are filtered, seen in full and tagged; saved, the first rows and tags stand."""

from __future__ import annotations

import json
import re

import pytest
from test_lab import end_kernels, open_notebook, run_cell, shot, write_notebook

pytestmark = pytest.mark.browser

CELLS = [
    "%load_ext nbrecipe\n%seed 0",
    """import numpy as np

draws = np.random.default_rng(0)
labels = draws.integers(0, 10, 100_000)
images = draws.integers(0, 60, (100_000, 28, 28), dtype=np.uint8)
images[np.arange(100_000), 2 + 2 * labels] = 255  # a line lower down for each digit
digits = images, labels""",
    "seen = %browse digits\nseen",
    "print('tags', seen.tags, seen.tagged('bad label'))\nprint(seen.browsing.sent, 'cards', 'sent')",
]
#: scrolls to the end in a given time, frame by frame, and tells how long frames took and how many cards stood there
SCROLL = """async (ms) => {
  const view = document.querySelector(".nbr-grid"), end = view.scrollHeight - view.clientHeight, frames = [];
  let before = performance.now(), most = 0;
  const start = before;
  await new Promise((done) => {
    const step = (now) => {
      frames.push(now - before);
      before = now;
      most = Math.max(most, view.querySelectorAll("[role=option]").length);
      view.scrollTop = (end * Math.min(now - start, ms)) / ms;
      if (now - start < ms) requestAnimationFrame(step);
      else done();
    };
    requestAnimationFrame(step);
  });
  return {frames: frames.slice(2), most, top: view.scrollTop, end};
}"""
DRAWN = """() => {
  const view = document.querySelector(".nbr-grid"), cards = view.querySelectorAll("[role=option]");
  return cards.length > 0 && [...cards].every((card) => card.querySelector("img"));
}"""


def says(page, words):
    page.wait_for_function(
        "(words) => document.querySelector('.nbr-said output')?.textContent === words", arg=words, timeout=20_000
    )


@pytest.fixture(scope="module")
def browsed(browser, lab):
    """The data scrolled from the first row to the last, filtered and tagged in a notebook that is then saved."""
    write_notebook(lab[2] / "browse.ipynb", CELLS)
    page = open_notebook(browser, lab, "browse")
    for number in range(3):
        run_cell(page, number)
    seen = {}
    try:
        page.wait_for_selector(".nbr-grid", timeout=90_000)
        says(page, "100000 rows")
        page.wait_for_function(DRAWN)
        page.locator(".nbr-browser").scroll_into_view_if_needed()
        shot(page, "lab-browse-light")
        seen["scrolled"] = page.evaluate(SCROLL, 3000)
        page.wait_for_function(DRAWN)
        seen["last"] = page.locator("[role=option] .nbr-rownumber").all_inner_texts()[-1]
        shot(page, "lab-browse-end")
        page.locator(".nbr-filter").fill("label == 7 and brightness > 38.4")
        page.wait_for_function(
            "() => /^[0-9]+ of 100000 rows$/.test(document.querySelector('.nbr-said output').textContent)"
        )
        seen["filtered"] = page.locator(".nbr-said output").inner_text()
        page.get_by_role("combobox", name="sort by").select_option("brightness")
        page.wait_for_function(DRAWN)
        page.locator(".nbr-grid").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        page.wait_for_selector(".nbr-full .nbr-large")
        seen["full"] = page.locator(".nbr-full").get_attribute("data-row")
        page.keyboard.press("t")
        page.keyboard.type("bad label")
        page.keyboard.press("Enter")
        page.wait_for_selector(".nbr-given >> text=bad label")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("1")
        page.wait_for_selector(".nbr-given >> text=2 of digits")
        page.locator("summary >> text=histogram").click()
        page.wait_for_selector(".nbr-chart svg")
        shot(page, "lab-browse-tagged")
        seen["tagged"] = page.locator("[role=option]:has(.nbr-tagged) .nbr-rownumber").all_inner_texts()
        run_cell(page, 3)
        page.wait_for_function("() => /[0-9]+ cards sent/.test(document.body.innerText)")
        said = page.inner_text("body")
        seen["tags"] = re.search(r"tags (\{.*\])", said)[1]
        seen["sent"] = int(re.search(r"(\d+) cards sent", said)[1])
        page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
        page.set_viewport_size({"width": 420, "height": 1600})
        page.wait_for_timeout(500)  # the theme comes in by and by
        page.locator(".nbr-browser").scroll_into_view_if_needed()
        shot(page, "lab-browse-dark")
        page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    finally:
        shot(page, "lab-browse-last")
    page.close()
    end_kernels(lab)
    return seen


def test_it_scrolls_over_all_rows_without_stalling_and_only_what_is_seen_is_sent(browsed):
    scrolled = browsed["scrolled"]
    frames = sorted(scrolled["frames"])
    assert scrolled["top"] == pytest.approx(scrolled["end"], abs=2)
    assert scrolled["most"] <= 80, "what stands in the page is what is on the screen"
    assert browsed["last"] == "99999"
    assert frames[len(frames) // 2] < 40
    assert frames[int(0.95 * len(frames))] < 120
    assert frames[-1] < 1000
    assert 60 < browsed["sent"] < 6000, "a thirtieth of the rows at most, in three seconds over all of them"


def test_tags_come_back_in_the_kernel(browsed):
    assert browsed["filtered"].endswith(" of 100000 rows")
    first, second = browsed["tagged"]
    tags = {int(row): ["bad label"] for row in (first, second)}
    assert browsed["full"] == first
    ordered = dict(sorted(tags.items()))
    assert browsed["tags"] == f"{ordered} {sorted(tags)}"


def test_saved_it_shows_the_first_rows_and_the_tags_without_a_kernel(browser, lab, browsed):
    notebook = json.loads((lab[2] / "browse.ipynb").read_text())
    assert "widgets" not in notebook["metadata"]
    page = open_notebook(browser, lab, "browse")
    end_kernels(lab)
    page.wait_for_selector(".nbr-still")
    assert page.locator(".nbr-still .nbr-card").count() == 60
    assert "here stand the first 60; run the cell to browse the others" in page.inner_text("body")
    assert "bad label" in page.locator(".nbr-given").inner_text()
    assert "model not found" not in page.inner_text("body")
    shot(page, "lab-browse-reopened")
    page.close()
