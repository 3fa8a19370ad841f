"""A reading as HTML that needs no script: coloured tokens whose letters, one after the other, are the text's own."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from html import escape

import numpy as np

from ...pictures.graphemes import inside
from ...pictures.tokens import (
    APART,
    BYTE,
    COUNTED,
    CUT,
    IGNORED,
    MISSING,
    PADDING,
    SPECIAL,
    UNKNOWN,
    UNSEEN,
    Reading,
    Voice,
)
from .signs import parted, sign

#: tones that tokens take turns in
TONES = 4
#: what a token's marks are called on the page; the same names stand in `tokens.js`
CLASSES = {
    SPECIAL: "special", PADDING: "padding", UNKNOWN: "unknown", BYTE: "byte", CUT: "cut", UNSEEN: "unseen",
    COUNTED: "counted", APART: "apart", MISSING: "missing",
}  # fmt: skip
#: tokens of one span that are told of, and characters whose numbers are told
TOLD, CHARACTERS = 4, 6


def direction(text: str) -> str:
    """The way in which a text runs, by its first letter that has one: "rtl" or "ltr"."""
    ways = (unicodedata.bidirectional(letter) for letter in text)
    return "rtl" if next((way for way in ways if way in ("L", "R", "AL")), "L") != "L" else "ltr"


def html_of(reading: Reading, voice: Voice, most: int) -> str:
    """The spans up to the first `most` characters or tokens, and how many tokens are left out."""
    spans = _few(reading, most)
    out, cut = [], False
    for k in range(spans):
        off = bool(_marks(reading, k) & CUT)
        if off != cut:
            out.append("<del>" if off else "</del>")
            cut = off
        out.append(_span(reading, voice, k))
    out.append("</del>" if cut else "")
    left = len(reading.ids) - (int(reading.last[spans - 1]) if spans else 0)
    more = f' <span class="nbr-soft">… {left:,} more tokens</span>' if left else ""
    return f'<div class="nbr-read" dir="{direction(reading.text)}">{"".join(out)}</div>' + more


def _few(reading: Reading, most: int) -> int:
    """How many spans have room; one cut through a word would be drawn as another word."""
    if not len(reading.ends):
        return 0
    counts = np.diff(reading.last, prepend=0)
    taken = np.cumsum(np.maximum(np.diff(reading.ends, prepend=0), np.minimum(counts, 8)))
    return int(min(np.searchsorted(taken, most) + 1, len(taken)))


def _tokens(reading: Reading, k: int) -> slice:
    return slice(int(reading.last[k - 1]) if k else 0, int(reading.last[k]))


def _marks(reading: Reading, k: int) -> int:
    return int(np.bitwise_or.reduce(reading.marks[_tokens(reading, k)], initial=0))


def _span(reading: Reading, voice: Voice, k: int) -> str:
    own = _tokens(reading, k)
    text = reading.text[int(reading.ends[k - 1]) if k else 0 : int(reading.ends[k])]
    ids = reading.ids[own]
    if text and not len(ids):
        return f'<span class="nbr-none">{_letters(text)}</span>'
    if not len(ids):
        return ""
    marks = _marks(reading, k)
    names = [name for mark, name in CLASSES.items() if marks & mark]
    told = escape(_told(reading, voice, own, text))
    if not text:
        names = names or ["nowhere"]
        classes = " ".join(f"nbr-{name}" for name in ["chip", *names])
        return f'<kbd class="{classes}" dir="ltr" title="{told}">{escape(chip(ids, marks, voice))}</kbd>'
    names += ["many"] if len(ids) > 1 or held(text) else []
    classes = " ".join(f"nbr-{name}" for name in ["tk", f"k{own.start % TONES}", *names])
    return f'<span class="{classes}" title="{told}">{_letters(text)}</span>'


def held(text: str) -> bool:
    """Whether something that cannot be seen is within one character as a reader sees it."""
    if text.isascii():
        return False
    hidden = [k for k, letter in enumerate(text) if sign(letter)]
    return bool(hidden) and bool(inside(text, np.array(hidden)).any())


def chip(ids: np.ndarray, marks: int, voice: Voice) -> str:
    """What stands for tokens that have no characters."""
    first, times = int(ids[0]), f" ×{len(ids)}" if len(ids) > 1 else ""
    if first == IGNORED:
        return f"–{times}"
    if marks & MISSING:
        return f"no token {first}"
    return (voice.pieces.get(first) or str(first)) + times


def _letters(text: str) -> str:
    out = []
    for piece, told in parted(text):
        if not told:
            out.append(escape(piece, quote=False))
        elif told == " ":
            out.append("<i> </i>")
        else:
            out.append(f'<i data-c="{told}">{_written(piece)}</i>')
    return "".join(out)


def _written(letter: str) -> str:
    """A character that cannot be seen, as a page can hold it: controls have pictures of their own."""
    code = ord(letter)
    if code < 32 and letter not in "\t\n\r":
        return f"&#{0x2400 + code};"
    if letter == "\r" or 0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000:
        return f"&#{code};" if letter == "\r" else "\ufffd"
    return letter


def _told(reading: Reading, voice: Voice, own: slice, text: str) -> str:
    """Place and id of the first tokens, for those who point at it where no script runs."""
    places = range(own.start, own.stop) if reading.places is None else reading.places[own].tolist()
    ids = reading.ids[own].tolist()
    told = [f"token {place + 1}: {_named(voice, i)}" for place, i in zip(places, ids, strict=True)][:TOLD]
    told += [f"… {len(ids) - TOLD} more"] if len(ids) > TOLD else []
    told += [characters(text)] if text else []
    return "; ".join(filter(None, told))


def _named(voice: Voice, i: int) -> str:
    if i == IGNORED:
        return "no target"
    piece, role = voice.pieces.get(i), voice.roles.get(i)
    return f"id {i}" + (f" {piece}" if piece is not None else "") + (f" ({role})" if role else "")


def characters(text: str) -> str:
    """The numbers of the characters where what is seen does not tell them."""
    if text.isascii() or len(text) > CHARACTERS:
        return ""
    return " ".join(f"U+{ord(letter):04X}" for letter in text)


def words(reading: Reading, voice: Voice, most: int) -> Iterator[str]:
    """The spans as plain words for a terminal, whitespace to be seen."""
    spans, cut = _few(reading, most), False
    for k in range(spans):
        own = _tokens(reading, k)
        text = reading.text[int(reading.ends[k - 1]) if k else 0 : int(reading.ends[k])]
        if own.stop > own.start and bool(_marks(reading, k) & CUT) != cut:
            cut = not cut
            yield "✂"
        if text:
            yield plainly(text)
        elif own.stop > own.start:
            yield chip(reading.ids[own], _marks(reading, k), voice)
    left = len(reading.ids) - (int(reading.last[spans - 1]) if spans else 0)
    if left:
        yield f"… {left:,} more"


def plainly(text: str) -> str:
    """The text with what cannot be seen spelled out."""
    return "".join("·" if told == " " else told or piece for piece, told in parted(text))
