"""Texts of a source, so many at once that a tokenizer is at its own speed, and no more than fit."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..columns.block import Block, Values
from ..columns.kinds import Kind
from ..counts.labels import as_classes
from ..plan import Plan
from ..reading import blocks_of
from ..sources.source import Source
from .part import Failed

#: texts and letters that are encoded at once
TEXTS, LETTERS = 4096, 1 << 20
#: texts that are encoded first, and the part of the letters; seconds below which more are taken at once, and beyond
#: which fewer are, so that progress shows and an interrupt is heard however slow a tokenizer is
FIRST, QUICK, SLOW = 256, 0.25, 1.0
Array = np.ndarray[Any, Any]


@dataclass
class Chunk:
    """Texts that are encoded at once, and the rows that could not be read."""

    blocks_rows: list[Array] = field(default_factory=list)
    texts: list[Any] = field(default_factory=list)
    #: the class of each; nothing where there are none
    labels: list[Hashable] = field(default_factory=list)
    unread: list[Failed] = field(default_factory=list)
    letters: int = 0

    @property
    def rows(self) -> Array:
        """The row of each text."""
        return np.concatenate(self.blocks_rows) if self.blocks_rows else np.empty(0, np.int64)


class Pace:
    """How much is encoded at once, by how long it took; the numbers do not depend on it."""

    def __init__(self, share: float = 1.0) -> None:
        self._share = share

    @property
    def texts(self) -> int:
        """Texts of a chunk."""
        return max(1, round(self._share * TEXTS))

    @property
    def letters(self) -> int:
        """Letters of a chunk."""
        return max(1, round(self._share * LETTERS))

    def took(self, chunk: Chunk, seconds: float) -> None:
        """Take more or less from now on, by what a full chunk would have taken."""
        full = max(len(chunk.texts) / self.texts, chunk.letters / self.letters)
        if not full:
            return
        seconds /= full
        if seconds < QUICK:
            self._share = min(1.0, 4 * self._share)
        elif seconds > SLOW:
            self._share = max(1 / TEXTS, self._share / 4)


def chunks(source: Source, plan: Plan, column: str, most: int | None) -> Iterator[tuple[Chunk, bool]]:
    """Chunks of each part, and whether the part ends with it."""
    waiting: list[Block] = []
    pace = Pace(min(1.0, FIRST / TEXTS))

    def paced() -> Iterator[tuple[Chunk, bool]]:
        for chunk in gathered(waiting, plan, column, pace):
            start = time.monotonic()
            yield chunk, False
            pace.took(chunk, time.monotonic() - start)

    for block, last in blocks_of(source, most):
        waiting.append(block)
        if last or sum(map(len, waiting)) >= pace.texts:
            yield from paced()
            waiting = []
        if last:
            yield Chunk(), True
    yield from paced()


def gathered(blocks: Iterable[Block], plan: Plan, column: str, pace: Pace | None = None) -> Iterator[Chunk]:
    """The texts of blocks in chunks."""
    pace = pace or Pace()
    chunk = Chunk()
    for block in blocks:
        chunk.unread += [Failed(one.row, one.told) for one in block.unread]
        texts, labels = _listed(block.columns.get(column), len(block)), _labels(block, plan, column)
        low = 0
        while low < len(texts):
            high, letters = _until(texts, low, pace.texts - len(chunk.texts), pace.letters - chunk.letters)
            chunk.blocks_rows.append(block.rows[low:high])
            chunk.texts += texts[low:high]
            chunk.labels += labels[low:high]
            chunk.letters += letters
            low = high
            if len(chunk.texts) >= pace.texts or chunk.letters >= pace.letters:
                yield chunk
                chunk = Chunk()
    yield chunk


def _until(texts: list[Any], low: int, most: int, letters: int) -> tuple[int, int]:
    """Where a chunk that starts at `low` ends, after so many texts or letters, and its letters."""
    some = texts[low : low + most]
    sizes = [len(text) if isinstance(text, str) else 0 for text in some]
    if sum(sizes) <= letters:
        return low + len(some), sum(sizes)
    high = 1 + int(np.searchsorted(np.cumsum(sizes), letters))
    return low + high, sum(sizes[:high])


def _listed(values: Values | None, rows: int) -> list[Any]:
    if values is None:
        return [None] * rows
    return values.tolist() if isinstance(values, np.ndarray) else values


def _labels(block: Block, plan: Plan, column: str) -> list[Hashable]:
    """The class of each row; nothing where the labels are no classes."""
    if plan.label is None or plan.label == column or plan.kinds[plan.label] is not Kind.CLASS:
        return []
    given = block.columns.get(plan.label)
    return as_classes(given) if given is not None else [None] * len(block)
