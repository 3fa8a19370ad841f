"""`nbrecipe run notebook.ipynb`: execute it, print the board, write the report."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from .running import client as client_of
from .running import execute, kernel, take
from .trouble import Trouble


def add(commands: Any) -> None:
    """The command's arguments."""
    run = commands.add_parser("run", help="execute a notebook, print the board, exit with 1 when a check found a fault")
    run.add_argument("notebook", type=Path)
    run.add_argument("--report", type=Path, metavar="FILE", help="write the report to a .html or a .json file")
    run.add_argument("--output", type=Path, metavar="FILE", help="write the executed notebook")
    run.add_argument("--timeout", type=float, default=600.0, metavar="SECONDS", help="for each cell (default: 600)")
    run.add_argument(
        "--full",
        action="store_true",
        default=None,
        help="after the last cell run every check that applies; done anyway when the notebook ran none",
    )
    run.add_argument("--budget", type=float, default=120.0, metavar="SECONDS", help="for these checks (default: 120)")
    run.set_defaults(do=run_one)


def run_one(options: argparse.Namespace) -> int:
    """Execute one notebook; the exit code, or Trouble."""
    _refuse_unwritable(options)
    client = client_of(options.notebook, options.timeout)
    with tempfile.TemporaryDirectory() as folder, kernel(client):
        failure = execute(client)
        try:
            board = take(client, folder, False if failure else options.full, options.budget)
        except Trouble as trouble:
            raise Trouble(failure or str(trouble)) from None
        print(f"\n{board['text']}\n")
        if options.report:
            shutil.copy(Path(folder, f"report{options.report.suffix}"), options.report)
            print(f"report: {options.report}")
    if options.output:
        import nbformat

        nbformat.write(client.nb, options.output)
        print(f"executed notebook: {options.output}")
    print(f"open it in JupyterLab: {_lab(options.notebook)}", flush=True)
    if failure:
        raise Trouble(failure)
    return int(board["exit"])


def _refuse_unwritable(options: argparse.Namespace) -> None:
    """Better before an hour of training than after it."""
    if options.report and options.report.suffix not in (".html", ".json"):
        raise Trouble(f"a report is written to a .html or a .json file; {str(options.report)!r} is neither")
    for path in (options.report, options.output):
        if path and not path.absolute().parent.is_dir():
            raise Trouble(f"there is no folder {str(path.parent)!r} to write {path.name!r} to")


def _lab(notebook: Path) -> str:
    """The line that opens a notebook in the JupyterLab of this environment."""
    beside, name = Path(sys.executable).with_name("jupyter"), shlex.quote(str(notebook))
    if not beside.exists():
        return f"pip install 'nbrecipe[lab]' && jupyter lab {name}"
    on_path = shutil.which("jupyter")
    short = "jupyter" if on_path and Path(on_path).samefile(beside) else shlex.quote(os.path.relpath(beside))
    return f"{short} lab {name}"
