"""`tokenizers.Tokenizer`, the library's own object."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..aligning import whole_spaces
from ..asbefore import uncut
from ..bytewise import is_byte, spelled
from ..kept import role_of
from ..tokenizer import Encoding, Ids, Specials, Tokenizer


class Rust(Tokenizer):
    """A `tokenizers.Tokenizer` of any model."""

    kind = "tokenizers"

    @staticmethod
    def takes(given: Any) -> bool:
        """Whether this is one, by what it can do."""
        return all(hasattr(given, name) for name in ("encode_batch", "id_to_token", "get_vocab"))

    @cached_property
    def size(self) -> int | None:
        return max(self.given.get_vocab(with_added_tokens=True).values(), default=-1) + 1

    @cached_property
    def specials(self) -> Specials:
        added = self.given.get_added_tokens_decoder()
        every = {int(i): str(token.content) for i, token in added.items() if token.special}
        named = {role: i for i, piece in reversed(every.items()) if (role := role_of(piece))}
        unknown = self.given.token_to_id(getattr(self.given.model, "unk_token", None) or "")
        if unknown is not None:
            named["unknown"] = int(unknown)
        if self.given.padding is not None:
            named["padding"] = int(self.given.padding["pad_id"])
        return Specials(**named, every=frozenset({*every, *named.values()}))

    @property
    def limit(self) -> int | None:
        cut = self.given.truncation
        return int(cut["max_length"]) if cut is not None else None

    @property
    def side(self) -> str | None:
        filled = self.given.padding
        return str(filled["direction"]).lower() if filled is not None else None

    def batch(self, texts: Sequence[str], special: bool = True) -> Ids:
        with uncut(self.given):
            encode = getattr(self.given, "encode_batch_fast", self.given.encode_batch)  # without places; since 0.20
            found = encode(list(texts), add_special_tokens=special)
        return Ids.of([one.ids for one in found])

    def encode(self, text: str, special: bool = True) -> Encoding:
        with uncut(self.given):
            found = self.given.encode(text, add_special_tokens=special)
        return encoded(text, found, self._bytes)

    def decode(self, ids: Sequence[int], special: bool = True) -> str:
        return str(self.given.decode([int(i) for i in ids], skip_special_tokens=not special))

    def piece(self, i: int) -> str | None:
        found = self.given.id_to_token(int(i)) if 0 <= int(i) < 1 << 32 else None
        return None if found is None else str(found)

    def normalised(self, text: str) -> str:
        return normalised(self.given, text)

    @cached_property
    def _bytes(self) -> bool:
        return of_letters(self.given)

    @cached_property
    def _added(self) -> frozenset[int]:
        """Ids of what was added, which stands in the vocabulary as it is."""
        return frozenset(map(int, self.given.get_added_tokens_decoder()))

    def spelled(self, i: int) -> str | None:
        return spelled(self.piece(i), self._bytes and i not in self._added)

    def is_byte(self, i: int) -> bool:
        return is_byte(self.piece(i), self._bytes and i not in self._added)


def encoded(text: str, found: Any, letters: bool) -> Encoding:
    """The library's encoding of a text as ours."""
    own = np.array(found.special_tokens_mask, bool)
    spans = np.array(found.offsets, np.int64).reshape(-1, 2)
    spans[own] = -1
    return Encoding(text, np.array(found.ids, np.int64), whole_spaces(text, found.tokens, spans, letters), own)


def normalised(library: Any, text: str) -> str:
    """What the library's normalizer makes of a text."""
    step = library.normalizer
    return text if step is None else str(step.normalize_str(text))


def of_letters(library: Any) -> bool:
    """Whether the library writes bytes as letters, as GPT-2 has it."""
    parts = (library.pre_tokenizer, library.decoder)
    return any("ByteLevel" in _written(part) for part in parts)


def _written(part: Any) -> str:
    try:
        return repr(part)
    except Exception:  # one that is written in Python cannot be
        return type(part).__name__
