"""Prints a table of every measurement in this folder: each module has `rows()`."""

from __future__ import annotations

import importlib
import pkgutil
import sys

from tests import bench
from tests.bench.paired import Row


def modules(names: list[str]) -> list[str]:
    known = sorted(place.name for place in pkgutil.iter_modules(bench.__path__) if not place.name.startswith("_"))
    return [name for name in known if name != "paired" and (not names or name in names)]


def line(row: Row) -> str:
    mark = "ok" if row.value <= row.limit else "TOO HIGH"
    return f"{row.what:<58} {row.value:>7.3f} {row.unit:<10} ≤ {row.limit:<5g} {mark:<9} {row.note}"


def main(names: list[str]) -> int:
    rows = [row for name in modules(names) for row in importlib.import_module(f"tests.bench.{name}").rows()]
    for row in rows:
        print(line(row))
    return int(any(row.value > row.limit for row in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
