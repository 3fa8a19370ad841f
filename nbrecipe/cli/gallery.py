"""`nbrecipe gallery notebooks/*.ipynb --to FOLDER`: static pages that need neither a kernel nor a network."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .running import client, execute, kernel
from .trouble import TROUBLE, Trouble

if TYPE_CHECKING:
    from ..gallery.writing import Written


def add(commands: Any) -> None:
    """The command's arguments."""
    parser = commands.add_parser("gallery", help="notebooks as static pages that open from disk, with an index")
    parser.add_argument("notebooks", type=Path, nargs="+", metavar="NOTEBOOK", help="notebooks, or folders of them")
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="where the pages go")
    parser.add_argument("--execute", action="store_true", help="run each notebook first; its file stays as it is")
    parser.add_argument(
        "--timeout", type=float, default=600.0, metavar="SECONDS", help="for each cell that is run (default: 600)"
    )
    parser.add_argument(
        "--trust", action="store_true", help="keep the scripts of other libraries; only for notebooks of your own"
    )
    parser.set_defaults(do=make)


def make(options: argparse.Namespace) -> int:
    """Write the pages; the exit code, or Trouble."""
    from .. import gallery
    from ..batches import BadInput

    try:
        sources = gallery.sources(options.notebooks)
        gallery.writable(sources, options.to)
        failures = [_run(source, options.timeout) for source in sources] if options.execute else []
        gallery.export(sources, options.to, trust=options.trust, told=_say)
    except BadInput as error:
        raise Trouble(str(error)) from None
    print(f"open {options.to / 'index.html'} in a browser")
    for failure in filter(None, failures):
        print(f"nbrecipe: {failure}")
    return TROUBLE if any(failures) else 0


def _run(source: Any, timeout: float) -> str:
    """Execute a notebook in place of what was saved; the sentence about the cell that failed, or nothing."""
    print(source.path.name)
    running = client(source.path, timeout)
    with kernel(running):
        failure, _ = execute(running)
    source.notebook = running.nb
    return f"{source.path.name}: {failure}" if failure else ""


def _say(page: Written) -> None:
    told = [page.told, f"{page.bytes / 1e6:.1f} MB"]
    if page.unrun:
        told.append("not run yet: `--execute` runs it first")
    if page.dropped:
        told.append(f"{page.dropped} output{'s' * (page.dropped > 1)} not shown in full")
    print(f"{page.path}: {', '.join(told)}")
