"""Characters that nobody sees, with what is shown at their place; the same table serves a page's script."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import cache

import numpy as np

from ...pictures.graphemes import inside

_NAMED = {
    0x9: "⇥", 0xA: "⏎", 0xD: "CR", 0x7F: "DEL", 0x85: "NEL", 0xA0: "NBSP", 0xAD: "SHY", 0x34F: "CGJ", 0x61C: "ALM",
    0x115F: "HCF", 0x1160: "HJF", 0x180E: "MVS", 0x200B: "ZWSP", 0x200C: "ZWNJ", 0x200D: "ZWJ", 0x200E: "LRM",
    0x200F: "RLM", 0x2028: "LSEP", 0x2029: "PSEP", 0x202A: "LRE", 0x202B: "RLE", 0x202C: "PDF", 0x202D: "LRO",
    0x202E: "RLO", 0x202F: "NNBSP", 0x2060: "WJ", 0x2066: "LRI", 0x2067: "RLI", 0x2068: "FSI", 0x2069: "PDI",
    0x3000: "IDSP", 0x3164: "HF", 0xFEFF: "BOM", 0xFFA0: "HWHF",
}  # fmt: skip
_CONTROLS = (
    "NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "HT", "LF", "VT", "FF", "CR", "SO", "SI", "DLE",
    "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC", "FS", "GS", "RS", "US",
)  # fmt: skip


@cache
def sign(letter: str) -> str:
    """What is shown for a character that cannot be seen; "" for one that can, and for a plain space."""
    code = ord(letter)
    if code in _NAMED:
        return _NAMED[code]
    if code < 32:
        return _CONTROLS[code]
    if letter == " " or (code < 0x2000 and code not in range(0x80, 0xA0)):
        return ""
    hidden = unicodedata.category(letter) in ("Cc", "Cf", "Zs", "Zl", "Zp", "Cs") or 0xFE00 <= code <= 0xFE0F
    return f"U+{code:04X}" if hidden or 0xE0100 <= code <= 0xE01EF else ""


def signs(texts: Iterator[str]) -> dict[str, str]:
    """The signs of all characters that occur, by the number of the character."""
    letters = set[str]().union(*map(set, texts))
    return {str(ord(letter)): told for letter in sorted(letters) if (told := sign(letter))}


def parted(text: str) -> Iterator[tuple[str, str]]:
    """A piece of text in stretches, each with its sign; the sign is "" for what is seen.

    What cannot be seen within one character as a reader sees it, as the joiners of an emoji are, is left where it is.
    """
    at = [k for k, letter in enumerate(text) if letter == " " or sign(letter)]
    if not at:
        yield text, ""
        return
    held = inside(text, np.array(at)) | (inside(text, np.array(at) + 1) & (np.array(at) + 1 < len(text)))
    begin = 0
    for k, within in zip(at, held.tolist(), strict=True):
        if within and text[k] not in "\r\n":
            continue
        if k > begin:
            yield text[begin:k], ""
        yield text[k], sign(text[k]) or " "
        begin = k + 1
    if begin < len(text):
        yield text[begin:], ""
