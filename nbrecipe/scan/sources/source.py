"""What a data set is to a scan: rows by number, read block by block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from ..columns.block import Block, Values, size_of

#: values of a block, so that it fits the cache of a processor, and rows of one
VALUES, ROWS = 1 << 20, 4096
#: bytes of the examples that are read before they are handed on
BYTES = 16 << 20


class Source(ABC):
    """A data set that a person has, opened for reading; reading leaves it as it is.

    Row numbers are those that the person's own object has. A source that can be read only from its start, as a stream
    is, has no length and no single examples.
    """

    #: how the user calls it
    name: str
    #: the column that holds the label; None where there is none
    label: str | None = None
    #: the same where the user named it
    asked: str | None = None
    #: the columns that are read and judged, where the user named them; empty for all
    chosen: tuple[str, ...] = ()
    #: what the classes are called, by label
    names: Mapping[Any, str] = MappingProxyType({})
    #: rows; None where that is not known before the end
    length: int | None = None

    @abstractmethod
    def blocks(self, start: int = 0, stop: int | None = None) -> Iterator[Block]:
        """The rows from `start` to `stop`, in order."""

    def choose(self, columns: tuple[str, ...]) -> None:
        """Read these columns alone, and the label where the user named it; a plan refuses what there is none of."""
        self.chosen = tuple(dict.fromkeys([*columns, *([self.asked] if self.asked is not None else [])]))

    def extent(self, read: int, whole: bool, what: str = "row") -> str:
        """How much was read, in words: "5000 rows", "the first 1200000 of 10000000 rows"."""
        if whole:
            return f"{read} {what}{'' if read == 1 else 's'}"
        return f"the first {read}" + (f" of {self.length}" if self.length is not None else "") + f" {what}s"

    def changed(self) -> str:
        """What has become another since it was opened, in words; "" where nothing has."""
        return ""

    def example(self, row: int) -> dict[str, Any]:
        """One row by column. Raises LookupError for a stream, and what the user's data set raises."""
        for block in self.blocks(row, row + 1):
            if block.unread:
                raise LookupError(block.unread[0].told)
            return {name: values[0] for name, values in block.columns.items()}
        raise LookupError(f"`{self.name}` has no row {row}")


def step_of(most: int, columns: Mapping[str, Values]) -> int:
    """How many rows like these are read at once, `most` at most."""
    size = sum(size_of(values) / max(len(values), 1) for values in columns.values())
    return max(1, min(most, int(BYTES / max(size, 1))))
