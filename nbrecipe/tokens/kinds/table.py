"""A vocabulary alone: a dict of pieces or a list of them, of characters or of words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..tokenizer import NOWHERE, Encoding, Ids, Specials, Tokenizer

#: how special tokens are written in vocabularies
SPECIAL = re.compile(r"<\|?[^<>\s|]*\|?>|\[[A-Z_]+\d*\]")
_ROLES = {
    "pad": "padding", "unk": "unknown", "bos": "begin", "s": "begin", "sos": "begin", "eos": "end", "/s": "end",
    "cls": "classify", "sep": "separate", "mask": "mask", "endoftext": "end",
}  # fmt: skip


def role_of(piece: str) -> str | None:
    """The role of a special token by the way it is written, as a field of Specials; None for none."""
    return _ROLES.get(piece.strip("<>[]|").lower()) if SPECIAL.fullmatch(piece) else None


class Table(Tokenizer):
    """Pieces and their ids; texts are cut at characters where all pieces are single ones, else at spaces."""

    def __init__(self, given: Mapping[Any, Any] | Sequence[str], name: str = "the tokenizer") -> None:
        super().__init__(given, name)
        self.ids_of, self.pieces = _both_ways(given)
        plain = [piece for piece in self.ids_of if not SPECIAL.fullmatch(piece)]
        self.letters = bool(plain) and all(len(piece) == 1 for piece in plain)
        self.kind = f"a table of {'characters' if self.letters else 'words'}"

    @staticmethod
    def takes(given: Any) -> bool:
        """Whether this is a dict of pieces and ids, either way round, or a list of pieces."""
        if isinstance(given, Mapping) and given:
            return all(
                isinstance(a, (str, int, np.integer))
                and isinstance(b, (str, int, np.integer))
                and type(a) is not type(b)
                for a, b in given.items()
            )
        return isinstance(given, (list, tuple)) and bool(given) and all(isinstance(piece, str) for piece in given)

    @property
    def size(self) -> int | None:
        return max(self.pieces, default=-1) + 1

    @cached_property
    def specials(self) -> Specials:
        every = {piece: i for piece, i in self.ids_of.items() if SPECIAL.fullmatch(piece)}
        named = {role: i for piece, i in every.items() if (role := role_of(piece))}
        return Specials(**named, every=frozenset(every.values()))

    def batch(self, texts: Sequence[str], special: bool = True) -> Ids:
        unknown = self.specials.unknown
        rows = [[self.ids_of.get(part, unknown) for part, _ in self._parts(text)] for text in texts]
        if unknown is None and any(None in row for row in rows):
            missing = next(p for text in texts for p, _ in self._parts(text) if p not in self.ids_of)
            raise KeyError(missing)
        return Ids.of(rows)  # type: ignore[arg-type]

    def encode(self, text: str, special: bool = True) -> Encoding:
        ids = self.batch([text], special).values
        spans = np.array([span for _, span in self._parts(text)] or [NOWHERE][:0], np.int64).reshape(-1, 2)
        return Encoding(text, ids, spans, np.zeros(len(ids), bool))

    def decode(self, ids: Sequence[int], special: bool = True) -> str:
        pieces = (self.pieces.get(int(i), "") for i in ids if special or int(i) not in self.specials.every)
        return ("" if self.letters else " ").join(pieces)

    def piece(self, i: int) -> str | None:
        return self.pieces.get(int(i))

    def _parts(self, text: str) -> list[tuple[str, tuple[int, int]]]:
        if self.letters:
            return [(letter, (place, place + 1)) for place, letter in enumerate(text)]
        return [(found.group(), found.span()) for found in re.finditer(r"\S+", text)]


def _both_ways(given: Mapping[Any, Any] | Sequence[str]) -> tuple[dict[str, int], dict[int, str]]:
    if not isinstance(given, Mapping):
        pieces = dict(enumerate(given))
    elif all(isinstance(key, str) for key in given):
        pieces = {int(i): piece for piece, i in given.items()}
    else:
        pieces = {int(i): piece for i, piece in given.items()}
    return {piece: i for i, piece in pieces.items()}, pieces
