"""Arrays and tensors that hold a whole data set: read by slices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..columns.block import Block, Values, as_column, label_among, packed, plain_value
from ..memory import let_go
from .source import ROWS, VALUES, Source


class Arrays(Source):
    """Columns that are arrays, tensors or lists of one length; `order` picks rows of them, as a Subset does."""

    def __init__(
        self, name: str, columns: Mapping[str, Any], *, label: str | None = None, order: Any | None = None
    ) -> None:
        self.name, self.label = name, label if label is not None else label_among(columns)
        self._columns = dict(columns)
        self._order = None if order is None else np.asarray(order, dtype=np.int64)
        lengths = {len(values) for values in self._columns.values()}
        if len(lengths) != 1:
            told = ", ".join(f"`{key}` has {len(values)}" for key, values in self._columns.items())
            raise ValueError(f"the columns of `{name}` differ in their rows: {told}")
        self.length = len(self._order) if self._order is not None else lengths.pop()

    def blocks(self, start: int = 0, stop: int | None = None) -> Iterator[Block]:
        assert self.length is not None
        end = self.length if stop is None else min(stop, self.length)
        step = self._step()
        for low in range(start, end, step):
            rows = np.arange(low, min(low + step, end))
            yield Block(rows, {name: self._taken(values, rows) for name, values in self._columns.items()})
        for values in self._columns.values():
            let_go(values)

    def _step(self) -> int:
        per_row = sum(int(np.prod(np.shape(values)[1:])) if not isinstance(values, list) else 64
                      for values in self._columns.values())  # fmt: skip
        return max(1, min(ROWS, VALUES // max(per_row, 1)))

    def _taken(self, values: Any, rows: np.ndarray[Any, Any]) -> Values:
        if self._order is not None:
            picked = self._order[rows]
            part = [values[i] for i in picked] if isinstance(values, list) else plain_value(values[picked])
        else:
            part = values[int(rows[0]) : int(rows[-1]) + 1]
        if isinstance(part, list):
            return part if type(part[0]) is str and set(map(type, part)) == {str} else packed(part)
        return as_column(np.asarray(plain_value(part)))

    def picked(self, order: np.ndarray[Any, Any]) -> Arrays:
        """Some of these rows, in an order of their own."""
        whole = order if self._order is None else self._order[order]
        return Arrays(self.name, self._columns, label=self.label, order=whole)
