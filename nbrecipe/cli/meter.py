"""What a kernel took, read from outside while it lives: the peak of its memory and its processor time."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path

#: seconds between two looks: a kernel that dies takes with it what was not read
PAUSE = 0.2


class Meter:
    """Looks at a process now and then; the numbers are those of the last look, 0 where the system tells none."""

    def __init__(self, pid: int | None) -> None:
        self.pid = pid
        self.start = time.perf_counter()
        #: the most memory that it held at once, in bytes
        self.peak = 0
        #: seconds of processor time
        self.worked = 0.0
        self._done = threading.Event()
        self.look()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def look(self) -> Meter:
        """Read the numbers now."""
        if self.pid:
            with contextlib.suppress(OSError, ValueError, StopIteration):  # gone, or no Linux
                self.peak = max(self.peak, _peak(self.pid))
                self.worked = max(self.worked, _worked(self.pid))
        return self

    def stop(self) -> None:
        """Look no more."""
        self._done.set()
        self._thread.join()

    def told(self) -> str:
        """The numbers in words: "12.3 s (10.1 s of processor time), 412 MB at its peak"."""
        worked = f" ({self.worked:.1f} s of processor time)" if self.worked else ""
        peak = f", {megabytes(self.peak)} at its peak" if self.peak else ""
        return f"{time.perf_counter() - self.start:.1f} s{worked}{peak}"

    def _watch(self) -> None:
        while not self._done.wait(PAUSE):
            self.look()


def megabytes(count: int) -> str:
    """Bytes as people write them: "412 MB"."""
    return f"{count / 1e6:.0f} MB"


def _peak(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def _worked(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
