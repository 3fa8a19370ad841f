"""What became of one notebook among several: plain data that a table, a page and a file of JSON are made of."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .trouble import TROUBLE

#: files that a front end keeps for itself
HIDDEN = ".ipynb_checkpoints"


@dataclass(frozen=True)
class Outcome:
    """What became of one notebook."""

    #: whose it is: the shortest end of its path that no other has
    name: str
    path: str
    #: the sentence about why it did not run to its end; empty where it did
    failure: str = ""
    #: the source of the cell that failed
    source: str = ""
    cells: int = 0
    ran: int = 0
    seconds: float = 0.0
    processor_seconds: float = 0.0
    peak_bytes: int = 0
    #: the number and the title of the stage where it stands; 0 where no board could be taken
    stage: int = 0
    title: str = ""
    #: the gate that is still shut
    gate: str = ""
    #: checks that ran, and those that hold
    checks: int = 0
    held: int = 0
    #: what the checks said, as in a report
    findings: tuple[Mapping[str, Any], ...] = ()
    board: str = ""
    #: the whole report, a page of its own
    report: str = field(default="", repr=False)

    def of(self, verdict: str) -> list[Mapping[str, Any]]:
        """The findings with this verdict."""
        return [finding for finding in self.findings if finding["verdict"] == verdict]

    @property
    def exit_code(self) -> int:
        """2 where it could not be run to its end, 1 where a check found a fault, else 0."""
        return TROUBLE if self.failure else int(bool(self.of("bad")))

    @property
    def place(self) -> str:
        """Where it stands: "2 Skeleton"."""
        return f"{self.stage} {self.title}" if self.stage else "–"

    @property
    def door(self) -> str:
        """Whether the gate before later stages is open."""
        return ("shut" if self.gate else "open") if self.stage else "–"

    @property
    def told(self) -> str:
        """What was found, counted: "1 fault, 2 hints"."""
        faults, hints, crashed = (len(self.of(verdict)) for verdict in ("bad", "hint", "crashed"))
        counts = ((faults, "fault", "faults"), (hints, "hint", "hints"), (crashed, "check crashed", "checks crashed"))
        parts = [f"{n} {one if n == 1 else many}" for n, one, many in counts if n]
        return ", ".join(parts) or (f"{self.held} hold" if self.held else "–")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-ready data, without the page."""
        told = dataclasses.asdict(self)
        del told["report"]
        return {**told, "findings": list(self.findings), "exit": self.exit_code}


def notebooks_in(paths: Sequence[Path]) -> list[Path]:
    """The notebooks that are meant, each once: files as they are given, and of folders every notebook in them."""
    found: dict[Path, Path] = {}
    for path in paths:
        inside = sorted(p for p in path.rglob("*.ipynb") if HIDDEN not in p.parts) if path.is_dir() else [path]
        for each in inside:
            found.setdefault(each.resolve(), each)
    return list(found.values())


def names_of(paths: Sequence[Path]) -> list[str]:
    """A name for each notebook: the shortest end of its path that no other has, without the ending."""
    parts = [
        path.resolve().with_suffix("").parts if path.suffix == ".ipynb" else path.resolve().parts for path in paths
    ]
    lengths = [1] * len(parts)
    while True:
        names = ["/".join(part[-n:]) for part, n in zip(parts, lengths, strict=True)]
        twice = {name for name, count in Counter(names).items() if count > 1}
        longer = [i for i, name in enumerate(names) if name in twice and lengths[i] < len(parts[i])]
        if not longer:
            return names
        for i in longer:
            lengths[i] += 1
