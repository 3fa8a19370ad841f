"""What is counted of some rows of a data set; parts merge, in the order of their rows, to what the whole would give."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .columns.axes import axes_of
from .columns.block import Block, Unread
from .columns.kinds import Kind
from .counts.copies import Copies
from .counts.garbled import Garbled
from .counts.labels import Labels
from .counts.letters import Texts, texts_of
from .counts.sample import Sample
from .counts.spread import Spread
from .counts.words import Words
from .fitting import fitted, is_none
from .near.keys import Near
from .plan import Plan

#: examples that could not be read and are named
NAMED = 50
#: columns that came late and are named
LATE = 20


@dataclass
class Part:
    """Rows counted, by column; plain data that can be sent to another process."""

    plan: Plan
    rows: int = 0
    #: how many examples could not be read, and the first of them
    unread: int = 0
    named: list[Unread] = field(default_factory=list)
    #: columns that the plan does not have, as they were met later: how many rows have one, and the first of them
    late: dict[str, tuple[int, int]] = field(default_factory=dict)
    spreads: dict[str, Spread] = field(default_factory=dict)
    words: dict[str, Words] = field(default_factory=dict)
    garbled: dict[str, Garbled] = field(default_factory=dict)
    labels: Labels | None = None
    copies: Copies = field(default_factory=Copies)
    near: Near = field(default_factory=Near)
    sample: Sample = field(default_factory=Sample)

    def __post_init__(self) -> None:
        self.sample.most = self.plan.most
        if self.plan.label is not None:
            self.labels = Labels(self.plan.kinds[self.plan.label])

    def add(self, block: Block) -> None:
        """Count these rows in."""
        self._come_late(block)
        block = fitted(block, self.plan)
        self.rows += len(block)
        self._lacking(block)
        if not len(block):
            return
        texts: dict[str, Texts] = {}
        for name, kind in self.plan.kinds.items():
            if name not in block.columns:
                continue
            if kind is Kind.TEXT:
                texts[name] = texts_of(list(block.columns[name]))
                self.words.setdefault(name, Words()).add(texts[name], block.rows)
                self.garbled.setdefault(name, Garbled()).add(texts[name].seen, texts[name].along(block.rows))
            names, table = axes_of(name, kind, block.columns[name], texts.get(name))
            if names:
                self.spreads.setdefault(name, Spread(names)).add(table, block.rows)
        given = block.columns.get(self.plan.label or "")
        if self.labels is not None and given is not None:
            self.labels.add(given, block.rows)
        hashed = self.copies.add(block, self.plan.label)
        self.near.add(block, self.plan, hashed, texts)
        self.sample.add(block)

    def merge(self, later: Part) -> None:
        """Count in what another part, of later rows, has counted."""
        self.rows, self.unread = self.rows + later.rows, self.unread + later.unread
        self.named = (self.named + later.named)[:NAMED]
        for name, (count, first) in later.late.items():
            self._note_late(name, count, first)
        for name, spread in later.spreads.items():
            if name in self.spreads:
                self.spreads[name].merge(spread)
            else:
                self.spreads[name] = spread
        for name, words in later.words.items():
            self.words.setdefault(name, Words()).merge(words)
        for name, garbled in later.garbled.items():
            self.garbled.setdefault(name, Garbled()).merge(garbled)
        if self.labels is not None and later.labels is not None:
            self.labels.merge(later.labels)
        self.copies.merge(later.copies)
        self.near.merge(later.near)
        self.sample.merge(later.sample)

    def _come_late(self, block: Block) -> None:
        """Keep note of columns that first stand in later rows than those the plan was made from."""
        if self.plan.chosen:
            return
        for name in block.columns.keys() - self.plan.kinds.keys():
            there = np.array([not is_none(value) for value in block.columns[name]], dtype=np.bool_)
            if there.any():
                self._note_late(name, int(there.sum()), int(block.rows[there.argmax()]))

    def _note_late(self, name: str, count: int, first: int) -> None:
        if name in self.late or len(self.late) < LATE:
            before, earliest = self.late.get(name, (0, first))
            self.late[name] = before + count, min(earliest, first)

    def _lacking(self, block: Block) -> None:
        """Keep note of what could not be read."""
        self.unread += len(block.unread)
        self.named += block.unread[: NAMED - len(self.named)]
