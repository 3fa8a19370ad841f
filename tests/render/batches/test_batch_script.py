"""Leafing through batches in a browser: buttons, keys, themes, widths, and what stands without scripts."""

import pytest
import samples

from nbrecipe.render.batches import batch
from nbrecipe.render.findings import page

pytestmark = pytest.mark.browser


#: a kernel that reads `window.length` batches, answers at once, and may refuse
KERNEL = """() => {
  window.asked = []; window.length = 100; window.refuses = "";
  globalThis[Symbol.for("nbrecipe.wires")].set("w", (number, hear) => {
    asked.push(number);
    if (window.refuses) hear({refused: window.refuses});
    else hear(number < window.length ? {html: `<p class="nbr-fed">no. ${number}</p>`} : {length: window.length});
  });
  document.dispatchEvent(new Event("nbrecipe-wires"));
}"""


@pytest.fixture
def opened(tab):
    def go(*views, dark=False, wire="", **settings):
        shown = samples.batches(*views)
        told = page.document("t", batch.html_of(samples.report(), shown, wire))
        told = told.replace('class="nbr-page"', 'class="nbr-page" data-theme="dark"') if dark else told
        return tab(told, **settings)

    return go


def said(tab):
    return tab.locator(".nbr-leaf").inner_text().split("\n")


def told(tab):
    """Which batch is shown, and why no other."""
    return tab.locator(".nbr-leaf output").inner_text(), tab.locator(".nbr-leaf [role=status]").inner_text()


def disabled(tab, name):
    return tab.get_by_role("button", name=name).get_attribute("aria-disabled") == "true"


@pytest.fixture
def live(opened):
    """Two saved batches with a kernel behind them."""
    tab = opened([samples.images()], [samples.texts()], wire="w")
    tab.wait_for_function("document.querySelector('.nbr-shot').dataset.batch === '1'")
    assert told(tab) == ("batch 1 of 2", "")
    tab.evaluate(KERNEL)
    assert told(tab) == ("batch 1 of 2 read", "")
    tab.get_by_role("button", name="next batch").click()
    return tab


def test_pages_turn_by_button_and_key_and_stop_at_the_ends(opened):
    tab = opened([samples.images()], [samples.texts()], [samples.table()])
    tab.wait_for_function("document.querySelector('.nbr-shot').dataset.batch === '1'")
    assert "batch 1 of 3" in said(tab)
    tab.get_by_role("button", name="next batch").click()
    assert "batch 2 of 3" in said(tab)
    assert tab.locator(".nbr-tokens").first.is_visible()
    assert "<script>alert('&')</script>" in tab.locator(".nbr-tokens").first.inner_text()
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("ArrowRight")
    assert "batch 3 of 3" in said(tab)
    assert tab.get_by_role("button", name="next batch").get_attribute("aria-disabled") == "true"
    for _ in range(3):
        tab.keyboard.press("ArrowLeft")
    assert "batch 1 of 3" in said(tab)
    assert tab.locator(".nbr-gallery img").count() == 8


def test_two_of_them_on_a_page_turn_alone(opened, tab):
    shown = samples.batches([samples.images()], [samples.table()])
    one = batch.html_of(samples.report(), shown)
    both = tab(page.document("t", one + batch.html_of(samples.report(), shown)))
    both.wait_for_function("document.querySelectorAll('.nbr-shot[data-batch]').length === 2")
    both.get_by_role("button", name="next batch").last.click()
    assert both.locator(".nbr-leaf output").all_inner_texts() == ["batch 1 of 2", "batch 2 of 2"]


def test_without_scripts_the_first_batch_stands(opened):
    tab = opened([samples.images()], [samples.texts()], java_script_enabled=False)
    assert tab.locator(".nbr-gallery img").count() == 8
    assert tab.locator(".nbr-leaf").inner_text() == "batch 1 of 2"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [420, 1000])
def test_nothing_is_wider_than_the_page_and_words_can_be_read(opened, dark, width):
    views = [samples.images(), samples.texts(), samples.series(), samples.table()]
    tab = opened(views, views, dark=dark, width=width)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    colours = tab.evaluate("""() => {
        const rgb = (text) => text.match(/[0-9.]+/g).map(Number);
        const light = (c) => (0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2]) / 255;
        return ['.nbr-title', '.nbr-fed figcaption', '.nbr-label', '.nbr-tok', '.nbr-tensors th']
          .map((name) => light(rgb(getComputedStyle(document.querySelector(name)).color)));
    }""")
    assert all(value > 0.3 for value in colours) if dark else all(value < 0.5 for value in colours)


def test_where_a_kernel_is_next_reads_on_and_keeps_the_focus(live):
    live.get_by_role("button", name="next batch").click()
    assert told(live) == ("batch 3 of 3 read", "")
    assert live.locator(".nbr-fed").inner_text() == "no. 2"
    live.keyboard.press("ArrowRight")
    assert told(live) == ("batch 4 of 4 read", "")
    for _ in range(9):
        live.keyboard.press("ArrowLeft")
    assert told(live) == ("batch 1 of 4 read", "")
    assert live.evaluate("asked") == [2, 3], "what was seen is kept"


def test_the_end_of_the_loader_is_told_and_the_start_offered(live):
    live.evaluate("window.length = 3")
    live.keyboard.press("ArrowRight")
    live.keyboard.press("ArrowRight")
    assert told(live) == ("batch 3 of 3", "The loader gives no more than 3 batches.")
    assert disabled(live, "next batch")
    live.get_by_role("button", name="from the start").click()
    assert told(live) == ("batch 1 of 3", "")
    assert not disabled(live, "next batch")
    assert live.get_by_role("button", name="from the start").count() == 0


def test_what_the_kernel_refuses_is_told_and_can_be_asked_again(live):
    live.evaluate("window.refuses = 'Batch 3 could not be read: <b>no file</b>.'")
    live.keyboard.press("ArrowRight")
    assert told(live) == ("batch 2 of 2 read", "Batch 3 could not be read: <b>no file</b>.")
    live.evaluate("window.refuses = ''")
    live.keyboard.press("ArrowRight")
    assert told(live) == ("batch 3 of 3 read", "")


def test_only_the_last_batches_are_kept_and_the_saved_ones(live):
    for _ in range(40):
        live.keyboard.press("ArrowRight")
    assert told(live) == ("batch 42 of 42 read", "")
    for _ in range(40):
        live.keyboard.press("ArrowLeft")
    assert told(live) == ("batch 11 of 42 read", "Batch 10 is no longer kept, only the last 32 are.")
    live.get_by_role("button", name="from the start").click()
    for _ in range(2):
        live.keyboard.press("ArrowRight")
    assert told(live) == ("batch 3 of 42 read", "")
    assert live.locator(".nbr-fed").inner_text() == "no. 2"
    assert live.evaluate("asked.at(-1)") == 2, "read again"


@pytest.mark.parametrize("busy", [True, False], ids=["busy", "gone"])
def test_a_kernel_that_does_not_answer_is_named(live, busy):
    answer = "() => {}" if busy else "() => { throw Error('closed'); }"
    live.evaluate(f"globalThis[Symbol.for('nbrecipe.wires')].set('w', {answer})")
    live.keyboard.press("ArrowRight")
    if busy:
        assert told(live) == ("batch 2 of 2 read", "reading batch 3 …")
        live.wait_for_function(
            "document.querySelector('[role=status]').textContent.includes('when the kernel is free.')"
        )
        live.evaluate("globalThis[Symbol.for('nbrecipe.wires')].delete('w')")
        live.evaluate("document.dispatchEvent(new Event('nbrecipe-wires'))")
    assert told(live) == ("batch 2 of 2", "The kernel that read these batches is gone: run the cell again.")
    assert disabled(live, "next batch")
    live.keyboard.press("ArrowLeft")
    assert told(live) == ("batch 1 of 2", "")


def test_one_batch_has_buttons_only_where_a_kernel_reads_on(opened):
    tab = opened([samples.images()], wire="w")
    tab.wait_for_function("document.querySelector('.nbr-shot').dataset.batch === '1'")
    assert not tab.locator(".nbr-leaf").is_visible()
    tab.evaluate(KERNEL)
    tab.get_by_role("button", name="next batch").click()
    assert told(tab) == ("batch 2 of 2 read", "")
