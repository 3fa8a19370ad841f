"""Keys belong to the control that has the focus, nothing is read out unasked, who asks for less motion gets stills."""

from __future__ import annotations

import itertools

import pytest

pytestmark = pytest.mark.browser

#: a notebook that has its own use for keys, and hears of them as JupyterLab does: when they come up to the document
NOTEBOOK = """() => {
  window.heard = [];
  document.addEventListener("keydown", ({ key }) => { if (key !== "Shift") heard.push(key); });
}"""
#: what live regions have said since, one entry for each text that changed
LISTEN = """() => {
  window.said = [];
  const places = "[aria-live], output, [role=status], [role=alert]";
  const live = (node) => (node.nodeType === 1 ? node : node.parentElement)?.closest(places);
  new MutationObserver((changes) => {
    for (const place of new Set(changes.map((change) => live(change.target)).filter(Boolean)))
      if (place.getAttribute("aria-live") !== "off") said.push(place.textContent);
  }).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""


def step(page):
    return int(page.locator(".nbr-film").first.get_attribute("data-step"))


@pytest.mark.parametrize(
    ("name", "control", "keys"),
    [
        ("overfit_batch", "input[type=range]", ["ArrowLeft", "Home", "ArrowRight"]),
        ("check_init", "summary", ["Enter", "Space"]),
        ("filters", "canvas[role=slider]", ["ArrowRight", "End"]),
        ("activations", "[role=listbox]", ["ArrowDown", "Home"]),
        ("chart_dependencies", "canvas[role=application]", ["ArrowDown", "Enter"]),
        ("show_batch", "button[aria-label='next batch']", ["Enter", "ArrowLeft"]),
        ("tokens", ".nbr-texts", ["ArrowRight", "ArrowDown"]),
        ("browse_live", ".nbr-grid", ["ArrowRight", "Enter"]),
    ],
    ids=lambda given: given if isinstance(given, str) else None,
)
def test_a_notebook_gets_no_key_that_a_control_has_use_for(stand, name, control, keys):
    page = stand(name)
    page.evaluate(NOTEBOOK)
    for key in keys:
        page.locator(control).first.focus()
        page.keyboard.press(key)
    assert page.evaluate("heard") == []
    page.locator(control).first.focus()
    page.keyboard.press("Shift+Enter")
    assert "Enter" in page.evaluate("heard"), "the cell is run as ever"


def test_escape_lets_go(stand):
    page = stand("chart_dependencies")
    chart = page.locator("canvas[role=application]").first
    chart.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    figure = page.locator(".nbr-heats figure").first
    assert figure.get_attribute("data-held") == "0"
    page.keyboard.press("Escape")
    assert (figure.get_attribute("data-held"), figure.get_attribute("data-at")) == ("", "")


def test_a_film_that_plays_is_not_read_out_but_its_slider_says_where_it_is(stand):
    page = stand("overfit_batch")
    page.evaluate(LISTEN)
    page.locator(".nbr-play").click()
    page.wait_for_function("document.querySelector('.nbr-play').ariaLabel === 'play'")
    assert page.evaluate("said") == []
    slider = page.locator(".nbr-film input[type=range]")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    assert slider.get_attribute("aria-valuetext") == page.locator(".nbr-told").inner_text()


def test_the_pointer_over_a_chart_is_not_read_out_and_a_key_is(stand):
    page = stand("chart_dependencies")
    page.evaluate(LISTEN)
    chart = page.locator("canvas[role=application]").first
    box = chart.bounding_box()
    for way in (0.2, 0.5, 0.8):
        page.mouse.move(box["x"] + way * box["width"], box["y"] + way * box["height"])
    assert page.evaluate("said") == []
    chart.focus()
    page.keyboard.press("ArrowDown")
    assert len(page.evaluate("said")) == 1


def test_who_asks_for_less_motion_gets_stills(stand):
    page = stand("overfit_batch", reduced_motion="reduce")
    count = page.locator(".nbr-film input[type=range]").evaluate("(slider) => Number(slider.max) + 1")
    page.evaluate("""() => {
      window.moved = [];
      const film = document.querySelector(".nbr-film");
      new MutationObserver(() => moved.push(performance.now())).observe(film, { attributeFilter: ["data-step"] });
    }""")
    page.locator(".nbr-play").click()
    page.wait_for_function("moved.length >= 4")
    page.locator(".nbr-play").click()
    moved = page.evaluate("moved")
    assert min(after - before for before, after in itertools.pairwise(moved[1:])) > 500, "a second each"
    assert count > 20
    assert int(page.locator(".nbr-film input[type=range]").input_value()) >= 3 * (count // 10), "and few of them"


def test_nothing_of_ours_moves_by_itself(stand):
    page = stand("browse_live", reduced_motion="reduce")
    moves = """() => [...document.querySelectorAll(".nbr, .nbr *")].map((each) => getComputedStyle(each))
      .filter((style) => style.animationName !== "none" || parseFloat(style.transitionDuration) > 0).length"""
    assert page.evaluate(moves) == 0


# a person who is asked -----------------------------------------------------------------------------------------------


def card(page, count):
    page.wait_for_function(
        "(words) => document.querySelector('.nbr-asking output')?.textContent === words", arg=f"card {count} of 10"
    )


def test_keys_are_said_to_be_heard_only_where_they_are(stand):
    page = stand("human_baseline")
    card(page, 1)
    unheard = page.locator(".nbr-unheard")
    assert unheard.is_visible()
    page.locator(".nbr-asking").focus()
    assert not unheard.is_visible()
    page.keyboard.press("0")
    card(page, 2)
    assert page.evaluate("document.activeElement.className") == "nbr-asking"


def test_the_focus_comes_back_where_a_script_took_it_and_not_where_the_person_did(stand):
    page = stand("human_baseline")
    page.evaluate("() => { document.body.insertAdjacentHTML('afterbegin', '<input id=elsewhere>'); }")
    page.locator(".nbr-asking").focus()
    page.evaluate("() => document.activeElement.blur()")
    page.wait_for_function("document.activeElement.className === 'nbr-asking'")
    page.locator("#elsewhere").click()
    page.wait_for_timeout(200)
    assert page.evaluate("document.activeElement.id") == "elsewhere"


def test_a_key_before_the_next_card_is_said_not_to_count(stand, made):
    page = stand("human_baseline")
    page.wait_for_selector(".nbr-asked img")
    page.locator(".nbr-asking").focus()
    page.evaluate("""() => {
      const wires = globalThis[Symbol.for("nbrecipe.wires")], name = [...wires.keys()][0], ask = wires.get(name);
      wires.set(name, (number, hear, question) => { window.late = () => ask(number, hear, question); });
    }""")
    page.keyboard.press("0")
    page.keyboard.press("1")
    told = page.locator(".nbr-asking output")
    assert told.inner_text() == "that came before the next card, and is not counted: wait for the card …"
    page.evaluate("() => late()")
    page.wait_for_function("() => /^card [0-9]+ of 10$/.test(document.querySelector('.nbr-asking output').textContent)")
