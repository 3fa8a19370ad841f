"""The rows of an embedding table against the ids that training has: a row that no id looks up is never trained."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from ...batches import BadInput
from ...tokens import Tokenizer
from .vocabulary import Vocabulary

#: rows beyond the ids that tables are rounded up by, the share of ids that may have been added later or left to spare
MULTIPLE, SPARE = 64, 0.25
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Embedding:
    """A table that ids are looked up in."""

    #: where it stands in the model: "net.tokens"
    name: str
    rows: int
    width: int
    #: its `padding_idx`
    padding: int | None = None
    trains: bool = True


@dataclass(frozen=True)
class Untrained:
    """Which rows of a table no text looks up."""

    table: Embedding
    #: rows that no id of the texts looks up, in order
    unused: Array
    #: those of them for which the tokenizer has no piece, so that no text ever will
    beyond: Array
    #: ids of the texts that the table has no row for
    outside: Array

    @property
    def share(self) -> float:
        """Share of the rows that are never looked up."""
        return len(self.unused) / max(self.table.rows, 1)


def embedding_of(model: nn.Module, name: str = "model") -> Embedding:
    """The table that ids are looked up in: the model's own word, else the one with most rows. Raises BadInput."""
    tables = {
        path: module for path, module in model.named_modules() if isinstance(module, (nn.Embedding, nn.EmbeddingBag))
    }
    own = _asked(model)
    found = [path for path, module in tables.items() if module is own]
    if not found:
        found = sorted(tables, key=lambda path: -tables[path].num_embeddings)
    if not found:
        raise BadInput(f"`{name}` has no embedding table (`nn.Embedding`)")
    table = tables[found[0]]
    told = f"{name}.{found[0]}" if found[0] else name
    return Embedding(told, table.num_embeddings, table.embedding_dim, table.padding_idx, table.weight.requires_grad)


def untrained(table: Embedding, ids: Vocabulary, tokenizer: Tokenizer | None = None) -> Untrained:
    """Which rows of the table these ids leave untrained."""
    unused = ids.unseen(table.rows)
    size = tokenizer.size if tokenizer is not None else None
    beyond = unused[unused >= size] if size is not None else unused[:0]
    seen = ids.seen
    return Untrained(table, unused, beyond, seen[(seen < 0) | (seen >= table.rows)])


def is_roomy(rows: int, size: int) -> bool:
    """Whether a table has more rows than tables for this many ids are rounded up to."""
    return rows > size * (1 + SPARE) + MULTIPLE


def belong(table: Embedding, ids: Vocabulary, tokenizer: Tokenizer | None = None) -> bool:
    """Whether a table may have been made for these ids: by the tokenizer's size where it has one, else by the ids.

    Without a size, or for no tokenizer, nearly all ids that occur must have a row.
    """
    size = tokenizer.size if tokenizer is not None else None
    if size:
        return table.rows >= size * (1 - SPARE) and not is_roomy(table.rows, size)
    seen = ids.seen
    return int(((seen < 0) | (seen >= table.rows)).sum()) <= SPARE * len(seen)


def pieces(tokenizer: Tokenizer, ids: Iterable[int]) -> list[str]:
    """The text that ids stand for, numbers where they have no piece."""
    return [_piece(tokenizer, int(i)) for i in ids]


def _piece(tokenizer: Tokenizer, i: int) -> str:
    try:
        found = tokenizer.spelled(i)
    except Exception:  # an id that the tokenizer does not have
        found = None
    return str(i) if found is None else found


def _asked(model: nn.Module) -> Any:
    """What the model itself calls its table of input ids, as models of transformers do."""
    asked = getattr(model, "get_input_embeddings", None)
    try:
        return asked() if callable(asked) else None
    except Exception:  # a model of several kinds of input has no single one
        return None
