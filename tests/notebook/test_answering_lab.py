"""In JupyterLab: twenty cards answered by the keyboard, the page reloaded in the middle; no answer is lost."""

from __future__ import annotations

import json

import pytest
from axed import serious
from test_lab import READY, end_kernels, open_notebook, run_cell, shot, write_notebook

pytestmark = pytest.mark.browser

CELLS = [
    "%load_ext nbrecipe\n%seed 0",
    """import numpy as np

draws = np.random.default_rng(0)
labels = draws.integers(0, 10, 300)
images = draws.integers(0, 60, (300, 16, 16), dtype=np.uint8)
images[np.arange(300), 2 + labels] = 255  # a line lower down for each digit
digits = images, labels""",
    "me = %human_baseline digits -n 20\nme",
    "print('right', int(me.answers.right.sum()), 'of', len(me.answers), me.disagreements)",
]
#: the digit that the card shows: the brightest line of its picture, read off its pixels as a person would
SEEN = """() => {
  const image = document.querySelector(".nbr-asked img");
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 16;
  const ink = canvas.getContext("2d");
  ink.drawImage(image, 0, 0, 16, 16);
  const pixels = ink.getImageData(0, 0, 16, 16).data;
  const places = [...Array(16).keys()];
  const sums = places.map((y) => places.reduce((all, x) => all + pixels[4 * (16 * y + x)], 0));
  return sums.indexOf(Math.max(...sums)) - 2;
}"""


def says(page, words):
    page.wait_for_function(
        "(words) => document.querySelector('.nbr-asking output')?.textContent === words", arg=words, timeout=60_000
    )


def press(page, key):
    """Press a key on the card: a notebook may have moved the focus meanwhile."""
    page.locator(".nbr-asking").focus()
    page.keyboard.press(key)


def answer(page, first, last, wrong=()):
    """Answer the cards from `first` to `last` by keys alone, some of them wrongly."""
    for card in range(first, last + 1):
        says(page, f"card {card} of 20")
        page.wait_for_function("() => document.querySelector('.nbr-asked img')?.complete")
        seen = page.evaluate(SEEN)
        press(page, str((seen + 1) % 10 if card in wrong else seen))


@pytest.fixture(scope="module")
def answered(browser, lab):
    """Twenty cards answered, the page reloaded after nine of them; what was seen on the way."""
    place = lab[2] / "person.ipynb"
    write_notebook(place, CELLS)
    page = open_notebook(browser, lab, "person")
    seen = {}
    try:
        for number in range(3):
            run_cell(page, number)
        page.wait_for_selector(".nbr-asking", timeout=90_000)
        says(page, "card 1 of 20")
        page.locator(".nbr-asking").focus()
        shot(page, "lab-person-light")
        seen["axe"] = serious(page, within=".nbr")
        answer(page, 1, 5, wrong={2})
        says(page, "card 6 of 20")
        press(page, "Backspace")  # the fifth is taken back, and answered again
        answer(page, 5, 9, wrong={7})
        says(page, "card 10 of 20")
        page.evaluate("async () => { await window.jupyterapp.commands.execute('docmanager:save') }")
        page.reload()
        page.evaluate(READY)
        page.wait_for_selector(".nbr-asking", timeout=60_000)
        says(page, "card 10 of 20")
        page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
        page.wait_for_selector("[data-jp-theme-light=false]", state="attached")
        seen["unheard"] = page.locator(".nbr-unheard").is_visible()
        page.locator(".nbr-asking").focus()
        page.evaluate("() => window.jupyterapp.shell.currentWidget.content.activate()")  # as when a session comes back
        page.wait_for_function("() => document.activeElement.closest('.nbr-asking')")
        seen["heard"] = not page.locator(".nbr-unheard").is_visible()
        answer(page, 10, 20, wrong={20})
        says(page, "all 20 cards are answered")
        page.wait_for_selector(".nbr-standings")
        page.locator(".nbr-standings").scroll_into_view_if_needed()
        shot(page, "lab-person-dark")
        seen["axe"] += serious(page, within=".nbr")
        seen["told"] = page.inner_text("body")
        run_cell(page, 3)
        page.wait_for_function("() => /right [0-9]+ of 20/.test(document.body.innerText)")
        seen["kernel"] = page.inner_text("body")
        page.set_viewport_size({"width": 420, "height": 1600})
        page.wait_for_timeout(500)  # the layout comes in by and by
        shot(page, "lab-person-narrow")
        run_cell(page, 2)  # what the answers are worth stands in the notebook from now on
        page.wait_for_selector(".nbr-standings")
        page.wait_for_function("() => !document.querySelector('.nbr-asking')")
        page.evaluate("async () => { await window.jupyterapp.commands.execute('docmanager:save') }")
    finally:
        shot(page, "lab-person-last")
    page.close()
    end_kernels(lab)
    seen["file"] = (lab[2] / "human_digits.jsonl").read_text().splitlines()
    seen["notebook"] = json.loads(place.read_text())
    return seen


def test_keys_that_are_not_heard_are_said_to_be_and_the_notebook_does_not_keep_the_focus(answered):
    assert answered["unheard"]
    assert answered["heard"]


def test_what_was_answered_before_and_after_the_reload_counts_once(answered):
    assert "17 of 20 cards answered as their label says" in answered["told"]
    assert "right 17 of 20" in answered["kernel"]
    assert "3 cards with another answer than the label" in answered["told"]


def test_axe_finds_nothing_serious_in_light_and_dark(answered):
    assert answered["axe"] == []


def test_every_answer_stands_in_the_file_and_what_was_taken_back_too(answered):
    lines = [json.loads(line) for line in answered["file"]]
    assert lines[0]["data"] == "digits"
    assert sum("answer" in line for line in lines) == 21
    assert sum("undone" in line for line in lines) == 1
    assert all(0 <= line["seconds"] < 600 for line in lines if "answer" in line)


def test_saved_the_notebook_says_what_the_answers_are_worth(answered):
    outputs = answered["notebook"]["cells"][2]["outputs"]
    told = "".join("".join(output.get("data", {}).get("text/plain", "")) for output in outputs)
    assert "17 of 20 cards answered as their label says" in told
    assert "widgets" not in answered["notebook"]["metadata"]
