"""What each column of a data set holds, decided once from its first rows, so that every part is read alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..batches import BadInput
from . import sample
from .block import Block, size_of
from .kinds import Kind, kind_of
from .sources.source import Source

#: rows that are looked at
ROWS = 512


@dataclass(frozen=True)
class Plan:
    """The kind of each column, which one is the label, and how many rows are kept."""

    kinds: Mapping[str, Kind]
    label: str | None
    most: int

    @property
    def inputs(self) -> dict[str, Kind]:
        """The columns that are no label."""
        return {name: kind for name, kind in self.kinds.items() if name != self.label}


def plan_of(source: Source) -> Plan:
    """Look at the first rows that can be read. Raises BadInput where there are none."""
    blocks: list[Block] = []
    for block in source.blocks(0, ROWS):
        blocks += [block] if len(block) else []
    if not blocks:
        raise BadInput(f"`{source.name}` gives no row that can be read")
    first = sample.end_to_end(blocks)
    label = source.label if source.label in first.columns else None
    kinds = {name: kind_of(name, values, label=name == label) for name, values in first.columns.items()}
    per_row = sum(size_of(values) for values in first.columns.values()) / len(first)
    return Plan(kinds, label, int(min(sample.ROWS, max(256, sample.BYTES // max(per_row, 1)))))
