"""Tokenizers of transformers, fast and slow."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..aligning import aligned
from ..tokenizer import Encoding, Ids, Specials, Tokenizer

#: what transformers writes for "no limit"
NO_LIMIT = 10**9
BYTE = re.compile(r"<0x[0-9A-F]{2}>")


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

    @property
    def size(self) -> int | None:
        return max(self.given.get_vocab().values(), default=-1) + 1

    @cached_property
    def specials(self) -> Specials:
        role = {field: getattr(self.given, f"{name}_token_id", None) for field, name in _ROLES.items()}
        return Specials(**role, every=frozenset(int(i) for i in self.given.all_special_ids))

    @property
    def limit(self) -> int | None:
        limit = getattr(self.given, "model_max_length", None)
        return int(limit) if limit is not None and limit < NO_LIMIT else None

    @property
    def side(self) -> str | None:
        side = getattr(self.given, "padding_side", None)
        return str(side) if side is not None else None

    def batch(self, texts: Sequence[str], special: bool = True) -> Ids:
        return Ids.of(self._called(list(texts), special)["input_ids"])

    def encode(self, text: str, special: bool = True) -> Encoding:
        given = self._called([text], special, spans=self.fast)
        ids = np.asarray(given["input_ids"][0], np.int64)
        own = np.asarray(given["special_tokens_mask"][0], bool)
        if not self.fast:
            return Encoding(text, ids, aligned(self, text, ids, own), own)
        spans = np.asarray(given["offset_mapping"][0], np.int64).reshape(-1, 2)
        spans[own] = -1
        return Encoding(text, ids, spans, own)

    def decode(self, ids: Sequence[int], special: bool = True) -> str:
        return str(self.given.decode([int(i) for i in ids], skip_special_tokens=not special))

    def piece(self, i: int) -> str | None:
        found = self.given.convert_ids_to_tokens(int(i))
        return None if found is None else str(found)

    def normalised(self, text: str) -> str:
        backend = getattr(self.given, "backend_tokenizer", None)
        step = getattr(backend, "normalizer", None)
        return text if step is None else str(step.normalize_str(text))

    def is_byte(self, i: int) -> bool:
        return BYTE.fullmatch(self.piece(i) or "") is not None

    def _called(self, texts: list[str], special: bool, spans: bool = False) -> Any:
        return self.given(
            texts, add_special_tokens=special, padding=False, truncation=False, return_attention_mask=False,
            return_token_type_ids=False, return_special_tokens_mask=True, return_offsets_mapping=spans, verbose=False,
        )  # fmt: skip


_ROLES = {
    "padding": "pad", "unknown": "unk", "begin": "bos", "end": "eos", "classify": "cls", "separate": "sep",
    "mask": "mask",
}  # fmt: skip
