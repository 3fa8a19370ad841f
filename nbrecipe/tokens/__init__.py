"""Tokenizers of every kind behind one face: texts to ids, ids to text, and where each token stands in its text."""

from __future__ import annotations

from .opening import open_tokenizer
from .tokenizer import Encoding, Ids, Specials, Tokenizer

__all__ = ["Encoding", "Ids", "Specials", "Tokenizer", "open_tokenizer"]
