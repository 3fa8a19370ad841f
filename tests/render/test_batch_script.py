"""Leafing through batches in a browser: buttons, keys, themes, widths, and what stands without scripts."""

import batches
import pytest

from nbrecipe.render import batch, page

pytestmark = pytest.mark.browser


@pytest.fixture
def opened(tab):
    def go(*views, dark=False, **settings):
        shown = batches.batches(*views)
        told = page.document("t", batch.html_of(batches.report(), shown))
        told = told.replace('class="nbr-page"', 'class="nbr-page" data-theme="dark"') if dark else told
        return tab(told, **settings)

    return go


def said(tab):
    return tab.locator(".nbr-leaf").inner_text().split("\n")


def test_pages_turn_by_button_and_key_and_stop_at_the_ends(opened):
    tab = opened([batches.images()], [batches.texts()], [batches.table()])
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
    shown = batches.batches([batches.images()], [batches.table()])
    one = batch.html_of(batches.report(), shown)
    both = tab(page.document("t", one + batch.html_of(batches.report(), shown)))
    both.wait_for_function("document.querySelectorAll('.nbr-shot[data-batch]').length === 2")
    both.get_by_role("button", name="next batch").last.click()
    assert both.locator(".nbr-leaf output").all_inner_texts() == ["batch 1 of 2", "batch 2 of 2"]


def test_without_scripts_the_first_batch_stands(opened):
    tab = opened([batches.images()], [batches.texts()], java_script_enabled=False)
    assert tab.locator(".nbr-gallery img").count() == 8
    assert tab.locator(".nbr-leaf").inner_text() == "batch 1 of 2"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [420, 1000])
def test_nothing_is_wider_than_the_page_and_words_can_be_read(opened, dark, width):
    views = [batches.images(), batches.texts(), batches.series(), batches.table()]
    tab = opened(views, views, dark=dark, width=width)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    colours = tab.evaluate("""() => {
        const rgb = (text) => text.match(/[0-9.]+/g).map(Number);
        const light = (c) => (0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2]) / 255;
        return ['.nbr-title', '.nbr-fed figcaption', '.nbr-label', '.nbr-tok', '.nbr-tensors th']
          .map((name) => light(rgb(getComputedStyle(document.querySelector(name)).color)));
    }""")
    assert all(value > 0.3 for value in colours) if dark else all(value < 0.5 for value in colours)
