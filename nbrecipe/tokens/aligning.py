"""Where each token stands in its text, for tokenizers that do not say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .tokenizer import Tokenizer


def aligned(tokenizer: Tokenizer, text: str, ids: np.ndarray, special: np.ndarray) -> np.ndarray:
    """(T, 2) spans in characters: each token's own text is looked for from where the last one ended.

    What is not found there stands nowhere, (-1, -1): text that the tokenizer changed is not guessed at.
    """
    spans = np.full((len(ids), 2), -1, np.int64)
    at = 0
    for place, i in enumerate(ids.tolist()):
        said = "" if special[place] else tokenizer.decode([i]).strip()
        start = text.find(said, at) if said else -1
        if start >= 0 and not text[at:start].strip():
            spans[place] = (start, start + len(said))
            at = start + len(said)
    return spans
