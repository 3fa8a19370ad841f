"""The segments of a text are the text, whatever the tokenizer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbrecipe.batches import BadInput
from nbrecipe.tokens import Encoding, open_tokenizer
from nbrecipe.tokens.segments import segments
from tests.tokens.trained import EVERY, LINES

#: anything that can be written in UTF-8, and what breaks tokenizers more often than chance has it
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
ODD = st.lists(
    st.sampled_from([
        "🤗", "👩‍👩‍👧", "é",
        "e\u0301", "ﬁ", "ß", "İ", "\u200b", "\u200d", "\u2066", "שלום", "مرحبا", "नमस्ते", "日本", "\0", "\r\n",
        "\t", " ", "  ", "\u00a0", "\u3000", "▁", "Ġ", "Ĝ", "<0xF0>", "[CLS]", "<s>", "<unk>", "<|endoftext|>", "##ing",
        "\ufffd", "\ufeff", "\U0010ffff", "the", "learning rate", " batch", "don't", "100%", *LINES[5:9],
    ]),
    max_size=12,
).map("".join)  # fmt: skip


def encoded(text, spans, special=()):
    given = np.array(spans, np.int64).reshape(-1, 2)
    own = np.zeros(len(given), bool)
    own[list(special)] = True
    return Encoding(text, np.arange(len(given)), given, own)


def told(encoding):
    return [(encoding.text[one.start : one.end], one.tokens) for one in segments(encoding)]


def assert_partition(encoding):
    parts = segments(encoding)
    assert "".join(encoding.text[part.start : part.end] for part in parts) == encoding.text
    at = 0
    for part in parts:
        assert part.start == at
        assert part.end >= at
        assert part.end > at or part.tokens
        assert list(part.tokens) == sorted(part.tokens)
        at = part.end
    assert at == len(encoding.text)
    assert sorted(token for part in parts for token in part.tokens) == list(range(len(encoding.ids)))


@pytest.mark.parametrize("kind", EVERY)
def test_the_segments_give_back_the_text(kind):
    tokenizer = open_tokenizer(EVERY[kind]())

    @given(ANY | ODD)
    @settings(max_examples=60, deadline=None, derandomize=True)
    def holds(text):
        try:
            encoding = tokenizer.encode(text)
        except (KeyError, BadInput):  # a table without an unknown token
            return
        assert encoding.text == text
        assert_partition(encoding)
        spans = encoding.spans[encoding.spans[:, 0] >= 0]
        assert (spans[:, 0] <= spans[:, 1]).all()
        assert (spans[:, 1] <= len(text)).all()

    holds()


@given(
    st.text(max_size=12),
    st.lists(st.tuples(st.integers(-3, 15), st.integers(-3, 15), st.booleans()), max_size=12),
)
@settings(max_examples=400, deadline=None, derandomize=True)
def test_spans_of_any_kind_make_a_partition(text, rows):
    spans = [row[:2] for row in rows]
    assert_partition(encoded(text, spans, [place for place, row in enumerate(rows) if row[2]]))


def test_tokens_of_one_character_share_a_segment():
    spans = [(0, 1), (1, 2), (1, 2), (1, 2), (2, 3)]
    assert told(encoded("a🤗b", spans)) == [
        ("a", (0,)),
        ("🤗", (1, 2, 3)),
        ("b", (4,)),
    ]


def test_text_that_no_token_stands_for_has_none():
    assert told(encoded(" a b ", [(1, 2), (3, 4)])) == [(" ", ()), ("a", (0,)), (" ", ()), ("b", (1,)), (" ", ())]


def test_special_tokens_stand_at_their_place():
    spans = [(-1, -1), (-1, -1), (1, 3), (-1, -1), (4, 5), (-1, -1), (-1, -1)]
    assert told(encoded(" ab c ", spans, [0, 1, 3, 5, 6])) == [
        ("", (0,)), ("", (1,)), (" ", ()), ("ab", (2,)), ("", (3,)), (" ", ()), ("c", (4,)), (" ", ()), ("", (5,)),
        ("", (6,)),
    ]  # fmt: skip


def test_where_nothing_has_a_place_the_ends_stand_at_the_ends():
    assert told(encoded("ab", [(-1, -1)] * 3, [0, 2])) == [("", (0,)), ("", (1,)), ("ab", ()), ("", (2,))]


def test_an_empty_text_has_the_special_tokens_alone():
    assert told(encoded("", [])) == []
    assert told(encoded("", [(-1, -1)] * 2, [0, 1])) == [("", (0,)), ("", (1,))]


def test_tokens_that_run_backwards_stand_in_the_order_of_the_text():
    assert told(encoded("abc", [(2, 3), (0, 1), (-1, -1)])) == [("a", (1,)), ("", (2,)), ("b", ()), ("c", (0,))]


def test_spans_that_overlap_share_a_segment():
    assert told(encoded("abcd", [(0, 2), (1, 3), (2, 2), (3, 4)])) == [("abc", (0, 1, 2)), ("d", (3,))]


def test_a_long_text_has_as_many_segments_as_tokens():
    size = 200_000
    spans = np.stack([np.arange(size), np.arange(size) + 1], 1)
    parts = segments(Encoding("a" * size, np.zeros(size, np.int64), spans, np.zeros(size, bool)))
    assert len(parts) == size
    assert parts[-1] == (size - 1, size, (size - 1,))
