"""`nbrecipe run notebook.ipynb`: the same checks without a person, for CI; `nbrecipe gallery`; `nbrecipe explain ID`.

A command is a file here: `add(commands)` gives it a parser of arguments and, as `do`, the function that carries it out.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from .. import __version__
from . import explain, gallery, run
from .trouble import TROUBLE, Trouble

COMMANDS = (run, gallery, explain)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0, 1 when a check found a fault, 2 when a cell failed or the command was misused."""
    options = _parser().parse_args(argv)
    try:
        code = int(options.do(options))
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # who reads us has read enough, as `head` does; what is left to say goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return TROUBLE
    except Trouble as trouble:
        print(f"nbrecipe: {trouble}", file=sys.stderr)
        return TROUBLE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nbrecipe", description="The recipe for training neural networks, executable."
    )
    parser.add_argument("--version", action="version", version=f"nbrecipe {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return parser
