"""A text as one tokenizer reads it: whole, cut off, filled up, beside another, with its answer."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbrecipe.decoding.tokenised import answered, compared, fit, reading
from nbrecipe.pictures.graphemes import inside
from nbrecipe.pictures.tokens import APART, COUNTED, CUT, PADDING, SPECIAL
from nbrecipe.tokens import open_tokenizer
from tests.tokens import trained

KINDS = ["WordPiece", "byte-level BPE", "BPE, byte fallback", "Unigram", "fast", "tiktoken", "bytes", "letters"]
TEXT = "The learning rate is the first thing to tune."


@functools.cache
def opened(kind):
    return open_tokenizer(trained.EVERY[kind](), kind)


def read(kind, text=TEXT, **how):
    return reading(opened(kind), opened(kind).encode(text), **how)


def parts(made):
    """The characters of each span, with its ids."""
    firsts = np.append(0, made.last)[: len(made.last)].tolist()
    return [
        (made.text[a:b], made.ids[i:j].tolist())
        for a, b, i, j in zip(made.starts.tolist(), made.ends.tolist(), firsts, made.last.tolist(), strict=True)
    ]


def marked(made, mark):
    return [made.text[a:b] for (a, b), on in zip(_spans(made), _any(made, mark), strict=True) if on]


def _spans(made):
    return zip(made.starts.tolist(), made.ends.tolist(), strict=True)


def _any(made, mark):
    firsts = np.append(0, made.last)[: len(made.last)].tolist()
    return [bool((made.marks[i:j] & mark).any()) for i, j in zip(firsts, made.last.tolist(), strict=True)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("limit", [None, 3, 9])
def test_the_spans_are_the_text_and_hold_every_token_once(kind, limit):
    @given(st.text(max_size=24))
    @settings(max_examples=40, deadline=None, derandomize=True)
    def holds(text):
        try:
            encoding = opened(kind).encode(text)
        except Exception:  # half letters, and letters that a table does not have
            return
        made = reading(opened(kind), encoding, limit=limit)
        assert "".join(span for span, _ in parts(made)) == text
        assert sorted(made.ids.tolist()) == sorted(encoding.ids.tolist())
        touching = np.append((made.ends > made.starts)[1:], False) & (made.ends > made.starts)
        assert not (inside(text, made.ends) & touching).any()
        assert (made.last[-1] if len(made.last) else 0) == len(encoding.ids)
        if made.places is not None:
            assert np.array_equal(encoding.ids[made.places], made.ids)

    holds()


def test_what_is_cut_off_stands_behind_the_last_special_token():
    made = read("WordPiece", limit=6)
    whole = opened("WordPiece").encode(TEXT)
    names = [opened("WordPiece").piece(i) for i in made.ids.tolist()]
    assert made.count(CUT) == len(whole.ids) - 6
    kept = (made.marks & CUT) == 0
    assert names[0] == "[CLS]"
    assert [name for name, on in zip(names, kept, strict=True) if on][-1] == "[SEP]"
    assert kept.tolist() == sorted(kept.tolist(), reverse=True), "first what is kept, then what is cut off"
    own = opened("WordPiece").given
    own.enable_truncation(6)
    try:
        assert made.ids[kept].tolist() == own.encode(TEXT).ids
    finally:
        own.no_truncation()


def test_from_the_left_the_end_of_the_text_is_kept():
    special = np.array([True, False, False, False, True])
    assert fit(special, 4).tolist() == [True, True, True, False, True]
    assert fit(special, 4, "left").tolist() == [True, False, True, True, True]
    assert fit(special, 1).tolist() == [True, False, False, False, True]
    assert fit(special, None).all()
    assert fit(special, 5).all()


def test_shorter_texts_are_filled_up_only_where_that_is_asked():
    assert read("WordPiece", "the", limit=8).count(PADDING) == 0
    made = read("WordPiece", "the", limit=8, filled=True)
    assert len(made.ids) == 8
    assert made.count(PADDING) == 8 - made.length
    assert parts(made)[-1] == ("", [opened("WordPiece").specials.padding] * made.count(PADDING))
    assert read("byte-level BPE", "the", limit=8, filled=True).count(PADDING) == 0, "it has no padding"


def test_bytes_of_one_character_share_a_span():
    made = read("bytes", "a👩\u200d👧!")
    assert [span for span, _ in parts(made)] == ["a", "👩\u200d👧", "!"]
    assert [len(ids) for _, ids in parts(made)] == [1, 11, 1]


def test_what_two_tokenizers_cut_otherwise_is_marked_spaces_aside():
    one, other = compared(read("WordPiece", "a the"), read("bytes", "a the"))
    assert marked(one, APART) == ["the"]
    assert marked(other, APART) == ["t", "h", "e"]
    one, other = compared(read("WordPiece", "the rate"), read("byte-level BPE", "the rate"))
    assert ("rate" in marked(one, APART)) == (" rate" in marked(other, APART)), "a space in front is no difference"
    same, again = compared(read("WordPiece"), read("WordPiece"))
    assert same.count(APART) == again.count(APART) == 0


@pytest.mark.parametrize(("limit", "lost"), [(None, ""), (3, "all"), (8, "part")])
def test_an_answer_is_marked_and_whether_it_is_cut_off(limit, lost):
    made = reading(opened("letters"), opened("letters").encode("the first"), limit=limit)
    found, how = answered(made, 4, 9)
    assert how == lost
    assert "".join(marked(found, COUNTED)) == "first"
    assert made.count(COUNTED) == 0


def test_special_tokens_are_those_the_tokenizer_puts_in():
    made = read("fast")
    assert made.count(SPECIAL) == 2
    assert parts(made)[0][0] == ""
