"""`nbrecipe run notebook.ipynb`: execute it, print the board, write the report; several of them make one table."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from ..recipe import STAGES
from .running import client as client_of
from .running import execute, kernel, take
from .trouble import Trouble

EPILOG = """exit code: 0; 1 when a check found a fault; 2 when a notebook could not be run to its end, or the command
was misused. With several notebooks each is a row, whatever becomes of it, and the others go on; each runs in its own
folder, with a journal of its own."""


def add(commands: Any) -> None:
    """The command's arguments."""
    run = commands.add_parser(
        "run",
        help="execute a notebook, print the board, exit with 1 when a check found a fault; several make one table",
        epilog=EPILOG,
    )
    run.add_argument("notebooks", type=Path, nargs="+", metavar="NOTEBOOK", help="notebooks, or folders of them")
    run.add_argument("--report", type=Path, metavar="FILE", help="write the report to a .html or a .json file")
    run.add_argument("--output", type=Path, metavar="FILE", help="write the executed notebook; of several, a folder")
    run.add_argument("--timeout", type=float, default=600.0, metavar="SECONDS", help="for each cell (default: 600)")
    run.add_argument(
        "--full",
        action="store_true",
        default=None,
        help="after the last cell run every check that applies; done anyway when the notebook ran none",
    )
    run.add_argument("--budget", type=float, default=120.0, metavar="SECONDS", help="for these checks (default: 120)")
    run.add_argument("--lock", type=int, metavar="N", help="show no stage of the board after the Nth")
    run.add_argument("--jobs", type=int, default=1, metavar="N", help="notebooks that run at a time (default: 1)")
    run.set_defaults(do=run_all)


def run_all(options: argparse.Namespace) -> int:
    """Execute one notebook, or several; the exit code, or Trouble."""
    _refuse(options)
    first = options.notebooks[0]
    if len(options.notebooks) == 1 and not first.is_dir():
        return run_one(first, options)
    from .several import run_several

    return run_several(options)


def run_one(path: Path, options: argparse.Namespace) -> int:
    """Execute one notebook; the exit code, or Trouble."""
    client = client_of(path, options.timeout)
    with tempfile.TemporaryDirectory() as folder, kernel(client) as meter:
        failure, answers = execute(client)
        took = meter.look().told()
        if not answers:
            raise Trouble(failure)
        try:
            board = take(client, folder, False if failure else options.full, options.budget, options.lock or 0)
        except Trouble as trouble:
            raise Trouble(failure or str(trouble)) from None
        print(f"\n{board['text']}\n\n{took}")
        if options.report:
            shutil.copy(Path(folder, f"report{options.report.suffix}"), options.report)
            print(f"report: {options.report}")
    if options.output:
        import nbformat

        nbformat.write(client.nb, options.output)
        print(f"executed notebook: {options.output}")
    print(f"open it in JupyterLab: {_lab(path)}", flush=True)
    if failure:
        raise Trouble(failure)
    return int(board["exit"])


def _refuse(options: argparse.Namespace) -> None:
    """Better before an hour of training than after it."""
    if options.report and options.report.suffix not in (".html", ".json"):
        raise Trouble(f"a report is written to a .html or a .json file; {str(options.report)!r} is neither")
    for path in (options.report, options.output):
        if path and not path.absolute().parent.is_dir():
            raise Trouble(f"there is no folder {str(path.parent)!r} to write {path.name!r} to")
    if options.lock is not None and not 1 <= options.lock <= len(STAGES):
        raise Trouble(f"--lock takes the number of a stage, 1 to {len(STAGES)}; {options.lock} was given")
    for name, least in (("jobs", 1), ("timeout", 1), ("budget", 0)):
        if not getattr(options, name) >= least:
            raise Trouble(f"--{name} takes a number from {least} up; {getattr(options, name):g} was given")


def _lab(notebook: Path) -> str:
    """The line that opens a notebook in the JupyterLab of this environment."""
    beside, name = Path(sys.executable).with_name("jupyter"), shlex.quote(str(notebook))
    if not beside.exists():
        return f"pip install 'nbrecipe[lab]' && jupyter lab {name}"
    on_path = shutil.which("jupyter")
    short = "jupyter" if on_path and Path(on_path).samefile(beside) else shlex.quote(os.path.relpath(beside))
    return f"{short} lab {name}"
