"""`tiktoken.Encoding`: pairs of bytes in the order of their ranks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from ..aligning import of_bytes
from ..bytewise import written
from ..kept import role_of
from ..tokenizer import Encoding, Ids, Specials, Tokenizer


class Ranked(Tokenizer):
    """A `tiktoken.Encoding`; what reads like a special token in a text is encoded as text."""

    kind = "tiktoken"

    @staticmethod
    def takes(given: object) -> bool:
        """Whether this is one, by what it can do."""
        return all(hasattr(given, name) for name in ("encode_ordinary_batch", "decode_single_token_bytes", "n_vocab"))

    @property
    def size(self) -> int | None:
        return int(self.given.n_vocab)

    @cached_property
    def specials(self) -> Specials:
        every = {name: int(self.given.encode_single_token(name)) for name in self.given.special_tokens_set}
        named = {role: i for name, i in every.items() if (role := role_of(name))}
        return Specials(**named, every=frozenset(every.values()))

    def batch(self, texts: Sequence[str], special: bool = True) -> Ids:
        return Ids.of(self.given.encode_ordinary_batch(list(texts)))

    def encode(self, text: str, special: bool = True) -> Encoding:
        ids = np.array(self.given.encode_ordinary(text), np.int64)
        spans = of_bytes(text, self.given.decode_tokens_bytes(ids.tolist()))
        return Encoding(text, ids, spans, np.zeros(len(ids), bool))

    def decode(self, ids: Sequence[int], special: bool = True) -> str:
        left = [int(i) for i in ids if special or int(i) not in self.specials.every]
        return str(self.given.decode(left))

    def piece(self, i: int) -> str | None:
        """Its bytes as text; those that are none as "<0xF0>"."""
        try:
            return written(self.given.decode_single_token_bytes(int(i)))
        except Exception:  # within the vocabulary there may be holes
            return None

    def is_byte(self, i: int) -> bool:
        try:
            piece = self.given.decode_single_token_bytes(int(i))
        except Exception:
            return False
        return len(piece) == 1 and piece[0] >= 0x80
