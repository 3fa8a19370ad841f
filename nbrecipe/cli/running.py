"""Execute a notebook cell by cell in a kernel of its own, and take the report out of that kernel."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .meter import Meter
from .trouble import Trouble

COLUMNS = 72
#: runs in the notebook's own kernel, where models and films are, and brings back what the report says
TAKE = """
import json as _json, pathlib as _pathlib
get_ipython().run_line_magic("load_ext", "nbrecipe")
import nbrecipe as _nbrecipe, nbrecipe.verbs as _verbs
_ran = len(_verbs.SESSION.report)
if {lock!r}:
    _verbs.SESSION.lock_at({lock!r})
if {full!r} or ({full!r} is None and not _ran):
    get_ipython().run_line_magic("recipe", "--full --quiet --budget {budget:g}")
_report, _folder = _nbrecipe.report(), _pathlib.Path({folder!r})
_report.save_html(_folder / "report.html")
_report.save_json(_folder / "report.json")
(_folder / "board.json").write_text(_json.dumps({{
    "text": str(_report), "exit": _report.exit_code, "stage": _report.stages.index(_report.here) + 1,
    "title": _report.here.title, "gate": _report.gate.name if _report.gate else "",
    "ran": len(_report), "held": len(_report.of("ok")),
}}))
"""


#: seconds in which a cell that was interrupted ends
PATIENCE = 30


def client(path: Path, timeout: float) -> Any:
    """What executes this notebook; Trouble when it is none."""
    try:
        import ipykernel  # noqa: F401 - the kernel itself is needed, not its names
        import nbclient
        import nbformat
    except ImportError as error:
        raise Trouble(f"running a notebook needs {error.name}: pip install 'nbrecipe[lab]'") from None
    try:
        notebook = nbformat.read(path, as_version=4)
    except FileNotFoundError:
        raise Trouble(f"there is no notebook {str(path)!r}") from None
    except (OSError, ValueError, nbformat.ValidationError, nbformat.reader.NotJSONError) as error:
        raise Trouble(f"{str(path)!r} is not a notebook: {str(error).splitlines()[0]}") from None
    # the kernel of this environment, whatever the one that saved the notebook was called elsewhere
    return nbclient.NotebookClient(
        notebook,
        timeout=math.ceil(timeout),  # whole seconds: a fraction is refused before nbclient 0.11
        kernel_name="python3",
        store_widget_state=False,
        coalesce_streams=True,  # what a progress line said on its way is nobody's matter afterwards
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],  # else every start warns that local ports are not encrypted
        resources={"metadata": {"path": str(path.absolute().parent)}},
    )


@contextmanager
def kernel(client: Any, **environment: str) -> Iterator[Meter]:
    """A kernel for this notebook, for as long as the block lasts, and what it takes; `environment` is added to ours."""
    # a debugger that nobody attaches to warns about frozen modules on every start
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    client.reset_execution_trackers()
    # in a notebook's own terminal this names that notebook
    ours = {name: value for name, value in os.environ.items() if name != "JPY_SESSION_NAME"}
    with client.setup_kernel(env={**ours, **environment}):
        meter = Meter(getattr(getattr(client.km, "provisioner", None), "pid", None))
        try:
            yield meter
        finally:
            meter.stop()


def execute(client: Any) -> tuple[str, bool]:
    """Run every cell, one line of progress for each: a sentence about the cell that failed, if one did, and whether the
    kernel still answers.
    """
    cells = [(i, cell) for i, cell in enumerate(client.nb.cells) if cell.cell_type == "code" and cell.source.strip()]
    for number, (index, cell) in enumerate(cells, 1):
        source, failure, answers = headline(cell.source), "", True
        print(f"{number:>3}/{len(cells)}  {source:<{COLUMNS}}", end="", flush=True)
        start = time.perf_counter()
        try:
            failure = execute_cell(client, cell, index, f"cell {number}")
        except Trouble as trouble:
            failure, answers = str(trouble), interrupt(client)
        print(f" {'failed' if failure else f'{time.perf_counter() - start:.1f} s':>8}", flush=True)
        if failure:
            return failure, answers
    return "", True


def execute_cell(client: Any, cell: Any, index: int, what: str) -> str:
    """The sentence about an error that the cell raised, or nothing; Trouble when the kernel can tell no more."""
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    try:
        client.execute_cell(cell, index)
    except CellTimeoutError:
        limit = f"{client.timeout:g} second{'s' * (client.timeout != 1)}"
        raise Trouble(f"{what} ran for more than {limit}; allow more with --timeout") from None
    except DeadKernelError:
        raise Trouble(f"{what} ended the kernel; it may have run out of memory") from None
    except CellExecutionError as error:
        return f"{what} stopped with {error.ename}: {error.evalue}".partition("\n")[0]
    return ""


def interrupt(client: Any) -> bool:
    """Stop the cell that runs, as the button of a notebook does, and wait; False where the kernel answers no more."""
    from jupyter_core.utils import ensure_async, run_sync

    async def stopped() -> None:
        await ensure_async(client.km.interrupt_kernel())
        await ensure_async(client.kc.wait_for_ready(timeout=PATIENCE))  # what is asked before that is dropped unread

    try:
        run_sync(stopped)()
    except Exception:  # a dead kernel, or one that hears no interrupt
        return False
    return True


def headline(source: str) -> str:
    """The first line of a cell that says something."""
    lines = [line.strip() for line in source.splitlines() if line.strip()]
    said = next((line for line in lines if not line.startswith("#")), lines[0])
    return said if len(said) <= COLUMNS else said[: COLUMNS - 1] + "…"


def take(client: Any, folder: str, full: bool | None, budget: float, lock: int = 0) -> dict[str, Any]:
    """The board from the kernel, by a cell that the notebook does not keep; `full` None: if it ran no check."""
    import nbformat

    cell = nbformat.v4.new_code_cell(TAKE.format(folder=folder, full=full, budget=budget, lock=lock))
    client.nb.cells.append(cell)
    client.timeout = math.ceil(max(client.timeout, budget + 60))
    failure = execute_cell(client, cell, len(client.nb.cells) - 1, "taking the report")
    client.nb.cells.pop()
    if failure:
        raise Trouble(failure)
    board: dict[str, Any] = json.loads(Path(folder, "board.json").read_text())
    return board
