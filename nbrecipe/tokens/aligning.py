"""Where each token stands in its text, for tokenizers that do not say."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from .failing import SURROGATE
from .placing import Unit, placed

if TYPE_CHECKING:
    from .tokenizer import Tokenizer

#: what decoding writes for bytes that are no character
BROKEN = "\ufffd"
#: how unknown tokens are written where nothing says which they are
UNKNOWN = re.compile(r"<\|?(unk|oov)\w*\|?>|\[(unk|oov)\w*\]|\u2047|\ufffd", re.IGNORECASE)
#: how pieces write white space: of every kind, and where bytes are written as letters
MARK = str.maketrans({"▁": " "})
BYTES = str.maketrans({"Ġ": " ", "Ċ": "\n", "ĉ": "\t", "č": "\r", "ċ": "\v", "Č": "\f"})
#: tokens that one character may be cut into, with what is merged to its ends
PARTS = 8


def aligned(tokenizer: Tokenizer, text: str, ids: np.ndarray, special: np.ndarray) -> np.ndarray:
    """(T, 2) spans in characters: what each token decodes to is looked for behind the one before it.

    Tokens that only together are a character stand at that character; those of text that was changed (case, accents,
    compatibility forms, white space) where its own characters are; an unknown one at what is left between its
    neighbours. What cannot be placed for certain stands nowhere, (-1, -1).
    """
    spans = np.full((len(ids), 2), -1, np.int64)
    if not tokenizer.decodes:
        return spans
    units = list(_units(tokenizer, ids.tolist(), special))
    spaced = _spaced(tokenizer, units, ids)
    found, sure = placed(text, units, spaced)
    if sure < len(units):  # the text was changed, or some are unknown: compare what no such change touches
        folded, starts, ends = folding(text)
        same = [Unit(one.first, one.last, None if one.said is None else _fold(one.said)) for one in units]
        again, surer = placed(folded, same, spaced)
        if surer > sure:
            found = [place and (starts[place[0]], ends[place[1] - 1]) for place in again]
    for unit, place in zip(units, found, strict=True):
        if place is not None:
            spans[unit.first : unit.last] = place
    return spans


def _units(tokenizer: Tokenizer, ids: list[int], special: np.ndarray) -> Iterator[Unit]:
    """Tokens with the text of each; those that are parts of a character in one."""
    said: dict[int, str | None] = {}
    unknown, place = tokenizer.specials.unknown, 0
    while place < len(ids):
        i, end = ids[place], place + 1
        if special[place]:
            place = end
            continue
        if i not in said:
            said[i] = None if i == unknown else _said(tokenizer, [i])
        whole = said[i]
        if whole is not None and (not whole or BROKEN in whole):
            whole, end = _character(tokenizer, ids, place, special) or (whole, end)
        yield Unit(place, end, None if whole is not None and UNKNOWN.fullmatch(whole.strip()) else whole)
        place = end


def _character(tokenizer: Tokenizer, ids: list[int], place: int, special: np.ndarray) -> tuple[str, int] | None:
    """The text of the tokens from here on that only together are one, and where they end."""
    for last in range(place + 2, min(place + PARTS, len(ids)) + 1):
        if special[last - 1]:
            return None
        joined = _said(tokenizer, ids[place:last])
        if joined and BROKEN not in joined:  # where it is that of the last alone, the others say nothing
            return (joined, last) if joined != _said(tokenizer, [ids[last - 1]]) else None
    return None


def _said(tokenizer: Tokenizer, ids: list[int]) -> str | None:
    try:
        return tokenizer.decode(ids)
    except Exception:  # the user's code: an id that it does not know
        return None


def _spaced(tokenizer: Tokenizer, units: list[Unit], ids: np.ndarray) -> bool:
    """Whether tokens are words, between which decoding writes spaces."""
    told = [one for one in units if one.said and one.said.strip()][:2]
    if len(told) < 2:
        return False
    both = _said(tokenizer, [int(ids[one.first]) for one in told])
    return both == " ".join(str(one.said) for one in told)


@lru_cache(maxsize=4096)
def _fold(text: str) -> str:
    """Without case, accents and compatibility forms, which tokenizers take away."""
    apart = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in unicodedata.normalize("NFKD", apart) if not unicodedata.combining(letter))


def folding(text: str) -> tuple[str, list[int], list[int]]:
    """The text so folded, and the first character and the one behind the last that each of its characters is of."""
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for place, letter in enumerate(text):
        part = _fold(letter)
        if not part and ends:  # an accent belongs to the letter before it
            ends[-1] = place + 1
        parts.append(part)
        starts += [place] * len(part)
        ends += [place + 1] * len(part)
    return "".join(parts), starts, ends


def of_bytes(text: str, pieces: Sequence[bytes]) -> np.ndarray:
    """(T, 2) spans in characters of tokens that are the bytes of a text, end to end; (-1, -1) where they are not.

    A token that is a part of a character stands at that character. Lone surrogates, which have no bytes, may have
    been replaced by U+FFFD.
    """
    lengths = np.fromiter(map(len, pieces), np.int64, len(pieces))
    ends = np.cumsum(lengths)
    whole = text.encode("utf-8", "surrogatepass")
    said = b"".join(pieces)
    if said != whole and said != SURROGATE.sub(BROKEN, text).encode():
        return np.full((len(pieces), 2), -1, np.int64)
    first = (np.frombuffer(whole, np.uint8) & 0xC0) != 0x80  # a byte that begins a character
    before = np.concatenate([[0], np.cumsum(first)])  # characters begun before each byte
    starts = before[np.minimum(ends - lengths + 1, len(whole))] - 1
    return np.stack([np.where(lengths > 0, starts, before[ends]), before[ends]], 1)


def whole_spaces(text: str, pieces: Sequence[str], spans: np.ndarray, letters: bool) -> np.ndarray:
    """Spans of tokens whose spaces the library trimmed off, with them: "Ġthe" stands for " the".

    A mark of a word's start that the tokenizer put in itself, "▁" in front of the first word, has no width. `letters`
    where bytes are written as letters, else "Ġ" is one.
    """
    marks = BYTES if letters else MARK
    made = np.array(spans)
    before = 0
    for place, (piece, (start, end)) in enumerate(zip(pieces, spans.tolist(), strict=True)):
        if start < 0:
            continue
        plain = piece.translate(marks)
        if plain != plain.strip():
            said = text[start:end]
            if not letters and not plain.strip() and said and not said.isspace() and said != piece:
                end = start
            else:
                start, end = _untrimmed(text, plain, start, end, before)
            made[place] = (start, end)
        before = max(before, end)
    return made


def _untrimmed(text: str, plain: str, start: int, end: int, before: int) -> tuple[int, int]:
    """The place of a token with the white space at its ends, which begins where the one before it ended."""
    lead, trail = len(plain) - len(plain.lstrip()), len(plain) - len(plain.rstrip())
    if start == end:  # nothing was left
        for first in (start - lead, start):
            if first >= before and text[first : first + lead].isspace() and first + lead <= len(text):
                return first, first + lead
        return start, end
    first, last = max(start - lead, before), end + trail
    if lead and first < start and not text[start].isspace() and text[first:start].isspace():
        start = first
    if trail and last <= len(text) and not text[end - 1].isspace() and text[end:last].isspace():
        end = last
    return start, end
