"""`nbrecipe run notebook.ipynb`: the same checks without a person, for CI; `nbrecipe explain ID`; `--version`."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import __version__

TROUBLE = 2
COLUMNS = 72
#: runs in the notebook's own kernel, where models and films are, and brings back what the report says
TAKE = """
import json as _json, pathlib as _pathlib
get_ipython().run_line_magic("load_ext", "nbrecipe")
import nbrecipe as _nbrecipe
if {full!r} or ({full!r} is None and not len(_nbrecipe.report())):
    get_ipython().run_line_magic("recipe", "--full --quiet --budget {budget:g}")
_report, _folder = _nbrecipe.report(), _pathlib.Path({folder!r})
_report.save_html(_folder / "report.html")
_report.save_json(_folder / "report.json")
(_folder / "board.json").write_text(_json.dumps({{"text": str(_report), "exit": _report.exit_code}}))
"""


class Trouble(Exception):
    """The command cannot go on; the message is one sentence."""


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0, 1 when a check found a fault, 2 when a cell failed or the command was misused."""
    options = _parser().parse_args(argv)
    try:
        return _explain(options.id) if options.command == "explain" else _run(options)
    except Trouble as trouble:
        print(f"nbrecipe: {trouble}", file=sys.stderr)
        return TROUBLE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nbrecipe", description="The recipe for training neural networks, executable."
    )
    parser.add_argument("--version", action="version", version=f"nbrecipe {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
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
    explain = commands.add_parser("explain", help="a check's page, with its examples run")
    explain.add_argument("id")
    return parser


def _explain(name: str) -> int:
    from . import verbs

    try:
        print(verbs.explain(name))
    except LookupError as error:
        raise Trouble(error.args[0]) from None
    return 0


def _run(options: argparse.Namespace) -> int:
    _refuse_unwritable(options)
    client = _client(options)
    with tempfile.TemporaryDirectory() as folder, _kernel(client):
        failure = _execute(client)
        try:
            board = _take(client, folder, False if failure else options.full, options.budget)
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


def _client(options: argparse.Namespace) -> Any:
    try:
        import ipykernel  # noqa: F401 - the kernel itself is needed, not its names
        import nbclient
        import nbformat
    except ImportError as error:
        raise Trouble(f"running a notebook needs {error.name}: pip install 'nbrecipe[lab]'") from None
    path: Path = options.notebook
    try:
        notebook = nbformat.read(path, as_version=4)
    except FileNotFoundError:
        raise Trouble(f"there is no notebook {str(path)!r}") from None
    except (OSError, ValueError, nbformat.ValidationError, nbformat.reader.NotJSONError) as error:
        raise Trouble(f"{str(path)!r} is not a notebook: {str(error).splitlines()[0]}") from None
    # the kernel of this environment, whatever the one that saved the notebook was called elsewhere
    return nbclient.NotebookClient(
        notebook,
        timeout=options.timeout,
        kernel_name="python3",
        store_widget_state=False,
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],  # else every start warns that local ports are not encrypted
        resources={"metadata": {"path": str(path.absolute().parent)}},
    )


@contextmanager
def _kernel(client: Any) -> Iterator[None]:
    # a debugger that nobody attaches to warns about frozen modules on every start
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    client.reset_execution_trackers()
    with client.setup_kernel():
        yield


def _execute(client: Any) -> str:
    """Run every cell, one line of progress for each; the sentence about the cell that failed, or nothing."""
    cells = [(i, cell) for i, cell in enumerate(client.nb.cells) if cell.cell_type == "code" and cell.source.strip()]
    for number, (index, cell) in enumerate(cells, 1):
        source = _headline(cell.source)
        print(f"{number:>3}/{len(cells)}  {source:<{COLUMNS}}", end="", flush=True)
        start = time.perf_counter()
        failure = _execute_cell(client, cell, index, f"cell {number}")
        print(f" {'failed' if failure else f'{time.perf_counter() - start:.1f} s':>8}", flush=True)
        if failure:
            return failure
    return ""


def _execute_cell(client: Any, cell: Any, index: int, what: str) -> str:
    """The sentence about an error that the cell raised, or nothing; Trouble when the kernel can tell no more."""
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    try:
        client.execute_cell(cell, index)
    except CellTimeoutError:
        raise Trouble(f"{what} ran for more than {client.timeout:g} seconds; allow more with --timeout") from None
    except DeadKernelError:
        raise Trouble(f"{what} ended the kernel; it may have run out of memory") from None
    except CellExecutionError as error:
        return f"{what} stopped with {error.ename}: {error.evalue}".partition("\n")[0]
    return ""


def _headline(source: str) -> str:
    """The first line of a cell that says something."""
    lines = [line.strip() for line in source.splitlines() if line.strip()]
    said = next((line for line in lines if not line.startswith("#")), lines[0])
    return said if len(said) <= COLUMNS else said[: COLUMNS - 1] + "…"


def _take(client: Any, folder: str, full: bool | None, budget: float) -> dict[str, Any]:
    """The board from the kernel, by a cell that the notebook does not keep; `full` None: if it ran no check."""
    import nbformat

    cell = nbformat.v4.new_code_cell(TAKE.format(folder=folder, full=full, budget=budget))
    client.nb.cells.append(cell)
    client.timeout = max(client.timeout, budget + 60)
    failure = _execute_cell(client, cell, len(client.nb.cells) - 1, "taking the report")
    client.nb.cells.pop()
    if failure:
        raise Trouble(failure)
    board: dict[str, Any] = json.loads(Path(folder, "board.json").read_text())
    return board


def _lab(notebook: Path) -> str:
    """The line that opens a notebook in the JupyterLab of this environment."""
    beside, name = Path(sys.executable).with_name("jupyter"), shlex.quote(str(notebook))
    if not beside.exists():
        return f"pip install 'nbrecipe[lab]' && jupyter lab {name}"
    on_path = shutil.which("jupyter")
    short = "jupyter" if on_path and Path(on_path).samefile(beside) else shlex.quote(os.path.relpath(beside))
    return f"{short} lab {name}"


if __name__ == "__main__":
    sys.exit(main())
