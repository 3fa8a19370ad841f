"""Browsing in a browser, with a kernel that the test plays: keys, refusals, widths, millions of rows, a kernel gone."""

import numpy as np
import pytest

import nbrecipe
from nbrecipe.render.findings import page

pytestmark = pytest.mark.browser

#: a kernel with `window.rows` rows that keeps what it is asked and answers at once
KERNEL = """(rows) => {
  window.asked = []; window.rows = rows; window.refuses = ""; window.tags = {}; window.dead = false;
  globalThis[Symbol.for("nbrecipe.wires")].set("w", (number, hear, question) => {
    if (window.dead) throw new Error("gone");
    asked.push(question);
    const { ask, from, to, filter, row, tag, on, column } = question;
    if (ask === "rows" && filter === "bad") return hear({refused: "there is no column `bad`."});
    const total = filter === "none" ? 0 : filter ? 5 : window.rows;
    const card = (at) => ({row: at, text: `text ${at} <b>`, label: `L${at % 3}`, ...(tags[at] && {tags: tags[at]})});
    const answers = {
      rows: () => {
        const length = Math.max(0, Math.min(to, total) - from);
        return {total, from, cards: Array.from({length}, (_, i) => card(from + i))};
      },
      bars: () => ({names: ["a", "b"], counts: [2, 3], every: [10, 20], missing: 0, told: ""}),
      whole: () => ({html: `<p class="nbr-seen">row ${row} whole</p>`}),
      tag: () => {
        tags[row] = (tags[row] ?? []).filter((each) => each !== tag).concat(on ? [tag] : []);
        const counts = {};
        for (const each of Object.values(tags).flat()) counts[each] = (counts[each] ?? 0) + 1;
        return {row, tags: tags[row], counts};
      },
    };
    setTimeout(() => hear(answers[ask]()), 5);
  });
  document.dispatchEvent(new Event("nbrecipe-wires"));
}"""


@pytest.fixture
def opened(tab):
    def go(rows=None, dark=False, wire="w", **settings):
        texts = [(f"text {i} <script>alert(1)</script>", f"L{i % 3}") for i in range(200)]
        browsed = nbrecipe.browse(texts)
        browsed.wire = wire
        told = page.document("t", browsed._repr_html_())
        told = told.replace('class="nbr-page"', 'class="nbr-page" data-theme="dark"') if dark else told
        view = tab(told, **settings)
        if rows is not None:
            view.wait_for_function("document.querySelector('.nbr-shot').dataset.live")
            view.evaluate(KERNEL, rows)
            view.wait_for_selector("[role=option] .nbr-words")
        return view

    return go


def status(tab):
    return tab.locator(".nbr-said output").inner_text()


def shows(tab, row):
    """Waits until a row stands among those on the screen."""
    shown = "[...document.querySelectorAll('[role=option] .nbr-rownumber')].some((each) => each.textContent === row)"
    tab.wait_for_function(f"(row) => {shown}", arg=str(row))


def active(tab):
    view = tab.locator(".nbr-grid")
    return view.get_attribute("aria-activedescendant").rsplit("-", 1)[1]


def test_without_a_kernel_the_first_rows_stand(opened):
    tab = opened()
    tab.wait_for_function("document.querySelector('.nbr-shot').dataset.live === 'false'")
    assert tab.locator(".nbr-still .nbr-card").count() == 60
    assert "<script>alert(1)</script>" in tab.locator(".nbr-words").first.inner_text()
    assert "200 rows · here stand the first 60; run the cell to browse the others" in tab.inner_text("body")
    still = opened(java_script_enabled=False)
    assert still.locator(".nbr-still .nbr-card").count() == 60


def test_keys_move_open_tag_and_close(opened):
    tab = opened(rows=200)
    view = tab.locator(".nbr-grid")
    view.focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "End"):
        tab.keyboard.press(key)
    assert active(tab) == "199"
    tab.keyboard.press("Home")
    tab.keyboard.press("PageDown")
    assert 4 <= int(active(tab)) <= 10
    tab.keyboard.press("Home")
    tab.keyboard.press("Enter")
    tab.wait_for_function("document.querySelector('.nbr-seen')?.textContent === 'row 0 whole'")
    tab.keyboard.press("ArrowDown")
    tab.wait_for_function("document.querySelector('.nbr-seen').textContent === 'row 1 whole'")
    tab.get_by_role("button", name="next example").click()
    tab.wait_for_function("document.querySelector('.nbr-seen').textContent === 'row 2 whole'")
    tab.keyboard.press("Escape")
    assert tab.locator(".nbr-full").is_hidden()
    assert tab.evaluate("document.activeElement.className") == "nbr-grid"
    tab.keyboard.press("t")
    tab.keyboard.type("odd one")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("[role=option] >> text=odd one")
    chip = tab.get_by_role("button", name="1 odd one (1)")
    assert chip.get_attribute("aria-pressed") == "true"
    tab.keyboard.press("1")
    tab.wait_for_function("!document.querySelector('[role=option] .nbr-tagged')")
    tab.keyboard.press("1")
    tab.wait_for_selector("[role=option] .nbr-tagged")
    assert tab.evaluate("tags") == {"2": ["odd one"]}


def test_a_filter_is_asked_for_once_and_refused_in_words(opened):
    tab = opened(rows=200)
    box = tab.locator(".nbr-filter")
    tab.evaluate("asked.length = 0")
    box.press_sequentially("label", delay=10)
    tab.wait_for_function("document.querySelector('.nbr-said output').textContent === '5 of 200 rows'")
    assert len(tab.evaluate("asked")) == 1, "typing waits"
    box.fill("bad")
    box.press("Enter")
    tab.wait_for_selector(".nbr-why >> text=there is no column bad.")
    assert box.get_attribute("aria-invalid") == ""
    assert status(tab) == "5 of 200 rows", "what was there stays"
    box.fill("none")
    box.press("Enter")
    tab.wait_for_function("document.querySelector('.nbr-said output').textContent === 'no row fits'")
    assert tab.locator("[role=option]").count() == 0
    assert tab.locator(".nbr-why").inner_text() == ""


def test_millions_of_rows_scroll_to_the_last_and_only_what_is_seen_is_asked_for(opened):
    tab = opened(rows=5_000_000)
    tab.get_by_role("button", name="least first; turn round").click()
    tab.wait_for_function("document.querySelector('.nbr-said output').textContent.startsWith('5000000')")
    tab.evaluate("asked.length = 0")
    view = tab.locator(".nbr-grid")
    view.hover()
    tab.mouse.wheel(0, 640)
    shows(tab, 10)
    assert tab.locator("[role=option]").count() <= 9
    for share in (0.2, 0.5, 0.7, 1.0):
        view.evaluate("(view, share) => { view.scrollTop = share * (view.scrollHeight - view.clientHeight); }", share)
    shows(tab, 4_999_999)
    view.focus()
    tab.keyboard.press("Home")
    shows(tab, 0)
    tab.keyboard.press("End")
    tab.keyboard.press("ArrowUp")
    assert active(tab) == "4999998"
    sent = tab.evaluate("asked.map((each) => each.to - each.from).reduce((a, b) => a + b, 0)")
    assert sent <= 100


def test_labels_can_be_hidden_and_bars_drawn(opened):
    tab = opened(rows=200)
    assert tab.locator("[role=option] .nbr-label").first.is_visible()
    tab.get_by_role("checkbox", name="labels").uncheck()
    assert not tab.locator("[role=option] .nbr-label").first.is_visible()
    tab.locator("summary").click()
    tab.get_by_role("img", name="a: 2 of 10, b: 3 of 20").wait_for(state="visible", timeout=60_000)


def test_a_kernel_that_is_gone_is_named_and_one_that_is_back_goes_on(opened):
    tab = opened(rows=200)
    tab.evaluate("window.dead = true")
    tab.locator(".nbr-filter").fill("row > 3")
    tab.wait_for_selector(".nbr-why >> text=The kernel that read these rows is gone: run the cell again.")
    tab.evaluate(KERNEL, 200)
    tab.wait_for_function("document.querySelector('.nbr-why').textContent === ''")
    assert status(tab) == "5 of 200 rows"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [420, 1100])
def test_nothing_is_wider_than_the_page_and_every_control_has_a_name(opened, dark, width):
    tab = opened(rows=200, dark=dark, width=width)
    tab.locator("[role=option]").first.click()
    tab.locator("summary").click()
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    nameless = tab.evaluate("""() => [...document.querySelectorAll('.nbr-browser :is(input, select, button)')]
      .filter((each) => !(each.getAttribute('aria-label') || each.labels?.length || each.textContent.trim())).length""")
    assert nameless == 0
    names = tab.evaluate("""() => ['.nbr-words', '.nbr-label', '.nbr-rownumber', '.nbr-filter', '.nbr-box-of-tag']
      .map((name) => getComputedStyle(document.querySelector(name)).color.match(/[0-9.]+/g).map(Number))
      .map((c) => (0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2]) / 255)""")
    assert all(value > 0.3 for value in names) if dark else all(value < 0.52 for value in names)


def test_images_are_tiles_that_fill_the_width(tab):
    draws = np.random.default_rng(0)
    browsed = nbrecipe.browse((draws.integers(0, 255, (80, 16, 16), dtype=np.uint8), np.arange(80) % 4))
    browsed.wire = "w"
    view = tab(page.document("t", browsed._repr_html_()), width=1000)
    view.wait_for_function("document.querySelector('.nbr-shot').dataset.live")
    view.evaluate(KERNEL, 80)
    view.wait_for_selector("[role=option] .nbr-words")
    tops = view.evaluate(
        "[...document.querySelectorAll('[role=option]')].map((each) => each.getBoundingClientRect().top)"
    )
    assert tops.count(tops[0]) >= 8
    view.locator(".nbr-grid").focus()
    view.keyboard.press("ArrowDown")
    assert active(view) == str(tops.count(tops[0]))


def test_from_the_filter_one_goes_back_to_the_rows_by_escape(opened):
    tab = opened(1000)
    tab.keyboard.press("Tab")
    tab.locator(".nbr-grid").focus()
    tab.keyboard.press("/")
    assert tab.evaluate("document.activeElement.className") == "nbr-filter"
    tab.keyboard.press("Escape")
    assert tab.evaluate("document.activeElement.className").startswith("nbr-grid")
    described = tab.locator(".nbr-grid").get_attribute("aria-describedby")
    assert "arrows move" in tab.locator(f"#{described}").inner_text()
