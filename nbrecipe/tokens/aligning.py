"""Where each token stands in its text, for tokenizers that do not say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .tokenizer import Tokenizer

#: half of a pair that UTF-16 writes one character with; alone it is none
SURROGATE = re.compile("[\ud800-\udfff]")


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


def of_bytes(text: str, pieces: Sequence[bytes]) -> np.ndarray:
    """(T, 2) spans in characters of tokens that are the bytes of a text, end to end; (-1, -1) where they are not.

    A token that is a part of a character stands at that character. Lone surrogates, which have no bytes, may have
    been replaced by U+FFFD.
    """
    lengths = np.fromiter(map(len, pieces), np.int64, len(pieces))
    ends = np.cumsum(lengths)
    whole = text.encode("utf-8", "surrogatepass")
    said = b"".join(pieces)
    if said != whole and said != SURROGATE.sub("\ufffd", text).encode():
        return np.full((len(pieces), 2), -1, np.int64)
    first = (np.frombuffer(whole, np.uint8) & 0xC0) != 0x80  # a byte that begins a character
    before = np.concatenate([[0], np.cumsum(first)])  # characters begun before each byte
    starts = before[np.minimum(ends - lengths + 1, len(whole))] - 1
    return np.stack([np.where(lengths > 0, starts, before[ends]), before[ends]], 1)
