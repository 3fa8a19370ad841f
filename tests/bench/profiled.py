"""ydata-profiling on the same rows, by whatever interpreter has it: its versions of NumPy and pandas may be others.

Run as `PYTHON -m tests.bench.profiled KIND ROWS MODE`, which prints the processor's seconds; it ends by itself after
`PATIENCE` of them, however busy the machine is. What a profile costs whatever the rows, as a picture for each pair of
columns, is most of it where there are many columns.
"""

from __future__ import annotations

import contextlib
import io
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

from . import made

ROOT = Path(__file__).parents[2]
#: by kind and mode, rows that are read
COUNTS = {
    ("table", "minimal"): 100_000,
    ("texts", "minimal"): 1_000_000,
    ("images", "minimal"): 100,
    ("table", "default"): 1000,
    ("texts", "default"): 1_000_000,
}
#: seconds of the processor after which a profile is given up
PATIENCE = 40


def seconds(python: str, kind: str, rows: int, mode: str) -> float | None:
    """The processor's seconds of a profile, in a process of its own; None where `PATIENCE` did not do."""
    command = [python, "-m", "tests.bench.profiled", kind, str(rows), mode]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    if done.returncode == -signal.SIGXCPU:
        return None
    done.check_returncode()
    return float(done.stdout.split()[-1])


def has(python: str) -> bool:
    """Whether an interpreter has the library."""
    command = [python, "-c", "import importlib.util, sys; sys.exit(not importlib.util.find_spec('ydata_profiling'))"]
    return subprocess.run(command, capture_output=True).returncode == 0


def main(kind: str, rows: str, mode: str) -> None:
    from ydata_profiling import ProfileReport

    given = made.frame(getattr(made, kind)(int(rows)))
    start = time.process_time()
    resource.setrlimit(resource.RLIMIT_CPU, (int(start) + PATIENCE, resource.RLIM_INFINITY))
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        ProfileReport(given, minimal=mode == "minimal", progress_bar=False).to_html()
    print(time.process_time() - start)


if __name__ == "__main__":
    main(*sys.argv[1:])
