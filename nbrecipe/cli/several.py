"""Several notebooks at a time, each in a process of its own; what became of them as one table."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from . import class_page, class_text
from .outcome import Outcome, names_of, notebooks_in
from .trouble import Trouble
from .worker import OUTCOME, REPORT, TASK

INTERRUPTED = "interrupted before it was through"


def run_several(options: argparse.Namespace) -> int:
    """Execute them all; the highest exit code of them, or Trouble where there is none to run."""
    _needs_libraries()
    paths = notebooks_in(options.notebooks)
    if not paths:
        raise Trouble(f"there is no notebook in {', '.join(repr(str(path)) for path in options.notebooks)}")
    if options.output and not options.output.is_dir():
        raise Trouble(f"the executed notebooks are written to a folder; there is none called {str(options.output)!r}")
    start = time.perf_counter()
    with _ended_as_interrupted():
        outcomes = list(_outcomes(paths, options))
    seconds = time.perf_counter() - start
    print(f"\n{class_text.table(outcomes)}\n\n{class_text.summary(outcomes, seconds)}")
    if options.report:
        options.report.write_text(_report(outcomes, options.report.suffix, seconds), "utf-8")
        print(f"report: {options.report}", flush=True)
    interrupted = any(outcome.failure == INTERRUPTED for outcome in outcomes)
    return 130 if interrupted else max(outcome.exit_code for outcome in outcomes)


@contextmanager
def _ended_as_interrupted() -> Iterator[None]:
    """Whoever ends this process ends the kernels that it started, as an interrupt does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _report(outcomes: list[Outcome], suffix: str, seconds: float) -> str:
    if suffix == ".html":
        return class_page.page(outcomes, seconds)
    return json.dumps({"notebooks": [outcome.to_dict() for outcome in outcomes]}, indent=1)


def _outcomes(paths: list[Path], options: argparse.Namespace) -> Iterator[Outcome]:
    """What became of each, in the order in which they were given; a line as each is through."""
    names, done = names_of(paths), dict[int, Outcome]()
    processes: dict[str, Any] = {}
    width = max(map(len, names))
    with tempfile.TemporaryDirectory() as top, ThreadPoolExecutor(options.jobs) as pool:
        asked = {
            pool.submit(_one, path, name, Path(top, str(i)), options, processes): i
            for i, (path, name) in enumerate(zip(paths, names, strict=True))
        }
        try:
            for count, future in enumerate(as_completed(asked), 1):
                outcome = done[asked[future]] = future.result()
                state = outcome.failure or outcome.told
                print(
                    f"{count:>3}/{len(paths)}  {outcome.name:<{width}}  {outcome.seconds:6.1f} s  {state}", flush=True
                )
        except KeyboardInterrupt:  # what is through is told
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(processes.values()):
                process.terminate()
            print("\ninterrupted: these are the notebooks that were through", file=sys.stderr)
    for i, (path, name) in enumerate(zip(paths, names, strict=True)):
        yield done.get(i) or Outcome(name, str(path), failure=INTERRUPTED)


def _one(path: Path, name: str, folder: Path, options: argparse.Namespace, processes: dict[str, Any]) -> Outcome:
    """One notebook in a process of its own: whatever becomes of that, here is a sentence about it."""
    folder.mkdir()
    cores = os.cpu_count() or 1
    threads = {} if options.jobs == 1 or "OMP_NUM_THREADS" in os.environ else {
        "OMP_NUM_THREADS": str(max(1, cores // options.jobs))
    }  # fmt: skip
    output = str((options.output / f"{name.replace('/', '_')}.ipynb").absolute()) if options.output else ""
    task = {
        "path": str(path.absolute()), "timeout": options.timeout, "full": options.full, "budget": options.budget,
        "lock": options.lock or 0, "environment": threads, "output": output,
    }  # fmt: skip
    (folder / TASK).write_text(json.dumps(task), "utf-8")
    command = [sys.executable, "-m", "nbrecipe.cli.worker", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        processes[name] = process
        said = process.communicate()[1]
    del processes[name]
    try:
        told = json.loads((folder / OUTCOME).read_text("utf-8"))
    except (OSError, ValueError):
        last = (said.strip().splitlines() or [f"exit code {process.returncode}"])[-1]
        told = {"failure": f"running it failed: {last}"}
    page = folder / REPORT
    told["findings"] = tuple(told.get("findings", ()))
    told["failure"] = told.get("failure", "").replace(repr(task["path"]), repr(str(path)))
    report = page.read_text("utf-8") if page.exists() and told.get("stage") else ""
    return Outcome(name, str(path), report=report, **told)


def _needs_libraries() -> None:
    """Trouble, once and not for each row, where a notebook cannot be run at all."""
    try:
        import ipykernel  # noqa: F401
        import nbclient  # noqa: F401
        import nbformat  # noqa: F401
    except ImportError as error:
        raise Trouble(f"running a notebook needs {error.name}: pip install 'nbrecipe[lab]'") from None
