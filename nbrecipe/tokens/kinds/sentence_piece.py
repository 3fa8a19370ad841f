"""SentencePiece's own object."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..aligning import aligned
from ..bytewise import SPACE, spelled
from ..kept import kept_specials
from ..tokenizer import Encoding, Ids, Specials, Tokenizer


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
        try:  # arrays came with version 0.2.1; other errors are the texts'
            found = self.given.encode(list(texts), return_type="numpy", **_ends(special))
        except (TypeError, ValueError):
            found = self.given.encode(list(texts), out_type=int, **_ends(special))
        return Ids.of(found)

    def encode(self, text: str, special: bool = True) -> Encoding:
        ids = self.batch([text], special).values
        own = np.array([self.given.is_control(int(i)) for i in ids], bool)
        said = _pieces(self.given, text)
        if said is None or [i for i, _, _ in said] != ids[~own].tolist():  # nothing reads its protocol, or it draws
            return Encoding(text, ids, aligned(self, text, ids, own), own)
        spans = np.full((len(ids), 2), -1, np.int64)
        spans[~own] = _spans(text, [(piece, surface) for _, piece, surface in said])
        return Encoding(text, ids, spans, own)

    def decode(self, ids: Sequence[int], special: bool = True) -> str:
        return str(self.given.decode([int(i) for i in ids]))

    def piece(self, i: int) -> str | None:
        return str(self.given.id_to_piece(int(i))) if 0 <= int(i) < (self.size or 0) else None

    def spelled(self, i: int) -> str | None:
        return spelled(self.piece(i), False)

    def normalised(self, text: str) -> str:
        step = getattr(self.given, "normalize", None)
        return text if step is None else str(step(text)).replace(SPACE, " ")

    def is_byte(self, i: int) -> bool:
        return 0 <= int(i) < (self.size or 0) and bool(self.given.is_byte(int(i)))


_ROLES = ("padding", "unknown", "begin", "end")


def _ends(special: bool) -> dict[str, bool]:
    return {} if special else {"add_bos": False, "add_eos": False}


def _pieces(given: Any, text: str) -> list[tuple[int, str, str]] | None:
    """The id and name of each piece and the text that it covers; how that is asked for changed with version 0.2.1."""
    plain = {"add_bos": False, "add_eos": False, "reverse": False, "emit_unk_piece": False}
    for way in ({"return_type": "proto"}, {"out_type": "immutable_proto"}):
        try:
            return [(one.id, one.piece, one.surface) for one in given.encode(text, **way, **plain).pieces]
        except (TypeError, ValueError, ImportError):
            continue
    return None


def _spans(text: str, said: list[tuple[str, str]]) -> np.ndarray:
    """Characters of each piece: what they cover lies end to end in the text.

    Of pieces that share characters, bytes or the letters of "ﬁ", the last has them all; the others stand there too.
    """
    spans = np.full((len(said), 2), -1, np.int64)
    at = 0
    waiting: list[int] = []
    begun = -1  # where the first that waits begins
    for place, (piece, surface) in enumerate(said):
        if not surface and piece == SPACE and not waiting:  # the start of a word that the text does not write
            spans[place] = at
            continue
        start = text.find(surface, at)
        if start < 0 or (at and text[at:start].strip()):  # only before the first is anything left out
            return spans
        at = start + len(surface)
        begun = start if begun < 0 else begun
        waiting.append(place)
        if surface and not (surface.isspace() and piece.strip(SPACE)):
            spans[waiting] = (begun, at)
            waiting, begun = [], -1
    return spans
