"""Counts piece after piece into parts, until the end, an interrupt or the time that is given."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from ...guard import interrupts_wait


class Counted(Protocol):
    """What rows are counted into."""

    @property
    def met(self) -> int:
        """Rows that were met, whether they could be counted or not."""
        ...

    def merge(self, later: object) -> None:
        """Count in what another part, of later rows, has counted."""
        ...


Piece = TypeVar("Piece")
Of = TypeVar("Of", bound=Counted)


def gone_through(
    pieces: Iterable[tuple[Piece, bool]],
    prepared: Callable[[Piece], Callable[[Of], None]],
    fresh: Callable[[], Of],
    seconds: float | None,
    seen: Callable[[int], None],
) -> tuple[Of, str]:
    """All pieces counted, and what ended it early: "interrupted", "after 20 s" or "".

    `prepared` does the work, which may be interrupted, and gives what counts it in, which may not. A piece comes with
    whether a part ends with it.
    """
    start = time.monotonic()
    whole, current, stopped = fresh(), fresh(), ""
    try:
        for piece, last in pieces:
            count = prepared(piece)
            with interrupts_wait():
                count(current)
                if last:
                    whole.merge(current)
                    current = fresh()
            seen(whole.met + current.met)
            if seconds is not None and time.monotonic() - start > seconds:
                stopped = f"after {seconds:g} s"
                break
    except KeyboardInterrupt:
        stopped = "interrupted"
    whole.merge(current)
    return whole, stopped
