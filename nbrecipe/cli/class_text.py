"""The table of several notebooks in a terminal."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ..finding import plain
from ..render.pieces.words import MARKS, sentence
from .meter import megabytes
from .outcome import Outcome

WIDTH = 100
HEAD = ("notebook", "stands at", "gate", "found", "cells", "time", "peak")


def table(outcomes: Sequence[Outcome]) -> str:
    """A row for each notebook, and under the table what was found in it and what stopped it."""
    rows = [HEAD, *(_row(outcome) for outcome in outcomes)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    lines = ["  ".join(_cell(cell, i, widths[i]) for i, cell in enumerate(row)).rstrip() for row in rows]
    told = [said for outcome in outcomes if (said := _details(outcome))]
    return "\n\n".join(["\n".join(lines), *told])


def summary(outcomes: Sequence[Outcome], seconds: float) -> str:
    """How many came how far, and what was found most often."""
    parts = [headline(outcomes), *stages(outcomes)]
    often = ", ".join(f"{name} ({count})" for name, count in faults(outcomes)[:5])
    lines = [f"{'; '.join(parts)}; {seconds:.0f} s in all"]
    return "\n".join([*lines, *([f"faults in several notebooks: {often}"] if often else [])])


def headline(outcomes: Sequence[Outcome]) -> str:
    """ "3 notebooks: 1 stopped, 1 with faults, 1 without"."""
    kinds = Counter(outcome.exit_code for outcome in outcomes)
    told = ((2, "did not run to the end"), (1, "with faults"), (0, "without a fault"))
    counts = [f"{kinds[code]} {words}" for code, words in told if kinds[code]]
    return f"{len(outcomes)} notebook{'s' if len(outcomes) > 1 else ''}: {', '.join(counts)}"


def stages(outcomes: Sequence[Outcome]) -> list[str]:
    """How many stand where: "2 at 1 Data"."""
    places = Counter(outcome.place for outcome in outcomes if outcome.stage)
    return [f"{count} at {place}" for place, count in sorted(places.items())]


def faults(outcomes: Sequence[Outcome]) -> list[tuple[str, int]]:
    """The faults that more than one notebook has, most frequent first."""
    counted = Counter(name for outcome in outcomes for name in {finding["id"] for finding in outcome.of("bad")})
    return sorted(((name, n) for name, n in counted.items() if n > 1), key=lambda pair: (-pair[1], pair[0]))


def _row(outcome: Outcome) -> tuple[str, ...]:
    time = f"{outcome.seconds:.1f} s" if outcome.cells else "–"
    peak = megabytes(outcome.peak_bytes) if outcome.peak_bytes else "–"
    cells = f"{outcome.ran}/{outcome.cells}" if outcome.cells else "–"
    return outcome.name, outcome.place, outcome.door, outcome.told, cells, time, peak


def _cell(cell: str, column: int, width: int) -> str:
    return cell.ljust(width) if column < 4 else cell.rjust(width)


def _details(outcome: Outcome) -> str:
    lines = [_wrap(f"  ! {sentence(outcome.failure)}")] if outcome.failure else []
    lines += [_finding(finding) for verdict in ("bad", "hint", "crashed") for finding in outcome.of(verdict)]
    return "\n".join([outcome.name, *lines]) if lines else ""


def _finding(finding: Mapping[str, Any]) -> str:
    where = " · ".join(filter(None, (finding["id"], plain(finding["where"]))))
    return _wrap(f"  {MARKS[finding['verdict']]} {where}: {plain(finding['message'])}")


def _wrap(line: str) -> str:
    return textwrap.fill(line, WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
