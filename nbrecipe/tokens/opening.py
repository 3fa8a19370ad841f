"""Which kind of tokenizer the user has."""

from __future__ import annotations

from typing import Any

from ..batches import BadInput
from .kinds.functions import Functions
from .kinds.hugging_face import HuggingFace
from .kinds.ranked import Ranked
from .kinds.rust import Rust
from .kinds.sentence_piece import SentencePiece
from .kinds.table import Table
from .tokenizer import Tokenizer

#: asked in this order: the first that takes it has it
KINDS: tuple[type[Tokenizer], ...] = (HuggingFace, Rust, Ranked, SentencePiece, Table, Functions)


def open_tokenizer(given: Any, name: str = "the tokenizer") -> Tokenizer:
    """The user's tokenizer behind our face; raises BadInput for what makes no ids of texts."""
    if isinstance(given, Tokenizer):
        return given
    for kind in KINDS:
        if kind.takes(given):
            return kind(given, name)
    raise BadInput(
        f"{name} is {type(given).__name__}: a tokenizer of transformers, tokenizers, tiktoken or SentencePiece, an "
        "object with `encode` and `decode`, a function from a text to ids, or a dict or list of pieces is needed"
    )
