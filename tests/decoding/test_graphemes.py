"""What a reader takes for one character is not cut: against the cases of Unicode Annex 29 that occur in texts."""

from __future__ import annotations

import numpy as np
import pytest

from nbrecipe.pictures.graphemes import inside

#: texts with a bar wherever a reader sees one character end
CUT = {
    "a letter with its mark": "a|e\u0301|x",
    "a family": "👩\u200d👩\u200d👧| |x",
    "a tone of skin": "👍🏽|!",
    "flags in a row": "🇩🇪|🇫🇷|🇩",
    "a flag of tags": "🏴\U000e0067\U000e0062\U000e007f|x",
    "a variation": "⚕\ufe0f|⚕",
    "a conjunct of Devanagari": "क्ष|त्रि|य",
    "no conjunct in Tamil": "க்|க",
    "syllables of Hangul": "한|국|\u1112\u1161\u11ab",
    "a vowel that is no mark": "ก\u0e33|ก",
    "Persian with a break that is not seen": "ه\u200c|ه",
    "an end of a line": "a|\r\n|b",
    "a mark behind an end of a line": "\n|\u0301",
    "nothing to join": "a|b| |c|\u200b|d",
    "Arabic": "س|ل|ا|م",
}


@pytest.mark.parametrize("told", CUT.values(), ids=CUT)
def test_only_characters_as_a_reader_sees_them_are_cut(told):
    text, ends = told.replace("|", ""), np.cumsum([len(part) for part in told.split("|")])[:-1]
    places = np.arange(len(text) + 1)
    wanted = ~np.isin(places, [0, *ends, len(text)])
    assert inside(text, places).tolist() == wanted.tolist()


def test_of_what_is_plain_nothing_is_asked():
    assert not inside("plain", np.arange(6)).any()
    assert not inside("", np.arange(1)).any()
