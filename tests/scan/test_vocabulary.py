"""The words of texts and the habits they are written with: counted, merged, told."""

from __future__ import annotations

import pickle
import re
from collections import Counter

import numpy as np
import pytest

import nbrecipe
from nbrecipe.scan.counts.letters import SPACE, SYMBOL, letters, texts_of
from nbrecipe.scan.counts.words import Words
from nbrecipe.scan.reading import scan
from nbrecipe.scan.sources.opening import open_source
from nbrecipe.scan.writing import writings

TEXTS = [
    "see http://a.b  x", " lead", "<b>x</b> &amp;", "SHOUTING LOUD", "", "   ", "é", "\ud800", "tab\t\tx",
    "a <b and c> d", "fine", "AT&T; x", "<unk> <s>", "line <br/> end", "<a href='x'>", "x\u200by", "OK",
    "www.example.org",
]  # fmt: skip


def counted(texts, cuts=()):
    whole = Words()
    for low, high in zip([0, *cuts], [*cuts, len(texts)], strict=True):
        part = Words()
        part.add(texts_of(texts[low:high]), np.arange(low, high))
        whole.merge(pickle.loads(pickle.dumps(part)) if low else part)
    return whole


def test_habits_are_counted_with_the_rows_that_have_them():
    words = counted(TEXTS)
    assert words.named == {
        "empty": [4, 5],
        "URLs": [0, 17],
        "HTML tags": [2, 13, 14],
        "HTML entities": [2],
        "capitals only": [3],
        "space at an end": [1],
        "repeated spaces": [0, 8],
        "invisible or broken letters": [7, 15],
        "letters beyond ASCII": [6, 7, 15],
    }
    assert words.habits == {habit: len(rows) for habit, rows in words.named.items()}
    assert words.rows == len(TEXTS)


def test_letters_are_counted_by_row_as_one_by_one():
    texts = ["", "a b", "ab!", "é x?", "\ud800", "日本 語"] * 3
    seen = letters(texts)
    assert seen.lengths.tolist() == [len(text) for text in texts]
    assert seen.count(SPACE).tolist() == [sum(letter == " " for letter in text) for text in texts]
    assert seen.count(SYMBOL).tolist() == [sum(letter in "!?" for letter in text) for text in texts]


@pytest.mark.parametrize("vocabulary", [50, 60_000])
def test_sketches_merge_to_the_same_numbers_however_the_reading_was_shared_out(vocabulary):
    generator = np.random.default_rng(0)
    drawn = np.minimum(generator.zipf(1.2, (20_000, 8)), vocabulary)
    texts = [" ".join(f"w{i}" for i in row) for row in drawn]
    one, several = counted(texts), counted(texts, (1, 7000, 12_000, 19_999))
    distinct = len(np.unique(drawn))
    assert one.distinct == several.distinct
    assert one.distinct == pytest.approx(distinct, rel=0.03)
    assert one.words == several.words == drawn.size
    exact = np.bincount(drawn.reshape(-1))
    assert [count for _, count in one.most(3)] == pytest.approx(np.sort(exact)[::-1][:3].tolist(), rel=1e-3)
    assert one.most(5) == several.most(5)


def test_what_the_sketches_keep_is_bounded():
    words = Words()
    for start in range(0, 400_000, 4000):
        words.add(texts_of([f"word{i}" for i in range(start, start + 4000)]), np.arange(start, start + 4000))
    assert words.distinct == pytest.approx(400_000, rel=0.03)
    assert len(pickle.dumps(words)) < 2 << 20


def test_words_of_every_length_and_script_are_counted_one_by_one():
    words = ["a", "eightlet", "nineletrs", "sixteen_letters_", "seventeen_letters", "z" * 80, "naïve", "мир", "日本"]
    texts = [" ".join(words[:k]).upper() for k in range(len(words) + 1)] + ["a-b,c_d", "a\0b", "\u212a x", "it's"] * 2
    for some, cuts in ((texts, ()), (texts, (3, 12)), ([text for text in texts if text.isascii()], ())):
        expected = Counter(word[:64] for text in some for word in re.findall(r"\w+", text.lower()))
        counts = counted(some, cuts)
        assert dict(counts.most(100)) == expected
        assert counts.words == sum(expected.values())
        assert counts.distinct == pytest.approx(len(expected))


def test_a_column_without_a_text_for_a_while_has_no_words_there():
    rows = ["one two", "three"] * 3000 + [None] * 5000
    part = scan(open_source({"x": rows, "y": np.arange(11_000) % 2}, "x")).part
    assert part.words["x"].words == 9000
    assert part.spreads["x"].missing.tolist() == [5000] * 3


def test_texts_are_told_of_and_short_lists_of_names_are_not():
    texts = ["<b>so</b> it is", "dull  and long", "fine"] * 40
    scanned = scan(
        open_source({"text": [f"{t} {i}" for i, t in enumerate(texts)], "colour": ["red", "blue"] * 60}, "x")
    )
    (told,) = writings(scanned)
    assert told.name == "text"
    assert told.told.startswith("480 words, 128 different; most often `b` 16.7 %")
    assert [(habit.what, habit.rows, habit.first[:2]) for habit in told.habits] == [
        ("HTML tags", 40, (0, 3)),
        ("repeated spaces", 40, (1, 4)),
    ]
    shown = str(nbrecipe.inspect_data({"colour": ["red", "<i>"] * 60}))
    assert "2 different: `red` 50 %, `<i>` 50 %" in shown


def test_every_text_is_escaped_and_can_be_written(tmp_path):
    nasty = ["<script>alert(1)</script>", "\ud800 half", "**bold** `code`", "&lt;"] * 30
    shown = nbrecipe.inspect_data(
        {"<img src=x>": [f"{t}{i}" for i, t in enumerate(nasty)], "label": ["<b>", "\udfff"] * 60}
    )
    shown.save_html(tmp_path / "x.html")
    page = (tmp_path / "x.html").read_text("utf-8")
    assert "<script>alert" not in page
    assert "<img src=x>" not in page
    assert "&lt;script&gt;alert(1)" in page
    str(shown).encode()
