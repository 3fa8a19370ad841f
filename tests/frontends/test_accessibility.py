"""Every kind of page: judged by axe in light and dark, walked by the keyboard, told without its pictures."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from axed import serious
from shown_pages import EVERY

PAGES = pytest.mark.parametrize("name", EVERY)
OPEN = "() => { for (const each of document.querySelectorAll('details')) each.open = true; }"
#: every picture that is not hidden from who does not see, with what is told of it
PICTURES = """() => [...document.querySelectorAll("img, svg, canvas")]
  .filter((each) => !each.closest("[aria-hidden=true]"))
  .map((each) => {
    const told = each.getAttribute(each.tagName === "IMG" ? "alt" : "aria-label");
    return [each.tagName.toLowerCase(), each.getAttribute("role"), told, each.outerHTML.slice(0, 120)];
  })"""
#: what has the focus: a name, a role, whether its outline is to be seen, and whether it lies on the page
FOCUSED = """() => {
  const each = document.activeElement, style = getComputedStyle(each), box = each.getBoundingClientRect();
  const told = [...(each.labels ?? []), each].map((one) => one.textContent).join("").trim();
  const native = {BUTTON: "button", A: "link", SUMMARY: "summary", SELECT: "combobox", INPUT: each.type}[each.tagName];
  if (!each.dataset.count) each.dataset.count = (window.counted = (window.counted ?? 0) + 1);
  return {
    id: each.dataset.count, body: each === document.body, what: each.outerHTML.slice(0, 140),
    name: each.getAttribute("aria-label") || told,
    role: each.getAttribute("role") || native || "",
    outline: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1 || style.boxShadow !== "none",
    seen: box.width > 0 && box.height > 0 && style.visibility === "visible" && Number(style.opacity) > 0.9,
  };
}"""
#: controls that the keyboard must reach: all that can be pressed, moved or written into
CONTROLS = """() => [...document.querySelectorAll("button, input, select, summary, a[href], [tabindex='0']")]
  .filter((each) => each.checkVisibility({ visibilityProperty: true }) && !each.disabled)
  .map((each) => each.outerHTML.slice(0, 140))"""
MOST = 300
#: pages with a kind of control that no page before them has
WALKED = (
    "check_init", "show_batch", "filters", "filters_of_words", "activations", "chart_dependencies", "overfit_batch",
    "tokens", "evaluate", "browse_live", "human_baseline", "human_baseline_of_numbers",
)  # fmt: skip
#: what a drawing may be for who does not see it
ROLES = ("img", "slider", "application")
#: rules that depend on the theme or the width
NARROW = ["color-contrast", "scrollable-region-focusable"]


@PAGES
@pytest.mark.browser
def test_axe_finds_nothing_serious_and_every_picture_is_told(stand, name):
    page = stand(name, color_scheme="light")
    page.evaluate(OPEN)
    assert serious(page) == []
    told = page.evaluate(PICTURES)
    assert [where for tag, role, _, where in told if tag != "img" and role not in ROLES] == []
    assert [where for _, _, words, where in told if not says_something(words)] == []
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 420, "height": 900})
    assert serious(page, only=NARROW) == []


@PAGES
def test_where_no_script_runs_every_picture_is_told_too(made, name):
    pictures = Pictures()
    pictures.feed(made(name)[0].html)
    assert [tag for tag, words in pictures.found if not says_something(words)] == []


def says_something(words):
    """Whether these words tell what is seen, in numbers, and not only what it is."""
    return bool(words) and any(letter.isdigit() for letter in words) and len(words.split()) > 2


class Pictures(HTMLParser):
    """The pictures of a page as it is saved, with their words."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "img" or (tag == "svg" and given.get("aria-hidden") != "true"):
            self.found.append((str(given)[:120], given.get("alt" if tag == "img" else "aria-label")))


@pytest.mark.browser
@pytest.mark.parametrize("name", WALKED)
def test_the_keyboard_reaches_every_control_sees_it_and_leaves_again(stand, name):
    page = stand(name)
    page.evaluate(OPEN)
    reached = walked(page)
    assert not [each["what"] for each in reached if not each["name"]], "a control has a name"
    assert not [each["what"] for each in reached if not each["role"]], "a control has a role"
    assert not [each["what"] for each in reached if not each["outline"]], "the focus is to be seen"
    assert not [each["what"] for each in reached if not each["seen"]], "what has the focus is to be seen"
    assert len(reached) >= len(page.evaluate(CONTROLS)), "no control is left out"


def walked(page):
    """Every element that Tab comes to, until it has gone round; a trap would never come round."""
    page.evaluate("() => document.activeElement.blur()")
    reached = []
    for _ in range(MOST):
        page.keyboard.press("Tab")
        now = page.evaluate(FOCUSED)
        if now["body"] or any(each["id"] == now["id"] for each in reached):
            return reached
        reached.append(now)
    raise AssertionError("Tab never comes round")
