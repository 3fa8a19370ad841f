"""One notebook among several, in a process of its own: `python -m nbrecipe.cli.worker FOLDER` reads what to run there.

What became of it stands in `outcome.json` and `report.html` of the folder, as far as it came.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from .running import client as client_of
from .running import execute, kernel, take
from .trouble import Trouble

TASK, OUTCOME, REPORT = "task.json", "outcome.json", "report.html"
#: a sentence about an error may hold a whole array
LONGEST = 300


def outcome(task: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Run the notebook; what became of it."""
    try:
        client = client_of(Path(task["path"]), task["timeout"])
    except Trouble as trouble:
        return {"failure": str(trouble)}
    cells = [cell for cell in client.nb.cells if cell.cell_type == "code" and cell.source.strip()]
    if not cells:
        return {"failure": "there is no cell of code in it"}
    for cell in cells:  # what was saved with it is not what happens now
        cell.outputs, cell.execution_count = [], None
    told: dict[str, Any] = {"cells": len(cells)}
    with kernel(client, NBRECIPE_JOURNAL=str(folder / "journal.sqlite"), **task["environment"]) as meter:
        start = time.perf_counter()
        told |= _ran(client, cells)
        meter.look()
        told |= {"seconds": time.perf_counter() - start, "processor_seconds": meter.worked, "peak_bytes": meter.peak}
        if told.pop("answers"):
            told |= _board(client, task, folder, told["failure"])
    if task["output"]:
        import nbformat

        nbformat.write(client.nb, task["output"])
    return told


def _ran(client: Any, cells: list[Any]) -> dict[str, Any]:
    """Run every cell: how many ran, the sentence and the source of the one that failed, and if the kernel answers."""
    failure, answers = execute(client)
    counted = [cell for cell in cells if cell.execution_count is not None or cell.outputs]
    number = int(failure.split()[1]) if failure.startswith("cell ") else 0
    ran = number - 1 if number else len(counted)
    source = cells[number - 1].source if number else ""
    return {"failure": failure[:LONGEST], "source": source, "ran": ran, "answers": answers}


def _board(client: Any, task: dict[str, Any], folder: Path, failure: str) -> dict[str, Any]:
    """Where it stands and what was found."""
    try:
        board = take(client, str(folder), False if failure else task["full"], task["budget"], task["lock"])
    except Exception as trouble:  # a dead kernel; or a notebook that broke what the report needs
        return {"failure": failure or f"no report could be taken: {trouble}"[:LONGEST]}
    findings = json.loads((folder / "report.json").read_text("utf-8"))["findings"]
    shown = {"stage": board["stage"], "title": board["title"], "gate": board["gate"], "board": board["text"]}
    return {**shown, "checks": board["ran"], "held": board["held"], "findings": findings}


def main(folder: Path) -> None:
    """Run what the folder says and leave there what became of it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # else its kernel would outlive it
    task = json.loads((folder / TASK).read_text("utf-8"))
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        try:
            told = outcome(task, folder)
        except Exception as error:  # of ours or of a library: this row says so, the others go on
            told = {"failure": f"running it failed: {type(error).__name__}: {error}".partition("\n")[0][:LONGEST]}
    (folder / OUTCOME).write_text(json.dumps(told), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
