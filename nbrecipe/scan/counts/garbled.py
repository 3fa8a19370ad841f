"""Texts whose UTF-8 bytes were read as Windows-1252 or Latin-1: `cafÃ©` for `café`, `donâ€™t` for `don’t`.

Such letters go back to their bytes, and these are UTF-8 again. Letters of a text that is as it should be do so as well
where an accented one stands before punctuation: `groß“`, `« café »`. Therefore a sequence counts only if nobody writes
it: a sign that follows no letter (`Ã©`, `â€`), a control sign, a capital after a small letter (`dÃ³`), or several
sequences without anything between them (`ÐŸÑ€Ð¸`). Languages in which capitals with accents stand before punctuation
or prices are thereby left alone. What tells of encodings may quote a sequence and is counted.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .letters import Letters

Array = np.ndarray[Any, Any]
#: rows that are named; letters beside a sequence that are kept; times that a text may have been read wrongly
NAMED, BESIDE, TIMES = 5, 16, 3
#: the letter that stands for one that was lost
LOST = "\ufffd"
#: what Windows-1252 has at 0x80 to 0x9F, beside the control signs that Latin-1 has there
_WINDOWS = {
    byte: bytes([byte]).decode("cp1252") for byte in range(0x80, 0xA0) if byte not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}
_AS_BYTES = {ord(letter): byte for byte, letter in _WINDOWS.items()}
_CONTROLS = "".join(map(chr, range(0x80, 0xA0)))
_NEXT = "[" + re.escape("".join(map(chr, range(0x80, 0xC0))) + "".join(_WINDOWS.values())) + "]"
_GOES_ON = np.array([*range(0x80, 0xC0), *_AS_BYTES], np.uint32)
_ONE = rf"[\u00c2-\u00df]{_NEXT}|[\u00e0-\u00ef]{_NEXT}{{2}}|[\u00f0-\u00f4]{_NEXT}{{3}}"
_SPACE, _SEQUENCE, _RUN = re.compile(r"\s"), re.compile(_ONE), re.compile(rf"(?:{_ONE})+")
#: signs that follow no letter; others do: quotes, dots, dashes, marks of footnotes and brands
_ODD = frozenset("€‚ƒ„ˆ‰˜¡¢£¤¥¦§¨ª¬¯°±´µ¶¸º¼½¾¿" + _CONTROLS)
#: the same after these capitals; a price may follow Å, a size Ø
_AFTER = {
    "Â": frozenset("¡¢£¤¥¦§¨©¬¯°±´µ¶¸¼½¾¿"),
    "Ã": _ODD | frozenset("©ŠŒŽšœžŸ"),
    "Ä": _ODD | frozenset("‡Ÿ"),
    "Å": _ODD - frozenset("±"),
}
#: signs that follow `Â` where a space was one that does not break, and what then stands before it
_AFTER_STOP, _STOPS = frozenset("\u00a0«»®²³¹·ªº"), frozenset(".,;:!?)%0123456789")
#: letters that no sequence comes of, and those after which a capital is a sign of its own
_ALONE = frozenset("×Øß")


@dataclass
class Garbled:
    """Which texts of a column were decoded wrongly; parts merge in the order of the rows."""

    #: rows with wrong letters, the first of them, and what stands there with what was meant
    count: int = 0
    first: list[tuple[int, str, str]] = field(default_factory=list)
    #: rows with a letter that was lost, and the first of them
    lost: int = 0
    lost_first: list[int] = field(default_factory=list)

    def add(self, seen: Letters, rows: Array) -> None:
        """Count these texts in."""
        if seen.joined.isascii():
            return
        for text in seen.rows_of(_candidates(seen.joined)).tolist():
            start = int(seen.starts[text])
            whole = seen.joined[start : start + int(seen.lengths[text])]
            if is_garbled(whole):
                self.count += 1
                self.first += [(int(rows[text]), *around(whole))] if len(self.first) < NAMED else []
        if LOST in seen.joined:
            gone = rows[seen.rows_of([place.start() for place in re.finditer(LOST, seen.joined)])]
            self.lost += len(gone)
            self.lost_first += gone[: NAMED - len(self.lost_first)].tolist()

    def merge(self, later: Garbled) -> None:
        """Count in the texts of later rows."""
        self.count, self.lost = self.count + later.count, self.lost + later.lost
        self.first = (self.first + later.first)[:NAMED]
        self.lost_first = (self.lost_first + later.lost_first)[:NAMED]


def _candidates(joined: str) -> Array:
    """Where a letter that may begin a sequence stands before one that may go on with it."""
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    places = np.flatnonzero((codes >= 0xC2) & (codes <= 0xF4))  # the text ends with a zero
    return places[np.isin(codes[places + 1], _GOES_ON)]


def is_garbled(text: str) -> bool:
    """Whether a text holds a sequence that nobody writes."""
    return not text.isascii() and next(_wrong(text), None) is not None


def repaired(text: str) -> str:
    """The text as it was meant: by `ftfy` where that is installed, else by reading its letters as bytes of UTF-8."""
    try:
        import ftfy  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        for _ in range(TIMES):
            if not is_garbled(text):
                break
            text = _RUN.sub(lambda run: _read(run[0]), text)
        return text
    fixed: str = ftfy.fix_encoding(text)
    return fixed


def around(text: str) -> tuple[str, str]:
    """The words around the first wrong sequence of a text, as they stand and as they were meant."""
    place, run = next(_wrong(text))
    before, after = text[max(place - BESIDE, 0) : place], text[place + len(run) :][:BESIDE]
    word = f"{_SPACE.split(before)[-1]}{run}{_SPACE.split(after)[0]}"
    return word, repaired(word)


def _wrong(text: str) -> Iterator[tuple[int, str]]:
    """Where sequences stand that nobody writes, and the runs in which they do."""
    for run in _RUN.finditer(text):
        parts = [(one.start(), one[0], _read(one[0])) for one in _SEQUENCE.finditer(run[0])]
        letters = [read for _, raw, read in parts if read != raw and _is_letter(read)]
        several = len(letters) == len(parts) and len(parts) >= (2 if len(parts[0][1]) > 2 else 3)
        for at, raw, read in parts:
            place = run.start() + at
            if read != raw and (several or _never(raw, read, text[place - 1 : place], text[place + len(raw) :][:1])):
                yield run.start(), run[0]
                break


def _read(raw: str) -> str:
    """The letters as bytes of UTF-8; as they stand where they are none."""
    try:
        return bytes(_AS_BYTES.get(ord(letter), ord(letter)) for letter in raw).decode("utf-8")
    except UnicodeDecodeError:
        return raw


def _never(raw: str, read: str, before: str, after: str) -> bool:
    """Whether one sequence, between these two letters, is written by nobody."""
    first, second = raw[0], raw[1]
    if len(raw) > 2:
        within = 0x1E00 <= ord(read) < 0x1F00 and before.isalpha() and after.isalpha()  # Vietnamese
        odd = second in _ODD or (first == "ð" and second == "Ÿ") or within
        return odd and unicodedata.category(read) not in ("Cn", "Co", "Cc")
    if not _is_text(read):
        return False
    if second in _AFTER.get(first, ()):
        return True
    if first in _ALONE:
        return False
    if first == "Â" and second in _AFTER_STOP and before in _STOPS:
        return True
    return before.islower() or (first == "Ã" and second in "²³¹®" and after.islower())


def _is_text(read: str) -> bool:
    """Whether it is a letter or sign of a script that is written: not one of phonetics, nor a control sign."""
    code = ord(read)
    return 0xA0 <= code < 0x250 or (0x370 <= code < 0x530 and read.isalpha()) or (code >= 0x5D0 and read.isalpha())


def _is_letter(read: str) -> bool:
    return read.isalpha() and _is_text(read)
