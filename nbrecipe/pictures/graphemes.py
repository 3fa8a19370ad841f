"""What a reader takes for one character: a letter with its marks, a syllable, an emoji of several parts, a flag."""

from __future__ import annotations

import unicodedata

import numpy as np

ZWNJ, ZWJ = 0x200C, 0x200D
#: signs that join two consonants into one shape, in the scripts where they are drawn as one
JOINING = frozenset((0x94D, 0x9CD, 0xACD, 0xB4D, 0xC4D, 0xD4D))
#: letters that are written into the one before them, though they are no marks
WRITTEN_IN = frozenset((0xE33, 0xEB3, 0xFF9E, 0xFF9F))
(OTHER, EXTENDS, JOINER, PICTURE, FLAG, VIRAMA, LETTER, L, V, T, LV, LVT, CONTROL, RETURN, FEED) = range(15)
_HANGUL = ((0x1100, 0x115F, L), (0xA960, 0xA97C, L), (0x1160, 0x11A7, V), (0xD7B0, 0xD7C6, V), (0x11A8, 0x11FF, T))
_MARKS = (EXTENDS, JOINER, VIRAMA)


def inside(text: str, places: np.ndarray) -> np.ndarray:
    """For each place whether a cut there goes through one character as a reader sees it (Unicode Annex 29, in short).

    `places` count code points and lie within 0 and the length of the text.
    """
    if text.isascii() and "\r" not in text:
        return np.zeros(len(places), bool)
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    own, where = np.unique(codes, return_inverse=True)
    kinds = np.fromiter(map(_kind, own.tolist()), np.int64, len(own))[where]
    found = np.zeros(len(places), bool)
    within = (places > 0) & (places < len(codes))
    at = places[within]
    found[within] = _joined(kinds, at)
    return found


def _joined(kinds: np.ndarray, at: np.ndarray) -> np.ndarray:
    before, here = kinds[at - 1], kinds[at]
    further = np.where(at > 1, kinds[np.maximum(at - 2, 0)], OTHER)
    marks = np.isin(here, _MARKS) & ~np.isin(before, (CONTROL, RETURN, FEED))
    picture = (before == JOINER) & (here == PICTURE)
    conjunct = (here == LETTER) & ((before == VIRAMA) | ((before == JOINER) & (further == VIRAMA)))
    flags = np.flatnonzero(kinds != FLAG)
    begun = np.searchsorted(flags, at)  # the run of flags before this place begins behind the last other character
    since = at - np.where(begun > 0, flags[np.maximum(begun - 1, 0)] + 1, 0) if len(flags) else at
    flag = (before == FLAG) & (here == FLAG) & (since % 2 == 1)
    syllable = (
        ((before == L) & np.isin(here, (L, V, LV, LVT)))
        | (np.isin(before, (LV, V)) & np.isin(here, (V, T)))
        | (np.isin(before, (LVT, T)) & (here == T))
    )
    line_end = (before == RETURN) & (here == FEED)
    joined: np.ndarray = marks | picture | conjunct | flag | syllable | line_end
    return joined


def _kind(code: int) -> int:
    if code < 0x300:
        if code in (0xA9, 0xAE):
            return PICTURE
        return {13: RETURN, 10: FEED}.get(code, CONTROL if code < 32 or 127 <= code < 160 or code == 0xAD else OTHER)
    if code in (ZWJ, ZWNJ):
        return JOINER if code == ZWJ else EXTENDS
    if code in JOINING:
        return VIRAMA
    if code in WRITTEN_IN or 0x1F3FB <= code <= 0x1F3FF or 0xE0020 <= code <= 0xE007F:
        return EXTENDS
    if 0x1F1E6 <= code <= 0x1F1FF:
        return FLAG
    for low, high, kind in _HANGUL:
        if low <= code <= high:
            return kind
    if 0xAC00 <= code <= 0xD7A3:
        return LV if (code - 0xAC00) % 28 == 0 else LVT
    return _by_category(code)


def _by_category(code: int) -> int:
    category = unicodedata.category(chr(code))
    if category in ("Mn", "Me", "Mc"):
        return EXTENDS
    if category in ("Cc", "Cf", "Zl", "Zp", "Cs"):
        return CONTROL
    if category == "So" or 0x1F000 <= code <= 0x1FAFF:
        return PICTURE
    return LETTER if category == "Lo" and 0x900 <= code < 0xD80 else OTHER
