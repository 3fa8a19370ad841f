"""Tokens as HTML without scripts, as words and as a picture: whole, escaped, small, the text's own letters."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pytest
import shown_texts
from hypothesis import given, settings
from hypothesis import strategies as st

from nbrecipe.decoding.tokenised import reading
from nbrecipe.pictures.tokens import Tokens
from nbrecipe.render.pieces.fragment import static
from nbrecipe.render.tokens import html, packed, spans, words
from nbrecipe.render.tokens.signs import parted, sign, signs


class Letters(HTMLParser):
    """The letters that stand in tokens, as a browser would give them."""

    def __init__(self):
        super().__init__()
        self.text, self._chips = "", 0

    def handle_starttag(self, tag, attrs):
        self._chips += tag == "kbd"

    def handle_endtag(self, tag):
        self._chips -= tag == "kbd"

    def handle_data(self, data):
        self.text += "" if self._chips else data


def drawn(shown):
    return html.html_of(shown_texts.report(), shown, html.png(shown))


def written(text):
    """A text as HTML can hold it: controls have pictures, halves of letters none."""
    return "".join(
        chr(0x2400 + ord(one)) if ord(one) < 32 and one not in "\t\n\r"
        else "\ufffd" if 0x7F <= ord(one) < 0xA0 or 0xD800 <= ord(one) < 0xE000 else one
        for one in text
    )  # fmt: skip


@pytest.mark.parametrize("make", [shown_texts.words, shown_texts.raw], ids=["words", "bytes"])
@pytest.mark.parametrize("limit", [None, 4])
def test_the_coloured_view_concatenated_is_the_text_itself(make, limit):
    tokenizer = make()

    @given(st.one_of(st.text(max_size=30), st.sampled_from([*shown_texts.HARD.values()])))
    @settings(max_examples=120, deadline=None, derandomize=True)
    def holds(text):
        made = reading(tokenizer, tokenizer.encode(text), limit=limit, filled=limit is not None)
        seen = Letters()
        seen.feed(spans.html_of(made, shown_texts.voice(tokenizer), 10_000))
        assert seen.text == written(text)

    holds()


@given(st.text(max_size=40))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_stretches_are_the_text_and_no_sign_stands_within_a_character(text):
    assert "".join(piece for piece, _ in parted(text)) == text
    assert all(not told or len(piece) == 1 for piece, told in parted(text))


def test_what_cannot_be_seen_has_a_sign():
    letters = "\t\n\r\x00\x7f\xa0\xad\u200b\u200d\u200e\u202e\u2028\u2066\ufeff\u3000\ue000\ufe0f\U000e0001\ud800"
    told = [sign(letter) for letter in letters]
    assert [letter for letter, one in zip(letters, told, strict=True) if not one] == ["\ue000"]
    assert all(sign(letter) == "" for letter in "aä日👩 .\u0301")
    assert signs(iter(["a\u200b", "b\u200b"])) == {"8203": "ZWSP"}


def test_joiners_of_an_emoji_stay_where_they_are_and_the_span_says_so():
    assert [*parted("👩\u200d👧")] == [("👩\u200d👧", "")]
    assert spans.held("👩\u200d👧")
    assert not spans.held("👩")
    assert [*parted("a\u200db\u200b")] == [("a\u200db", ""), ("\u200b", "ZWSP")]


def test_what_is_the_users_is_text():
    made = drawn(shown_texts.everything())
    assert "<script>window" not in made
    assert "<img src=x" not in made
    assert "&lt;script&gt;" in made


def test_without_scripts_each_thing_is_drawn_as_what_it_is():
    made = drawn(shown_texts.everything())
    assert '<kbd class="nbr-chip nbr-special" dir="ltr" title="token 1: id 2 &lt;s&gt; (begin)">&lt;s&gt;</kbd>' in made
    assert "<del><span" in made
    assert "nbr-chip nbr-padding" in made
    assert "&lt;pad&gt; ×4</kbd>" in made
    assert '<strong class="nbr-bad">the answer is cut off</strong>' in made
    assert "nbr-tk nbr-k1 nbr-unknown" in made or "nbr-unknown" in made
    assert "comes back as" in made
    assert '<div class="nbr-read" dir="rtl">' in made
    rows = drawn(shown_texts.batch())
    for name in ("nbr-unseen", "nbr-counted", "nbr-missing", "no token 99", "– ×4"):
        assert name in rows


def test_ids_can_be_read_without_pointer_or_script():
    made = drawn(shown_texts.texts(["the plot"]))
    assert "<details><summary>4 tokens</summary>" in made
    assert "2 &lt;s&gt; · 4 the · 5 plot · 3 &lt;/s&gt;" in made


def test_styles_stay_within_our_own_output():
    lines = static("tokens.css").splitlines()
    for rule in (line for line in lines if "{" in line):
        for selector in rule.partition("{")[0].split(","):
            assert ".nbr" in selector or "nbr-" in selector or selector.strip().startswith("@"), selector


def test_many_long_texts_stay_small_and_say_what_is_left_out():
    shown = shown_texts.texts(["the plot is not good , " * 400] * 60)
    made = drawn(shown)
    assert len(made) < html.LIMIT + 400_000
    assert "here stand the first" in made
    assert "more tokens" in made


def test_what_does_not_fit_into_a_page_is_left_out_with_a_sentence(monkeypatch):
    monkeypatch.setattr(packed, "MOST", 900)
    shown = shown_texts.texts([f"the plot {i} is {i * i} good {i**3}" for i in range(40)])
    assert "of these 40 texts were left out to keep this small" in drawn(shown)


def test_nothing_to_show_is_shown():
    shown = Tokens((shown_texts.voice(shown_texts.words()),), ())
    assert "Tokens of" in drawn(shown)
    assert html.png(shown) is None
    assert words.text_of(shown_texts.report(), shown).startswith("Tokens of")


def test_the_text_stands_alone():
    told = words.text_of(shown_texts.report(), shown_texts.everything())
    assert "  beyond 8: 31 % of the texts lose something" in told
    assert "  row 0 · good · the answer is cut off" in told
    assert "<s>│the│·│plot│·│is│·│not│·│good│·│,│</s>│·│✂│the│·│plot" in told
    assert "comes back as the·[-☃-]{+<unk>+}·plot" in told
    assert "✗ ValueError" in told


def test_the_picture_is_small_and_has_the_limit_on_it():
    made = html.png(shown_texts.everything())
    assert made.startswith(b"\x89PNG")
    assert len(made) < 60_000
    said = html.words_of_lengths(shown_texts.everything())
    assert said == "lengths in tokens: from 0 to 20, most around 19; 8 are allowed"


def test_spans_are_packed_in_units_of_scripts():
    made = shown_texts.texts(["a👩b"], shown_texts.raw()).lines[0].readings[0]
    assert made.ends.tolist() == [1, 2, 3]
    assert packed._ends_in_units(made).tolist() == [1, 3, 4]
    assert np.diff(made.last, prepend=0).tolist() == [1, 4, 1]
