"""What comes back of a text otherwise than it was, in few words."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from test_tokenised import opened

from nbrecipe.decoding.returned import back
from nbrecipe.tokens.roundtrip import compared, round_trip


def told(kind, text):
    return back(round_trip(opened(kind), text))


def test_what_is_lost_is_told_and_what_is_declared_is_not():
    found = told("WordPiece", "the ☃ rate")
    assert ("gone", "☃") in found
    assert "".join(text for kind, text in found if kind != "new") == "the ☃ rate"
    assert told("WordPiece", "The Rate") == ()
    assert told("bytes", "☃ anything") == ()


def test_beside_a_loss_spaces_and_case_are_not_told_and_else_they_are():
    found = told("WordPiece", "The rate, isn't it ☃")
    assert [piece for piece in found if piece[0] == "gone"] == [("gone", "☃")]
    changed = told("WordPiece", "Isn't It")
    assert ("new", " ") in changed
    assert "".join(text for kind, text in changed if kind != "new") == "Isn't It", "its case is declared"
    assert not any(kind == "gone" for kind, _ in changed)


def test_of_a_long_text_the_place_of_the_first_change_is_told():
    text = "the rate " * 200 + "☃" + " the rate" * 2000
    found = told("WordPiece", text)
    assert found[0][1].startswith("…")
    assert ("gone", "☃") in found
    assert found[-1] == ("same", " …")
    assert sum(len(piece) for _, piece in found) < 600


def test_a_loss_behind_many_changes_of_case_is_found():
    found = told("WordPiece", "The Rate, " * 60 + "☃")
    assert [piece for piece in found if piece[0] == "gone"] == [("gone", "☃")]


@given(st.text(max_size=30), st.text(max_size=30))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_whatever_comes_back_short_pieces_are_the_whole_of_both_texts(text, decoded):
    trip = compared(opened("bytes"), text, decoded)
    found = back(trip)
    if trip.kind in ("space", "case"):
        brief = [(kind, piece) for kind, piece in found if " … " not in piece]
        assert len(brief) < len(found) or "".join(piece for kind, piece in found if kind != "gone") == decoded
    assert (found == ()) == (trip.kind in ("exact", "declared"))
