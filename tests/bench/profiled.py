"""ydata-profiling on the same rows, by whatever interpreter has it: its versions of NumPy and pandas may be others.

Run as `PYTHON -m tests.bench.profiled KIND ROWS MODE`, which prints the processor's seconds.
"""

from __future__ import annotations

import contextlib
import io
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from . import made

ROOT = Path(__file__).parents[2]
#: by kind and mode, as many rows as take a minute or two
COUNTS = {
    ("table", "minimal"): 1_000_000,
    ("texts", "minimal"): 1_000_000,
    ("images", "minimal"): 500,
    ("table", "default"): 2000,
    ("texts", "default"): 1_000_000,
}
#: seconds after which a profile is given up
PATIENCE = 600


def seconds(python: str, kind: str, rows: int, mode: str) -> tuple[float, bool]:
    """The processor's seconds of a profile, in a process of its own, and whether it came to its end."""
    command = [python, "-m", "tests.bench.profiled", kind, str(rows), mode]
    before = _of_children()
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    try:
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return _of_children() - before, False
    return (float(done.stdout.split()[-1]), True) if not done.returncode else (0.0, False)


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def has(python: str) -> bool:
    """Whether an interpreter has the library."""
    command = [python, "-c", "import importlib.util, sys; sys.exit(not importlib.util.find_spec('ydata_profiling'))"]
    return subprocess.run(command, capture_output=True).returncode == 0


def main(kind: str, rows: str, mode: str) -> None:
    from ydata_profiling import ProfileReport

    given = made.frame(getattr(made, kind)(int(rows)))
    start = time.process_time()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        ProfileReport(given, minimal=mode == "minimal", progress_bar=False).to_html()
    print(time.process_time() - start)


if __name__ == "__main__":
    main(*sys.argv[1:])
