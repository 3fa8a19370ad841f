"""Tokenizers of transformers, fast and slow."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from functools import cached_property
from typing import Any

import numpy as np

from ..aligning import aligned, whole_spaces
from ..asbefore import uncut
from ..bytewise import is_byte, spelled
from ..tokenizer import Encoding, Ids, Specials, Tokenizer
from .rust import normalised, of_letters

#: what transformers writes for "no limit"
NO_LIMIT = 10**9


class HuggingFace(Tokenizer):
    """A `PreTrainedTokenizer` or `PreTrainedTokenizerFast`."""

    def __init__(self, given: Any, name: str = "the tokenizer") -> None:
        super().__init__(given, name)
        self.fast = bool(getattr(given, "is_fast", False))
        self.kind = f"Hugging Face ({'fast' if self.fast else 'slow'})"

    @staticmethod
    def takes(given: Any) -> bool:
        """Whether this is one, by what it can do: transformers need not be imported."""
        return all(hasattr(given, name) for name in ("convert_ids_to_tokens", "all_special_ids", "batch_decode"))

    @cached_property
    def size(self) -> int | None:
        return max(self.given.get_vocab().values(), default=-1) + 1

    @cached_property
    def specials(self) -> Specials:
        role = {field: getattr(self.given, f"{name}_token_id", None) for field, name in _ROLES.items()}
        added = getattr(self.given, "added_tokens_decoder", {})
        more = {int(i) for i, token in added.items() if getattr(token, "special", False)}
        return Specials(**role, every=frozenset({*map(int, self.given.all_special_ids), *more}))

    @property
    def limit(self) -> int | None:
        limit = getattr(self.given, "model_max_length", None)
        return int(limit) if limit is not None and limit < NO_LIMIT else None

    @property
    def side(self) -> str | None:
        side = getattr(self.given, "padding_side", None)
        return str(side) if side is not None else None

    def batch(self, texts: Sequence[str], special: bool = True) -> Ids:
        return Ids.of(self._called(list(texts), special)["input_ids"] if texts else [])

    def encode(self, text: str, special: bool = True) -> Encoding:
        more = {"return_offsets_mapping": True} if self.fast else {}
        given = self._called([text], special, return_special_tokens_mask=True, **more)
        ids = np.asarray(given["input_ids"][0], np.int64)
        own = np.asarray(given["special_tokens_mask"][0], bool)
        if not self.fast:
            return Encoding(text, ids, aligned(self, text, ids, own), own)
        spans = np.asarray(given["offset_mapping"][0], np.int64).reshape(-1, 2)
        spans[own] = -1
        return Encoding(text, ids, whole_spaces(text, given.tokens(0), spans, self._bytes), own)

    def decode(self, ids: Sequence[int], special: bool = True) -> str:
        return str(self.given.decode([int(i) for i in ids], skip_special_tokens=not special, **self._plain))

    def piece(self, i: int) -> str | None:
        if not 0 <= int(i) < NO_LIMIT:
            return None
        try:
            found = self.given.convert_ids_to_tokens(int(i))
        except Exception:  # one written in Python may look it up in a list
            return None
        return None if found is None else str(found)

    def normalised(self, text: str) -> str:
        return text if self._library is None else normalised(self._library, text)

    @cached_property
    def _bytes(self) -> bool:
        if self._library is None:  # those written in Python keep the table
            return isinstance(getattr(self.given, "byte_decoder", None), dict)
        return of_letters(self._library)

    @cached_property
    def _added(self) -> frozenset[int]:
        """Ids of what was added, which stands in the vocabulary as it is."""
        return frozenset(map(int, getattr(self.given, "added_tokens_decoder", {})))

    def spelled(self, i: int) -> str | None:
        return spelled(self.piece(i), self._bytes and i not in self._added)

    def is_byte(self, i: int) -> bool:
        return is_byte(self.piece(i), self._bytes and i not in self._added)

    @property
    def _library(self) -> Any:
        """What a fast one is built on: a `tokenizers.Tokenizer`; None for the others."""
        held = getattr(self.given, "backend_tokenizer", None) if self.fast else None
        return held if hasattr(held, "no_truncation") else None

    @property
    def _plain(self) -> dict[str, bool]:
        """Where tidying up of spaces is set but not done, it is not asked for: that would be warned of."""
        given = self.given
        unheeded = not getattr(given, "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output", True)
        model = type(getattr(self._library, "model", None)).__name__
        return {"clean_up_tokenization_spaces": False} if unheeded and model == "BPE" else {}

    def _called(self, texts: list[str], special: bool, **more: bool) -> Any:
        with nullcontext() if self._library is None else uncut(self._library):
            return self.given(
                texts, add_special_tokens=special, padding=False, truncation=False, return_attention_mask=False,
                verbose=False, **more,
            )  # fmt: skip


_ROLES = {
    "padding": "pad", "unknown": "unk", "begin": "bos", "end": "eos", "classify": "cls", "separate": "sep",
    "mask": "mask",
}  # fmt: skip
