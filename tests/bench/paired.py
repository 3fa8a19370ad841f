"""Two ways to do the same, timed in turn in one process.

Seconds are the processor's for this process, so that what else runs on the machine does not count; with one thread they
are those of the clock on an idle machine.
"""

from __future__ import annotations

import contextlib
import ctypes
import statistics
import time
from collections.abc import Callable


def keep_freed_memory() -> None:
    """Let this process keep what it frees: else glibc gives pages back and faults them in again, or does not, and the
    step of a convnet differs by a third from one run to the next, watched or bare.
    """
    with contextlib.suppress(OSError, AttributeError):  # another C library
        for option, value in ((-1, 2**30), (-2, 2**26), (-3, 2**25)):  # trim threshold, top pad, mmap threshold
            ctypes.CDLL(None).mallopt(option, value)


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def ratio(one: Callable[[], object], other: Callable[[], object], rounds: int) -> tuple[float, float, float]:
    """The median ratio of pairs run one after the other, and the median seconds of each; a pair warms up first."""
    one(), other()
    pairs = []
    for i in range(rounds):
        first, second = (one, other) if i % 2 == 0 else (other, one)
        times = [seconds(first), seconds(second)]
        pairs.append(tuple(times if i % 2 == 0 else times[::-1]))
    quotient = statistics.median(a / b for a, b in pairs)
    return quotient, statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)
