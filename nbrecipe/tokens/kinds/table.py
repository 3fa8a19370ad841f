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
        self.ids_of, self.pieces = both_ways(given if is_table(given) else kept_table(given))
        plain = [piece for piece in self.ids_of if not SPECIAL.fullmatch(piece)]
        self.letters = bool(plain) and all(len(piece) == 1 for piece in plain)
        self.kind = f"a table of {'characters' if self.letters else 'words'}"

    @staticmethod
    def takes(given: Any) -> bool:
        """Whether this is a dict of pieces and ids, either way round, a list of pieces, or an object with such alone."""
        if isinstance(given, (Mapping, list, tuple)):
            return is_table(given)
        makes = any(hasattr(given, name) for name in ("encode", "tokenize")) or callable(given)
        return (not makes or hasattr(given, "lookup_indices")) and kept_table(given) is not None

    @property
    def size(self) -> int | None:
        return max(self.pieces, default=-1) + 1

    @cached_property
    def specials(self) -> Specials:
        return kept_specials(self.given, self.pieces)

    def batch(self, texts: Sequence[str], special: bool = True) -> Ids:
        return Ids.of([self._row(text) for text in texts])

    def encode(self, text: str, special: bool = True) -> Encoding:
        ids = np.array(self._row(text), np.int64)
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
        parts: Sequence[str] = text if self.letters else text.split()
        unknown, known = self.specials.unknown, self.ids_of
        if unknown is not None:
            return [known.get(part, unknown) for part in parts]
        try:
            return [known[part] for part in parts]
        except KeyError as missing:
            raise BadInput(
                f"the table has no entry {missing.args[0]!r}, and none for what is unknown"
            ) from None
