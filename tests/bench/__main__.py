"""Prints every figure: each module of this folder with `rows()` gives (what, figure, limit)."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys

from tests import bench


def tables(names: list[str]) -> list[tuple[str, str, str]]:
    """The rows of the modules named, or of all; each is told as it comes, since all of them take minutes."""
    known = [place.name for place in pkgutil.iter_modules(bench.__path__) if not place.name.startswith("_")]
    modules = [importlib.import_module(f"{bench.__name__}.{name}") for name in known if not names or name in names]
    made = []
    for module in modules:
        for row in module.rows() if hasattr(module, "rows") else ():
            print(*row, sep=" | ", file=sys.stderr, flush=True)
            made.append(row)
    return made


def main(given: list[str]) -> None:
    parser = argparse.ArgumentParser("python -m tests.bench")
    parser.add_argument("names", nargs="*", help="modules of this folder; all where none is named")
    parser.add_argument("--ydata", default="", metavar="PYTHON", help="an interpreter that has ydata-profiling")
    asked = parser.parse_args(given)
    bench.YDATA, names = asked.ydata, asked.names
    rows = [("what", "figure", "at most"), *tables(names)]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))


if __name__ == "__main__":
    main(sys.argv[1:])
