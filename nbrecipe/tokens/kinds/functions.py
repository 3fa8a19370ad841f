"""The user's own: an object with `encode` and `decode`, a pair of functions, or one function from a text to ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from ...batches import BadInput
from ..aligning import aligned
from ..tokenizer import Encoding, Ids, Tokenizer


class Functions(Tokenizer):
    """Whatever makes ids of a text; without a way back pieces are numbers."""

    def __init__(self, given: Any, name: str = "the tokenizer") -> None:
        super().__init__(given, name)
        self._encode, self._decode = _pair(given)
        self.decodes = self._decode is not None
        self.kind = f"`{type(given).__name__}`" if hasattr(given, "encode") else "a function"

    @staticmethod
    def takes(given: Any) -> bool:
        """Whether there is something in it to call."""
        return _pair(given)[0] is not None

    @property
    def size(self) -> int | None:
        size = getattr(self.given, "vocab_size", None) or getattr(self.given, "n_vocab", None)
        return int(size) if isinstance(size, (int, np.integer)) else None

    def batch(self, texts: Sequence[str], special: bool = True) -> Ids:
        return Ids.of([_row(self._encode(text), self.name) for text in texts])  # type: ignore[misc]

    def encode(self, text: str, special: bool = True) -> Encoding:
        ids = self.batch([text], special).values
        own = np.zeros(len(ids), bool)
        return Encoding(text, ids, aligned(self, text, ids, own), own)

    def decode(self, ids: Sequence[int], special: bool = True) -> str:
        return str(self._decode([int(i) for i in ids])) if self._decode else " ".join(str(int(i)) for i in ids)

    def piece(self, i: int) -> str | None:
        return self.decode([i]) if self._decode else None


def _pair(given: Any) -> tuple[Callable[[str], Any] | None, Callable[[Any], Any] | None]:
    if isinstance(given, (tuple, list)) and len(given) == 2 and all(callable(part) for part in given):
        return given[0], given[1]
    encode = getattr(given, "encode", None) or (given if callable(given) else None)
    return encode, getattr(given, "decode", None)


def _row(found: Any, name: str) -> list[int]:
    """One row of ids from what a function gave: a list, array or tensor, an object with `ids` or `input_ids`."""
    if isinstance(found, dict) or hasattr(found, "input_ids"):
        found = found["input_ids"]
    found = getattr(found, "ids", found)
    values = np.asarray(found.detach().cpu() if isinstance(found, Tensor) else found)
    if values.size and not np.issubdtype(values.dtype, np.integer):
        raise BadInput(f"{name} makes {values.dtype} of a text, not ids: give what makes whole numbers of it")
    return [int(i) for i in values.reshape(-1)]
