"""Rows whose labels are given beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...batches import BadInput
from ..columns.block import LABEL, Block, Values, as_column, packed, plain_value
from .source import Source


class Labelled(Source):
    """A source with one more column, the labels row by row. Raises BadInput where their number is another."""

    def __init__(self, source: Source, labels: Any) -> None:
        self._source, self._labels = source, _plain(labels)
        self.name, self.length = source.name, source.length
        self.names = source.names
        if source.length is None:
            raise BadInput(f"`{source.name}` is a stream: its labels cannot be given row by row; name their column")
        if len(self._labels) != source.length:
            raise BadInput(f"`{source.name}` has {source.length} rows and {len(self._labels)} labels were given")
        first = next((block.columns for block in source.blocks(0, 64) if len(block)), {})
        self.label = LABEL if LABEL not in first else "labels given"

    def blocks(self, start: int = 0, stop: int | None = None) -> Iterator[Block]:
        assert self.label is not None
        for block in self._source.blocks(start, stop):
            rows, labels = block.rows, self._labels
            given = labels[rows] if isinstance(labels, np.ndarray) else packed([labels[i] for i in rows.tolist()])
            yield Block(rows, {**block.columns, self.label: given}, block.unread)

    def choose(self, columns: tuple[str, ...]) -> None:
        assert self.label is not None
        self._source.choose(columns)
        self.chosen = (*columns, self.label)

    def changed(self) -> str:
        return self._source.changed()


def _plain(labels: Any) -> Values:
    """Labels as an array or a list, whatever they come as."""
    if hasattr(labels, "to_numpy"):
        labels = labels.to_numpy()
    labels = plain_value(labels)
    if isinstance(labels, np.ndarray) and labels.ndim:
        return as_column(labels)
    if not hasattr(labels, "__len__") or isinstance(labels, (bytes, dict)):
        raise BadInput(f"labels are a column's name or one label for each row; a {type(labels).__name__} was given")
    return list(labels)
