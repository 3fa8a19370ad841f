"""The README's table of checks, written from the registry: `python -m nbrecipe.catalogue [--check]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .check import Check
from .registry import all_checks

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- checks: written by python -m nbrecipe.catalogue -->", "<!-- end of checks -->"
#: what a check sees, and so what it costs, in words
COST = {"instant": "one batch", "scan": "reads the data", "trains": "trains, seconds"}
#: the same for checks that need one of these
SEES = {"trace": "your loop", "cells": "your cells"}


def table() -> str:
    """Every check as a row of a Markdown table, in the recipe's order."""
    rows = [(f"`{c.id}`", c.title, c.tip.name, sees(c)) for c in all_checks().values()]
    lines = [("check", "what holds", "tip", "looks at"), ("---",) * 4, *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)


def sees(check: Check) -> str:
    """What a check looks at."""
    return next((words for need, words in SEES.items() if need in check.needs), COST[check.cost])


def filled(page: str) -> str:
    """The page with the table between its markers; ValueError where they are missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page has no place for the table: put {BEGIN} and {END} on lines of their own")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def main(argv: Sequence[str] | None = None, readme: Path = README) -> int:
    """Write the table; with `--check` only say whether it is stale, with exit code 1 when it is."""
    parser = argparse.ArgumentParser(prog="python -m nbrecipe.catalogue", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when the table is stale")
    check = parser.parse_args(argv).check
    try:
        old = readme.read_text(encoding="utf-8")
        new = filled(old)
    except (OSError, ValueError) as error:
        print(f"catalogue: {error}", file=sys.stderr)
        return 2
    if old == new:
        return 0
    if check:
        print(f"catalogue: the table of checks in {readme.name} is stale: run python -m nbrecipe.catalogue")
        return 1
    readme.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
