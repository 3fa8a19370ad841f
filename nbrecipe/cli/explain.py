"""`nbrecipe explain ID`: a check's page in the terminal."""

from __future__ import annotations

import argparse
from typing import Any

from .trouble import Trouble


def add(commands: Any) -> None:
    """The command's arguments."""
    parser = commands.add_parser("explain", help="a check's page, with its examples run")
    parser.add_argument("id")
    parser.set_defaults(do=explain)


def explain(options: argparse.Namespace) -> int:
    """Print the page; Trouble for an unknown id."""
    from .. import verbs

    try:
        print(verbs.explain(options.id))
    except LookupError as error:
        raise Trouble(error.args[0]) from None
    return 0
