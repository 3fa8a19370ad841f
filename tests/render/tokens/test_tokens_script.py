"""Tokens in a browser: letters, shapes, keys, pointer, filters, themes, widths, and what stands without scripts."""

from __future__ import annotations

import dataclasses
import random

import pytest
import shown_texts

from nbrecipe.pictures.tokens import Reading
from nbrecipe.render.findings import page
from nbrecipe.render.tokens import html

pytestmark = pytest.mark.browser

#: the letters that stand in the tokens of each reading, as they are in the page
LETTERS = """(root) => [...root.querySelectorAll('.nbr-read')].map((read) => {
  const copy = read.cloneNode(true);
  for (const chip of copy.querySelectorAll('kbd')) chip.remove();
  return copy.textContent;
})"""
#: how wide a line is in tokens, and without them
WIDTHS = """(read) => {
  const wide = (node) => { const range = document.createRange(); range.selectNodeContents(node); return range.getBoundingClientRect().width; };
  const plain = read.cloneNode(false);
  plain.textContent = read.textContent;
  read.after(plain);
  const found = [wide(read), wide(plain)];
  plain.remove();
  return found;
}"""  # noqa: E501


@pytest.fixture
def opened(tab):
    def go(shown, dark=False, **settings):
        told = page.document("t", html.html_of(shown_texts.report(), shown, html.png(shown)))
        told = told.replace('class="nbr-page"', 'class="nbr-page" data-theme="dark"') if dark else told
        view = tab(told, **settings)
        if settings.get("java_script_enabled", True):
            view.wait_for_selector(".nbr-texts .nbr-block:first-child > *", timeout=60_000)
        return view

    return go


def tip(view):
    return view.locator(".nbr-tip").inner_text()


def keys(view, *pressed):
    for key in pressed:
        view.keyboard.press(key)


def start(view):
    view.locator(".nbr-texts").focus()


def test_what_one_of_two_cannot_read_is_told_in_its_column(opened):
    shown = shown_texts.texts(["the plot " * 300, "the plot"], shown_texts.words(), shown_texts.raw())
    (_, other), (first, _) = (line.readings for line in shown.lines)
    pairs = (Reading.none("no such word"), other), (first, Reading.none("no such word"))
    lines = [dataclasses.replace(line, readings=pair) for line, pair in zip(shown.lines, pairs, strict=True)]
    view = opened(dataclasses.replace(shown, lines=tuple(lines)), width=1000)
    failed = view.locator(".nbr-failed")
    assert failed.all_inner_texts() == ["✗ no such word"]  # the other stands below what is on the screen
    assert view.locator(".nbr-block").count() > 3, "a long text is drawn in blocks beside a column that failed"
    view.get_by_role("button", name="failed 2").click()
    view.evaluate("document.querySelector('.nbr-texts').scrollTop = 1e6")
    view.wait_for_function(
        "[...document.querySelectorAll('.nbr-column')].some((one, k) => k % 2 && one.querySelector('.nbr-failed'))",
        timeout=60_000,
    )
    start(view)
    keys(view, "ArrowRight", "ArrowDown", "ArrowUp")
    assert "token" in tip(view)


@pytest.mark.parametrize("width", [300, 420, 700])
def test_no_column_is_wider_than_a_narrow_page(opened, width):
    view = opened(shown_texts.texts(["the plot is not good"] * 3, shown_texts.words(), shown_texts.raw()), width=width)
    room = view.locator(".nbr-texts").bounding_box()
    for column in view.locator(".nbr-column").all():
        box = column.bounding_box()
        assert box["x"] + box["width"] <= room["x"] + room["width"] + 0.5


def test_the_letters_in_the_page_are_the_texts_own(opened):
    given = [*shown_texts.HARD.values()]
    for make in (shown_texts.words, shown_texts.raw):
        view = opened(shown_texts.texts(given, make()), width=1000)
        seen = []
        for k in range(len(given)):
            place = view.locator(".nbr-block").nth(k)
            place.scroll_into_view_if_needed()
            place.locator(".nbr-read").wait_for(state="attached", timeout=30_000)
            seen += place.evaluate(LETTERS)
        assert seen == given


#: stretches of code points that are hard to draw, and plain ones
STRETCHES = (
    (0x0, 0x7F), (0x80, 0x24F), (0x300, 0x36F), (0x5D0, 0x6FF), (0x900, 0x97F), (0xE00, 0xE7F), (0x1100, 0x11FF),
    (0x2000, 0x206F), (0x3000, 0x30FF), (0xAC00, 0xAC40), (0xFE00, 0xFEFF), (0x1F1E6, 0x1F1FF), (0x1F300, 0x1F64F),
    (0xE0000, 0xE007F),
)  # fmt: skip


def test_the_letters_of_any_text_are_its_own(opened):
    rng = random.Random(0)
    given = ["".join(chr(rng.randint(*rng.choice(STRETCHES))) for _ in range(rng.randint(1, 16))) for _ in range(240)]
    for make in (shown_texts.words, shown_texts.raw):
        view = opened(shown_texts.texts(given, make(), limit=9))
        view.add_style_tag(content=".nbr-texts { max-height: none !important; }")
        view.set_viewport_size({"width": 1000, "height": 40_000})
        view.wait_for_function("() => document.querySelectorAll('.nbr-read').length === 240", timeout=90_000)
        assert view.locator(".nbr-texts").evaluate(LETTERS) == given


def test_html_in_texts_is_text_and_is_never_run(opened):
    view = opened(shown_texts.everything())
    view.get_by_role("button", name="failed").click()
    view.wait_for_selector(".nbr-failed")
    view.get_by_role("button", name="all").click()
    start(view)
    keys(view, *["ArrowDown"] * 6)
    assert view.evaluate("() => window.stolen") is None
    assert view.locator(".nbr-texts img, .nbr-texts script").count() == 0
    assert "<script>window.stolen = true</script>" in view.locator(".nbr-tokened, .nbr").first.inner_text()


@pytest.mark.parametrize("text", ["السلام عليكم", "नमस्ते क्षत्रिय", "plain fi words", "שלום"])
def test_letters_that_join_across_tokens_keep_their_shapes(opened, text):
    """Each letter is a token of its own here; drawn with and without tokens a line is equally wide."""
    shown = shown_texts.texts([text.replace(" ", "\u2060")], shown_texts.raw())
    view = opened(shown)
    read = view.locator(".nbr-read").first
    view.add_style_tag(content=".nbr-read i[data-c]::before { display: none !important; }")
    assert read.locator(".nbr-tk").count() >= 4
    with_tokens, without = read.evaluate(WIDTHS)
    assert with_tokens == pytest.approx(without, abs=1.0)


def test_arrow_keys_go_from_token_to_token_and_tell_its_id(opened):
    view = opened(shown_texts.texts(["the plot", "السلام the", "good"]))
    start(view)
    keys(view, "ArrowRight")
    assert tip(view).startswith("token 1 of 4 · id 2 <s> begin")
    keys(view, "ArrowRight")
    assert tip(view).startswith("token 2 of 4 · id 4 the")
    assert view.evaluate("() => document.activeElement.textContent") == "the"
    assert view.evaluate("() => document.activeElement.getAttribute('aria-label')").startswith("token 2 of 4")
    keys(view, "ArrowLeft", "ArrowLeft")
    assert tip(view).startswith("token 1 of 4")
    keys(view, "End", "ArrowRight")
    assert view.locator(".nbr-shot").get_attribute("data-at").startswith("1 0"), "on into the next text"
    keys(view, "ArrowDown", "Home")
    assert view.locator(".nbr-shot").get_attribute("data-at") == "2 0 0"
    keys(view, "Escape")
    assert not view.locator(".nbr-tip").is_visible()


def test_arrows_pass_over_what_has_no_tokens_and_change_between_tokenizers(opened):
    made = shown_texts.texts(["the plot", "", "good fun"], shown_texts.words(), shown_texts.raw())
    failed = shown_texts.Line("row x", failed="no")
    view = opened(dataclasses.replace(made, lines=(made.lines[0], failed, *made.lines[1:])))
    place = view.locator(".nbr-shot")
    start(view)
    keys(view, "ArrowRight", "ArrowRight", "ArrowRight")
    assert "id 5 plot" in tip(view)
    keys(view, "ArrowDown")
    assert tip(view).startswith("token 5 of 8 · id 112 p"), "the first letter of `plot`"
    keys(view, "End", "ArrowRight")
    assert place.get_attribute("data-at") == "2 0 0", "over the text that failed, to what an empty one has"
    keys(view, "ArrowDown")
    assert place.get_attribute("data-at") == "3 0 0", "an empty text has no bytes"
    keys(view, "ArrowUp", "ArrowUp")
    assert place.get_attribute("data-at") == "0 1 0"


def test_in_a_text_from_right_to_left_the_arrows_go_with_the_eye(opened):
    view = opened(shown_texts.texts(["السلام عليكم", "the"]))
    read = view.locator(".nbr-read").first
    assert read.get_attribute("dir") == "rtl"
    start(view)
    keys(view, "ArrowLeft", "ArrowLeft")
    assert "السلام" in tip(view)
    first = view.evaluate("() => document.activeElement.getBoundingClientRect().right")
    keys(view, "ArrowLeft")
    assert "عليكم" in tip(view)
    assert view.evaluate("() => document.activeElement.getBoundingClientRect().right") < first
    keys(view, "ArrowRight")
    assert "السلام" in tip(view)


def test_the_pointer_tells_what_the_keys_tell(opened):
    view = opened(shown_texts.everything())
    view.locator(".nbr-read .nbr-tk.nbr-unknown").first.hover()
    assert "unknown: what it stood for is lost" in tip(view)
    view.locator(".nbr-read .nbr-chip.nbr-padding").first.hover()
    assert "padding" in tip(view)
    view.locator(".nbr-read del .nbr-tk").first.hover()
    assert "cut off at 8" in tip(view)
    view.locator(".nbr-title").hover()
    assert not view.locator(".nbr-tip").is_visible()


def test_bytes_of_one_character_are_told_together_with_what_cannot_be_seen(opened):
    view = opened(shown_texts.texts(["a👩\u200d👧b"], shown_texts.raw()))
    view.locator(".nbr-tk.nbr-many").first.hover()
    told = tip(view)
    assert "token 2 of 13" in told
    assert "more tokens share these characters" in told
    assert "U+1F469 U+200D ZWJ U+1F467" in told


def test_targets_masks_and_ids_without_a_token_are_told(opened):
    view = opened(shown_texts.batch())
    counted = view.locator(".nbr-read .nbr-tk.nbr-counted").first
    counted.hover()
    assert "counts in the loss" in tip(view)
    assert "→ id 7 not" in tip(view)
    assert view.locator(".nbr-twin").count() == 1, "its target is outlined"
    view.locator(".nbr-missing").last.hover()
    assert "the tokenizer has no token of this id" in tip(view)
    view.locator("kbd.nbr-unseen").first.hover()
    assert "masked: not attended to" in tip(view)


def test_ids_as_large_as_hashes_are_told_as_they_are(opened):
    class Hashes(shown_texts.Bytes):
        vocab_size = 0

        def encode(self, text):
            return [2**40 + ord(letter) for letter in text]

        def decode(self, ids):
            return "".join(chr(i - 2**40) for i in ids)

    view = opened(shown_texts.texts(["ab"], shown_texts.open_tokenizer(Hashes(), "hashes")))
    start(view)
    keys(view, "ArrowRight", "ArrowRight")
    assert tip(view).startswith(f"token 2 of 2 · id {2**40 + 98}")


@pytest.mark.parametrize(("width", "columns"), [(1000, 2), (420, 1)])
def test_two_tokenizers_stand_side_by_side_where_there_is_room(opened, width, columns):
    view = opened(shown_texts.texts(["the plot is not good"], shown_texts.words(), shown_texts.raw()), width=width)
    lefts = view.locator(".nbr-abreast > .nbr-column").evaluate_all(
        "(all) => all.map((one) => one.getBoundingClientRect().left)"
    )
    assert len(lefts) == 2
    assert len(set(lefts)) == columns
    view.locator('[data-r="0"] .nbr-tk').nth(1).hover()
    assert view.locator('[data-r="1"] .nbr-twin').count() == 4, "the letters of `plot`"


def test_lines_can_be_chosen_by_what_happened_to_them(opened):
    view = opened(shown_texts.everything())
    names = view.locator(".nbr-leaf .nbr-button").all_inner_texts()
    assert names[0] == "all 13"
    assert {"failed 1", "answer lost 1", "comes back changed 1"} <= set(names)
    view.get_by_role("button", name="comes back changed 1").click()
    view.wait_for_selector(".nbr-back")
    assert view.locator(".nbr-block").count() == 1
    assert view.locator(".nbr-back del").inner_text() == "☃"
    assert view.get_by_role("button", name="comes back").get_attribute("aria-pressed") == "true"


@pytest.mark.parametrize("width", [420, 1100])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_fits_its_width_and_follows_the_theme(opened, width, dark):
    view = opened(shown_texts.everything(), dark=dark, width=width)
    assert view.evaluate("() => document.documentElement.scrollWidth") <= width
    colours = view.locator(".nbr-read").first.evaluate("(read) => getComputedStyle(read).color")
    light = sum(map(int, colours.removeprefix("rgb(").rstrip(")").split(","))) > 384
    assert light == dark


def test_without_scripts_tokens_stand_with_their_ids(opened):
    view = opened(shown_texts.everything(), java_script_enabled=False)
    read = view.locator(".nbr-read").first
    assert read.locator(".nbr-tk").first.get_attribute("title") == "token 2: id 4 the"
    view.locator("summary", has_text="tokens").first.click()
    assert "2 <s> · 4 the" in view.locator(".nbr-ids").first.inner_text()


def test_of_two_hundred_texts_only_those_on_the_screen_stand_in_the_page(opened):
    view = opened(shown_texts.texts([f"the plot is not good , the plot is {k} fun . " * 4 for k in range(200)]))
    view.wait_for_selector(".nbr-texts .nbr-tk")
    assert view.locator(".nbr-block").count() == 200
    assert view.locator(".nbr-texts .nbr-tk").count() < 3000
    view.locator(".nbr-texts").evaluate("(texts) => { texts.scrollTop = texts.scrollHeight; }")
    view.wait_for_function("() => document.querySelector('.nbr-block:last-child .nbr-tk')", timeout=60_000)
    view.wait_for_function("() => !document.querySelector('.nbr-block:first-child .nbr-tk')", timeout=60_000)


def test_a_text_of_a_million_tokens_is_windowed_and_its_end_can_be_reached(opened):
    text = "the plot is not good , " * 166_700
    view = opened(shown_texts.texts([text]))
    view.wait_for_selector(".nbr-texts .nbr-tk", timeout=60_000)
    assert "1,000,202 tokens" in view.locator(".nbr-text-head").first.inner_text()
    assert view.locator(".nbr-texts .nbr-tk").count() < 6000
    start(view)
    keys(view, "ArrowRight", "End")
    assert tip(view).startswith("token 1000202 of 1,000,202 · id 3 </s>")
    assert view.locator(".nbr-texts .nbr-tk").count() < 12_000
