"""Bytes as vocabularies write them: each as a letter, as GPT-2 has it, or as "<0xF0>"."""

from __future__ import annotations

import re

#: a byte that was fallen back to
BYTE = re.compile(r"<0x[0-9A-F]{2}>")
#: bytes that can be printed stand for themselves, the others are numbered from 256 on
_PLAIN = (*range(33, 127), *range(161, 173), *range(174, 256))
_OTHERS = [byte for byte in range(256) if byte not in _PLAIN]
LETTERS = {**{chr(byte): byte for byte in _PLAIN}, **{chr(256 + n): byte for n, byte in enumerate(_OTHERS)}}
#: what SentencePiece writes for a space
SPACE = "▁"


def written(piece: bytes) -> str:
    """Bytes as text; what is none of it as "<0xF0>" for each."""
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return "".join(f"<0x{byte:02X}>" for byte in piece)


def spelled(piece: str | None, letters: bool) -> str | None:
    """A piece as the text that it stands for: "Ġthe" and "▁the" as " the"; `letters` says that bytes are letters."""
    if piece is None or not piece:
        return piece
    if letters and all(letter in LETTERS for letter in piece):
        return written(bytes(LETTERS[letter] for letter in piece))
    return piece.replace(SPACE, " ")


def is_byte(piece: str | None, letters: bool) -> bool:
    """Whether a piece is a lone byte: "<0xF0>", or where bytes are `letters` one of those that are no ASCII."""
    if piece is None:
        return False
    return BYTE.fullmatch(piece) is not None or (letters and LETTERS.get(piece, 0) >= 128)
