"""`tokenizers.Tokenizer`, the library's own object."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..tokenizer import Encoding, Ids, Specials, Tokenizer
from .table import role_of


class Rust(Tokenizer):
    """A `tokenizers.Tokenizer` of any model."""

    kind = "tokenizers"

    @staticmethod
    def takes(given: Any) -> bool:
        """Whether this is one, by what it can do."""
        return all(hasattr(given, name) for name in ("encode_batch", "id_to_token", "get_vocab"))

    @property
    def size(self) -> int | None:
        return max(self.given.get_vocab(with_added_tokens=True).values(), default=-1) + 1

    @cached_property
    def specials(self) -> Specials:
        added = self.given.get_added_tokens_decoder()
        every = {int(i): str(token.content) for i, token in added.items() if token.special}
        named = {role: i for i, piece in every.items() if (role := role_of(piece))}
        return Specials(**named, every=frozenset(every))

    def batch(self, texts: Sequence[str], special: bool = True) -> Ids:
        return Ids.of([found.ids for found in self.given.encode_batch(list(texts), add_special_tokens=special)])

    def encode(self, text: str, special: bool = True) -> Encoding:
        found = self.given.encode(text, add_special_tokens=special)
        own = np.array(found.special_tokens_mask, bool)
        spans = np.array(found.offsets, np.int64).reshape(-1, 2)
        spans[own] = -1
        return Encoding(text, np.array(found.ids, np.int64), spans, own)

    def decode(self, ids: Sequence[int], special: bool = True) -> str:
        return str(self.given.decode([int(i) for i in ids], skip_special_tokens=not special))

    def piece(self, i: int) -> str | None:
        found = self.given.id_to_token(int(i))
        return None if found is None else str(found)

    def normalised(self, text: str) -> str:
        step = self.given.normalizer
        return text if step is None else str(step.normalize_str(text))
