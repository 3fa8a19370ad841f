"""The notebooks of this project as pages, from what is committed: opened from disk, offline, used by key."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from nbrecipe.cli import main
from nbrecipe.render.pieces import fragment

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
#: every style sheet of ours, and the first of them again, as in a notebook with outputs of all kinds; all is laid out
SHEETS = [path.read_text("utf-8") for path in sorted(fragment.STATIC.glob("*.css"))]
AGAIN = "".join(
    line for line in fragment.static("nbr.css").splitlines(keepends=True) if not line.startswith(".nbr-page {")
)
LAID = "* { content-visibility: visible !important }"
pytestmark = pytest.mark.browser

#: what a slider moves: the drawings and words around it, without its own line
PICTURE = """(slider) => {
  const shot = slider.closest(".nbr-shot"), rest = shot.cloneNode(true);
  rest.querySelectorAll(".nbr-scrub").forEach((line) => line.remove());
  return rest.innerHTML + [...shot.querySelectorAll("canvas")].map((canvas) => canvas.toDataURL()).join();
}"""
SEEN = "(e) => e.checkVisibility() && !e.disabled && (e.max === undefined || Number(e.max) > Number(e.min))"
#: controls that a screen reader would call by no name
NAMELESS = """() => [...document.querySelectorAll("button, input, summary, a[href], [tabindex='0'], [role='img'], img")]
  .filter((e) => e.checkVisibility() && !e.closest("[aria-hidden='true']"))
  .filter((e) => !(e.textContent.trim() || e.getAttribute("aria-label") || e.getAttribute("aria-labelledby")
                   || e.title || e.labels?.length || (e.localName === "img" && e.hasAttribute("alt"))))
  .map((e) => e.outerHTML.slice(0, 120))"""
#: where everything stands that outputs of ours show, and in which colours
LOOKS = """() => [...document.querySelectorAll(".nbr, .nbr *")].filter((e) => e.checkVisibility()).map((e) => {
  const { x, y, width, height } = e.getBoundingClientRect(), style = getComputedStyle(e), drawn = e.closest("svg");
  const colours = drawn ? [style.fill, style.stroke] : [style.color, style.backgroundColor, style.fontWeight];
  const name = `${e.localName}.${e.getAttribute("class")}`;
  return [name, ...[x, y + scrollY, width, height].map(Math.round), ...colours].join(" ");
})"""
WIDER = "document.documentElement.scrollWidth - innerWidth"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The gallery of them all."""
    folder = tmp_path_factory.mktemp("gallery")
    assert main(["gallery", *map(str, NOTEBOOKS), "--to", str(folder)]) == 0
    return folder


@pytest.mark.parametrize("name", [path.stem for path in NOTEBOOKS])
def test_a_notebook_lives_in_its_page(folder, visit, name):
    page = visit(folder / f"{name}.html", color_scheme="dark")
    page.wait_for_function("!document.querySelector('[data-nbr-packed]')")
    shots = page.locator("[data-nbr-module]")
    page.wait_for_function("[...document.querySelectorAll('[data-nbr-module]')].every((shot) => shot.children.length)")
    assert page.locator("[data-failed]").count() == 0
    assert page.locator("main h1").count() == 1
    for fold in page.query_selector_all("main details:not([open]) > summary"):
        if fold.is_visible():
            fold.focus()
            page.keyboard.press("Enter")
            assert fold.evaluate("(summary) => summary.parentElement.open")
    sliders = [each for each in shots.locator("input[type=range]").element_handles() if each.evaluate(SEEN)]
    for slider in sliders:
        pictures, told = set(), set()
        for key in ("Home", "End"):
            slider.focus()
            page.keyboard.press(key)
            pictures.add(slider.evaluate(PICTURE))
            told.add(slider.get_attribute("aria-valuetext"))
        assert len(pictures) == 2, "the picture follows the slider"
        assert len(told) == 2, "and so does what is read out"
    assert page.evaluate(NAMELESS) == []
    assert page.evaluate(WIDER) <= 0
    page.add_style_tag(content=LAID)
    before = page.evaluate(LOOKS)
    page.add_style_tag(content="".join([*(sheet for sheet in SHEETS if ".nbr-page {" not in sheet), AGAIN]))
    after = page.evaluate(LOOKS)
    assert [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]][:4] == [], (
        "no widget styles another"
    )


def test_there_are_sliders_to_move(folder):
    pages = [path.read_text("utf-8") for path in folder.glob("*.html")]
    assert sum("data-nbr-packed" in page for page in pages) >= 4


@pytest.mark.parametrize("name", ["index", NOTEBOOKS[0].stem])
def test_a_narrow_page_fits(folder, visit, name):
    page = visit(folder / f"{name}.html", width=420)
    page.wait_for_function("!document.querySelector('[data-nbr-packed]')")
    assert page.evaluate(WIDER) <= 0
    assert page.evaluate(NAMELESS) == []


@pytest.mark.parametrize(
    ("name", "scheme", "width"),
    [("index", "dark", 420), (NOTEBOOKS[0].stem, "light", 1400), (NOTEBOOKS[0].stem, "dark", 420)],
)
def test_axe_finds_nothing_around_the_outputs(folder, visit, name, scheme, width):
    page = visit(folder / f"{name}.html", width=width, color_scheme=scheme)
    page.wait_for_function("!document.querySelector('[data-nbr-packed]')")
    found = Axe().run(page, context={"exclude": [[".g-out"]]}, options={"resultTypes": ["violations"]})
    assert [(each["id"], each["nodes"][0]["html"]) for each in found.response["violations"]] == []


def test_a_reader_goes_from_the_index_through_a_page_by_key(folder, visit):
    page = visit(folder / "index.html")
    page.locator(".g-card a").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("main h1")
    page.locator(".g-skip").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "page-main"
    fold = page.locator("#page-fold")
    fold.focus()
    page.keyboard.press("Enter")
    assert page.locator(".g-in[open]").count() == 0
    assert fold.text_content() == "show code"
    fold.focus()
    page.keyboard.press("Enter")
    assert page.locator(".g-in:not([open])").count() == 0
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.locator("#page-theme").focus()
    page.keyboard.press("Enter")
    assert page.evaluate(ground) == "rgb(17, 20, 24)" != light
    page.reload()
    assert page.evaluate(ground) == "rgb(17, 20, 24)", "the choice is kept"
    page.locator(".g-foot a[rel=next]").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: url.endswith(f"{NOTEBOOKS[1].stem}.html"))
    assert page.evaluate(ground) == "rgb(17, 20, 24)"
    page.locator("#page-theme").focus()
    page.keyboard.press("Enter")
    assert page.evaluate(ground) == light


def test_what_outputs_fold_is_printed_and_tools_are_not(folder, visit):
    page = visit(folder / f"{NOTEBOOKS[0].stem}.html", color_scheme="dark")
    page.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = false; })")
    folded, code = page.locator(".g-out details > :not(summary)").first, page.locator(".g-code").first
    tall = "(each) => each.checkVisibility() && each.getBoundingClientRect().height > 0"
    assert not folded.evaluate(tall)
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert folded.evaluate(tall)
    assert not code.evaluate(tall), "as the reader left it"
    assert not page.locator(".g-bar, .g-toc, #page-fold").first.is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("document.body.dataset.theme") is None
