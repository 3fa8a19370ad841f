"""Rows of ids as text: padding, masks, targets and ids that no token has."""

from __future__ import annotations

import numpy as np
import pytest
from test_tokenised import opened, parts

from nbrecipe.decoding.fed_ids import _filled, reading_of_ids
from nbrecipe.pictures.tokens import COUNTED, IGNORED, MISSING, PADDING, SPECIAL, UNKNOWN, UNSEEN
from nbrecipe.tokens import open_tokenizer

KINDS = ["byte-level BPE", "BPE, byte fallback", "tiktoken", "bytes", "fast, byte level"]


def row(kind, text, fill=0):
    tokenizer = opened(kind)
    ids = tokenizer.encode(text).ids
    padding = tokenizer.specials.padding
    return tokenizer, np.concatenate([ids, np.full(fill, padding if padding is not None else 0)]).astype(np.int64)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", ["the rate is 0.1", "naïve ☃ 日本語", "سلام عليكم", "👩\u200d👧 x"])
def test_ids_are_read_as_the_text_that_they_were_made_of(kind, text):
    tokenizer, ids = row(kind, text)
    made = reading_of_ids(tokenizer, ids)
    assert "".join(span for span, _ in parts(made)) == made.text
    assert made.text.strip() == text
    assert made.ids is ids
    assert int(made.last[-1]) == len(ids)


def test_words_that_were_cut_stand_together_even_where_the_tokenizer_would_cut_otherwise():
    tokenizer, ids = row("WordPiece", "the learning")
    alone = ids[1:-1]
    made = reading_of_ids(tokenizer, alone[::-1].copy())  # an order that encoding never gives
    assert "".join(span for span, _ in parts(made)) == made.text
    assert int(made.last[-1]) == len(alone)


def test_padding_is_one_span_and_special_tokens_have_theirs():
    tokenizer, ids = row("WordPiece", "the rate", fill=5)
    made = reading_of_ids(tokenizer, ids, seen=np.arange(len(ids)) < len(ids) - 5)
    assert parts(made)[-1] == ("", [tokenizer.specials.padding] * 5)
    assert made.count(PADDING) == made.count(UNSEEN) == 5
    assert made.count(SPECIAL) == 2
    assert made.length == len(ids) - 5


def test_a_mask_that_hides_text_or_shows_padding_is_drawn_as_it_is():
    tokenizer, ids = row("WordPiece", "the rate", fill=3)
    seen = np.ones(len(ids), bool)
    seen[1] = False
    made = reading_of_ids(tokenizer, ids, seen=seen)
    assert made.count(UNSEEN) == 1
    assert made.count(PADDING) == 3
    assert ((made.marks & UNSEEN) > 0)[1]


def test_where_padding_is_the_end_token_the_mask_or_the_first_decides():
    end = 9
    row_ids = np.array([5, 6, end, end, end])
    assert _filled(row_ids, end, end, None).tolist() == [False, False, False, True, True]
    seen = np.array([True, True, True, False, False])
    assert _filled(row_ids, end, end, seen).tolist() == [False, False, False, True, True]
    assert _filled(row_ids, None, end, None).tolist() == [False] * 5
    assert _filled(np.array([end, end]), end, end, None).tolist() == [True, True]


def test_targets_count_where_they_are_no_minus_100():
    tokenizer, ids = row("WordPiece", "the rate", fill=2)
    labels = ids.copy()
    labels[:2] = IGNORED
    labels[-2:] = IGNORED
    made = reading_of_ids(tokenizer, ids, labels=labels)
    assert made.count(COUNTED) == len(ids) - 4
    goal = reading_of_ids(tokenizer, labels)
    assert parts(goal)[0] == ("", [IGNORED, IGNORED])
    assert parts(goal)[-1] == ("", [IGNORED, IGNORED])


def test_ids_without_a_token_and_unknown_ones_are_said_to_be_so():
    tokenizer, ids = row("WordPiece", "the ☃")
    made = reading_of_ids(tokenizer, np.concatenate([ids, [99_999, -7]]))
    assert made.count(MISSING) == 2
    assert made.count(UNKNOWN) == 1
    assert not ((made.marks & UNKNOWN) > 0)[(made.marks & SPECIAL) > 0].any()


def test_a_tokenizer_that_cannot_read_them_gives_no_text_and_no_crash():
    tokenizer = opened("function")
    made = reading_of_ids(tokenizer, np.array([3, 4, 5]))
    assert int(made.last[-1]) == 3

    class Broken:
        def encode(self, text):
            return [1]

        def decode(self, ids):
            raise KeyError(ids[0])

    made = reading_of_ids(open_tokenizer(Broken()), np.array([3, 4, 5]))
    assert int(made.last[-1]) == 3
    assert made.text == ""


def test_an_empty_row_is_empty():
    tokenizer, _ = row("WordPiece", "the")
    made = reading_of_ids(tokenizer, np.zeros(0, np.int64))
    assert made.text == ""
    assert len(made.ids) == 0
