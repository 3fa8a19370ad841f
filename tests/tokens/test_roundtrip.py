"""What of a text is gone after it was encoded and decoded."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbrecipe.batches import BadInput
from nbrecipe.tokens import open_tokenizer
from nbrecipe.tokens.differing import Piece, pieces
from nbrecipe.tokens.roundtrip import round_trip, round_trips
from tests.tokens import trained

NOTHING_LOST = ("byte-level BPE", "BPE, byte fallback", "fast, byte level", "tiktoken", "bytes")


def trip(kind, text):
    return round_trip(open_tokenizer(trained.EVERY[kind]()), text)


@pytest.mark.parametrize("kind", NOTHING_LOST)
def test_bytes_lose_nothing(kind):
    @given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30))
    @settings(max_examples=60, deadline=None, derandomize=True)
    def holds(text):
        found = trip(kind, text)
        if text.startswith(("▁", " ")) or "▁" in text:  # what SentencePiece writes for a space is one, then
            return
        assert (found.kind, found.decoded, found.lost) == ("exact", text, {})

    holds()


@pytest.mark.parametrize(
    ("kind", "text", "decoded", "found"),
    [
        ("fast", "the Learning Rate", "the learning rate", "declared"),
        ("WordPiece", "na\u00efve", "naive", "declared"),
        ("WordPiece", "don't", "don ' t", "space"),
        ("WordPiece", "a\n\nb", "a b", "space"),
        ("words", "the  net", "the net", "space"),
        ("Unigram", "\ufb01t", "fit", "declared"),
        ("slow", "Loss", "Loss", "exact"),
    ],
)
def test_the_kind_of_a_difference(kind, text, decoded, found):
    seen = trip(kind, text)
    assert (seen.decoded, seen.kind, seen.lost) == (decoded, found, {})


def test_lower_case_that_nothing_declares_is_a_loss_of_case():
    own = {letter: i for i, letter in enumerate(sorted(set(trained.TEXT.lower())))}
    back = {i: letter for letter, i in own.items()}
    lower = (lambda text: [own[letter] for letter in text.lower()], lambda ids: "".join(back[i] for i in ids))
    assert round_trip(open_tokenizer(lower), "Loss at Init").kind == "case"


def test_what_is_lost_is_counted():
    seen = trip("letters", "a 字 b 字 🤗 c")
    assert (seen.kind, dict(seen.lost)) == ("lost", {"字": 2, "🤗": 1})
    seen = trip("WordPiece", "Train 字")
    assert (seen.kind, dict(seen.lost)) == ("lost", {"字": 1})
    assert seen.pieces == (
        Piece("changed", "T", "t"), Piece("equal", "rain ", "rain "), Piece("changed", "字", "[UNK]"),
    )  # fmt: skip


def test_a_special_token_in_the_text_comes_back():
    assert trip("fast, byte level", "the end<|endoftext|>").kind == "exact"
    assert trip("tiktoken", "the end<|endoftext|>").kind == "exact"


def test_of_many_texts_what_fails_fails_alone():
    seen = round_trips(open_tokenizer(trained.Workshop()), ["loss", "字", None, 3, "", "rate"])
    assert [one and one.kind for one in seen.of] == ["exact", None, None, None, "exact", "exact"]
    assert list(seen.failed) == [1, 2, 3]


def test_ids_that_cannot_be_decoded_are_told():
    def decode(ids):
        raise RuntimeError("no")

    seen = round_trips(open_tokenizer((lambda text: [1], decode)), ["a"])
    assert (seen.of, seen.failed) == ((None,), {0: "its ids cannot be decoded"})


def test_without_a_way_back_it_is_said():
    with pytest.raises(BadInput) as told:
        round_trip(open_tokenizer(lambda text: [1], "`words`"), "a")
    assert str(told.value) == "`words` has no way back from ids to text: give an object with `encode` and `decode`"


@given(st.text(alphabet="ab<unk>[UNK] \n字Aé", max_size=60), st.text(alphabet="ab<unk>[UNK] \n字Aé", max_size=60))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_the_pieces_are_both_texts(text, decoded):
    found = pieces(text, decoded)
    assert "".join(one.text for one in found) == text
    assert "".join(one.decoded for one in found) == decoded
    for one in found:
        assert (one.kind == "equal") == (one.text == one.decoded)
        assert (one.kind == "lost") == (one.decoded == "")
        assert (one.kind == "added") == (one.text == "")
    assert all(one.kind != other.kind for one, other in itertools.pairwise(found))


@pytest.mark.parametrize(
    ("text", "decoded", "told"),
    [
        ("learning rate", "lear ning r ate", ["+ ", "+ "]),
        ("one 字 two", "one <unk> two", ["字→<unk>"]),
        ("one 字字 two", "one <unk> two", ["字字→<unk>"]),
        ("one two", "onetwo", ["- "]),
        ("one two three", "one three", ["-wo t"]),
        ("", "a", ["+a"]),
        ("a", "", ["-a"]),
        ("", "", []),
    ],
)
def test_what_differs_is_told_in_pieces(text, decoded, told):
    sign = {"lost": lambda p: f"-{p.text}", "added": lambda p: f"+{p.decoded}"}
    found = [p for p in pieces(text, decoded) if p.kind != "equal"]
    assert [sign.get(p.kind, lambda p: f"{p.text}→{p.decoded}")(p) for p in found] == told


def test_long_texts_are_compared_too():
    text = "".join(f"word {i} 字 and more of it\n" for i in range(4000))
    found = pieces(text, text.replace("字", "<unk>").replace("more", "mo re"))
    assert "".join(one.text for one in found) == text
    assert [p.text for p in found if p.kind == "changed"][:5] == ["字"] * 5
