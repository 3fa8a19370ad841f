"""SentencePiece's own object."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..aligning import aligned
from ..kept import kept_specials
from ..tokenizer import Encoding, Ids, Specials, Tokenizer

#: how pieces write a space
SPACE = "▁"


class SentencePiece(Tokenizer):
    """A `SentencePieceProcessor`; without special tokens its settings for a start and an end do not hold."""

    kind = "SentencePiece"

    @staticmethod
    def takes(given: Any) -> bool:
        """Whether this is one, by what it can do."""
        return all(hasattr(given, name) for name in ("id_to_piece", "piece_to_id", "is_control", "is_byte"))

    @property
    def size(self) -> int | None:
        return int(self.given.get_piece_size())

    @cached_property
    def specials(self) -> Specials:
        held = kept_specials(self.given, {})
        control = {i for i in range(self.size or 0) if self.given.is_control(i)}
        return Specials(**{role: getattr(held, role) for role in _ROLES}, every=held.every | control)

    def batch(self, texts: Sequence[str], special: bool = True) -> Ids:
        return Ids.of(self.given.encode(list(texts), out_type=int, **_ends(special)))

    def encode(self, text: str, special: bool = True) -> Encoding:
        pieces = _pieces(self.given, text, special)
        if pieces is None:  # without what reads its protocol
            ids = self.batch([text], special).values
        else:
            ids = np.array([piece.id for piece in pieces], np.int64)
        own = np.array([self.given.is_control(int(i)) for i in ids], bool)
        if pieces is None:
            return Encoding(text, ids, aligned(self, text, ids, own), own)
        said = [(piece.piece, piece.surface) for piece in pieces]
        return Encoding(text, ids, _spans(text, said, own), own)

    def decode(self, ids: Sequence[int], special: bool = True) -> str:
        return str(self.given.decode([int(i) for i in ids]))

    def piece(self, i: int) -> str | None:
        return str(self.given.id_to_piece(int(i))) if 0 <= int(i) < (self.size or 0) else None

    def normalised(self, text: str) -> str:
        step = getattr(self.given, "normalize", None)
        return text if step is None else str(step(text)).replace(SPACE, " ")

    def is_byte(self, i: int) -> bool:
        return 0 <= int(i) < (self.size or 0) and bool(self.given.is_byte(int(i)))


_ROLES = ("padding", "unknown", "begin", "end")


def _ends(special: bool) -> dict[str, bool]:
    return {} if special else {"add_bos": False, "add_eos": False}


def _pieces(given: Any, text: str, special: bool) -> list[Any] | None:
    """The pieces with the text that each covers; the name for that changed with version 0.2.1."""
    for way in ({"return_type": "proto"}, {"out_type": "immutable_proto"}):
        try:
            return list(given.encode(text, **way, **_ends(special)).pieces)
        except (TypeError, ValueError, ImportError):
            continue
    return None


def _spans(text: str, said: list[tuple[str, str]], own: np.ndarray) -> np.ndarray:
    """Characters of each piece: what they cover lies end to end in the text.

    Of pieces that share characters, bytes or the letters of "ﬁ", the last has them all; the others stand there too.
    """
    spans = np.full((len(said), 2), -1, np.int64)
    at = 0
    waiting: list[int] = []
    begun = -1  # where the first that waits begins
    for place, (piece, surface) in enumerate(said):
        if own[place] or (not surface and piece == SPACE and not waiting):
            spans[place] = -1 if own[place] else at  # the start of a word that the text does not write
            continue
        start = text.find(surface, at)
        if start < 0 or text[at:start].strip():
            return spans
        at = start + len(surface)
        begun = start if begun < 0 else begun
        waiting.append(place)
        if surface and not (surface.isspace() and piece.strip(SPACE)):
            spans[waiting] = (begun, at)
            waiting, begun = [], -1
    return spans
