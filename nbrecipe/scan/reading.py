"""Goes through a data set, part by part, and keeps what was read when it is stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..batches import BadInput
from ..guard import interrupts_wait
from .columns.block import Block
from .memory import give_back
from .part import Part
from .plan import Plan, plan_of
from .sources.source import Source

#: rows of a part: a worker that is lost loses this much work
PART = 65_536
#: examples that may fail before reading stops
ERRORS = 1000


@dataclass
class Scan:
    """A data set as it was read: what was counted, how much of it, and how to read one row again."""

    source: Source
    part: Part
    seconds: float = 0.0
    #: whether every row was read, and else why not: "interrupted", "after 20 s"
    whole: bool = False
    stopped: str = ""

    @property
    def plan(self) -> Plan:
        """What the columns hold."""
        return self.part.plan

    @property
    def name(self) -> str:
        """How the user calls the data."""
        return self.source.name

    @property
    def rows(self) -> int:
        """Rows that were read."""
        return self.part.rows

    @property
    def extent(self) -> str:
        """How much was read, in words: "5000 rows", "the first 1200000 of 10000000 rows"."""
        return self.source.extent(self.rows, self.whole)


def scan(
    source: Source,
    *,
    most: int | None = None,
    seconds: float | None = None,
    max_errors: int = ERRORS,
    seen: Callable[[int], None] = lambda rows: None,
) -> Scan:
    """Read a source to its end, or to `most` rows or `seconds`; `seen` is told the rows read, now and then.

    An interrupt ends the reading and keeps what was read. Raises BadInput where no row can be read, and where more
    than `max_errors` examples fail.
    """
    start = time.monotonic()
    done = Scan(source, Part(plan_of(source)))
    current = Part(done.plan)
    try:
        for block, last in blocks_of(source, most):
            with interrupts_wait():
                current.add(block)
                if last:
                    done.part.merge(current)
                    current = Part(done.plan, sample=done.part.sample.begun())
            refuse_errors(source, max_errors, done.part, current)
            seen(done.rows + current.rows)
            if seconds is not None and time.monotonic() - start > seconds:
                done.stopped = f"after {seconds:g} s"
                break
    except KeyboardInterrupt:
        done.stopped = "interrupted"
    done.part.merge(current)
    del current
    give_back()
    met = done.rows + done.part.unread
    if not met:
        raise BadInput(f"`{source.name}` gives its rows only once: a second reading finds none; make its iterator anew")
    done.stopped = done.stopped or source.changed()
    done.whole = met >= source.length if source.length is not None else not done.stopped and met != most
    done.seconds = time.monotonic() - start
    return done


def spans(length: int, most: int | None = None) -> Iterator[tuple[int, int]]:
    """Where the parts of so many rows begin and end."""
    end = length if most is None else min(length, most)
    return ((low, min(low + PART, end)) for low in range(0, end, PART))


def read_part(source: Source, plan: Plan, start: int, stop: int) -> Part:
    """One part by itself, as a worker reads it."""
    part = Part(plan)
    for block in source.blocks(start, stop):
        part.add(block)
    return part


def blocks_of(source: Source, most: int | None) -> Iterator[tuple[Block, bool]]:
    """Every block, and whether a part ends with it."""
    if source.length is None:
        met = 0
        for block in source.blocks(0, most):
            before, met = met // PART, met + len(block) + len(block.unread)
            yield block, met // PART > before
        return
    for start, stop in spans(source.length, most):
        for block in source.blocks(start, stop):
            yield block, False
        yield Block(block.rows[:0], {}), True


def refuse_errors(source: Source, most: int, *parts: Part) -> None:
    """Raise BadInput where more than `most` examples could not be read."""
    if sum(part.unread for part in parts) > most:
        first = next(unread for part in parts for unread in part.named)
        told = f"; it {source.changed()}" if source.changed() else ""
        raise BadInput(
            f"more than {most} examples of `{source.name}` cannot be read; row {first.row}: {first.told}{told}"
        )
