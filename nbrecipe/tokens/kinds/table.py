"""A vocabulary alone: a dict of pieces or a list of them, of characters or of words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ...batches import BadInput
from ..kept import SPECIAL, both_ways, is_table, kept_specials, kept_table
from ..tokenizer import Encoding, Ids, Specials, Tokenizer

WORD = re.compile(r"\S+")


class Table(Tokenizer):
    """Pieces and their ids; texts are cut at characters where all pieces are single ones, else at spaces."""

    def __init__(self, given: Mapping[Any, Any] | Sequence[str] | Any, name: str = "the tokenizer") -> None:
        super().__init__(given, name)
        self._table = given if is_table(given) else kept_table(given)
        self.ids_of, self.pieces = both_ways(self._table)
        plain = [piece for piece in self.ids_of if not SPECIAL.fullmatch(piece)]
        self.letters = bool(plain) and all(len(piece) == 1 for piece in plain)
        self.kind = f"a table of {'characters' if self.letters else 'words'}"

    @staticmethod
    def takes(given: Any) -> bool:
        """Whether this is a dict of pieces and ids, either way round, a list of pieces, or holds such and no more."""
        if isinstance(given, (Mapping, list, tuple)):
            return is_table(given)
        makes = any(hasattr(given, name) for name in ("encode", "tokenize")) or callable(given)
        return (not makes or hasattr(given, "lookup_indices")) and kept_table(given) is not None

    @property
    def size(self) -> int | None:
        return max(self.pieces, default=-1) + 1

    @cached_property
    def specials(self) -> Specials:
        return kept_specials(self.given, self.pieces, self._table)

    def batch(self, texts: Sequence[str], special: bool = True) -> Ids:
        if not self.letters:
            return Ids.of([self._row(text) for text in texts])
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        values = self._letters("".join(texts))
        return Ids(values, lengths)

    def encode(self, text: str, special: bool = True) -> Encoding:
        ids = self.batch([text], special).values
        if self.letters:
            first = np.arange(len(text))
            spans = np.stack([first, first + 1], 1)
        else:
            spans = np.array([found.span() for found in WORD.finditer(text)], np.int64).reshape(-1, 2)
        return Encoding(text, ids, spans, np.zeros(len(ids), bool))

    def decode(self, ids: Sequence[int], special: bool = True) -> str:
        pieces = (self.pieces.get(int(i), "") for i in ids if special or int(i) not in self.specials.every)
        return ("" if self.letters else " ").join(pieces)

    def piece(self, i: int) -> str | None:
        return self.pieces.get(int(i))

    def _row(self, text: str) -> list[int]:
        parts, unknown, known = text.split(), self.specials.unknown, self.ids_of
        if unknown is not None:
            return [known.get(part, unknown) for part in parts]
        try:
            return [known[part] for part in parts]
        except KeyError as missing:
            raise self._missing(missing.args[0]) from None

    @cached_property
    def _by_code(self) -> np.ndarray:
        """The id of each character by its number in Unicode; -1 where there is none."""
        ids = np.full(0x110000, -1, np.int64)
        for piece, i in self.ids_of.items():
            if len(piece) == 1:
                ids[ord(piece)] = i
        return ids

    def _letters(self, text: str) -> np.ndarray:
        """Looked up all at once."""
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        ids = self._by_code[codes]
        if (ids < 0).any():
            if self.specials.unknown is None:
                raise self._missing(text[int(np.argmax(ids < 0))])
            ids[ids < 0] = self.specials.unknown
        return ids

    def _missing(self, piece: str) -> BadInput:
        return BadInput(f"the table has no entry {piece!r}, and none for what is unknown")
